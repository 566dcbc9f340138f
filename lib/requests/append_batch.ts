import {
  type BounceBuffer,
  releaseBounceBuffer,
  takeBounceBuffer,
} from "../../ffi/bounce_buffer.ts";
import { byteLengthOf, copyBytes } from "../checks/bytes.ts";
import { AioError } from "../system/error.ts";
import type { FileQueue } from "./file_queue.ts";
import { Request } from "./request.ts";
import type { RequestList } from "../collections/request_list.ts";

/** How many bytes of several appends go to the system as one. */
const BATCH_BYTES_MAX = 256 * 1024;

/**
 * Takes the next append and, if others wait behind it, those too. Appends are
 * handed to the system one at a time, because their order is what matters: what
 * has come together while one was running goes out together.
 *
 * @param waiting The appends that wait, with one at least.
 * @returns The only one, or a request that carries several.
 */
export function takeAppends(waiting: RequestList): Request {
  let bytes = 0;
  let count = 0;
  for (let at = waiting.first; at !== null; at = at.next) {
    if (bytes + at.length > BATCH_BYTES_MAX || !isCombinable(at)) break;
    bytes += at.length;
    count++;
  }
  const buffer = count > 1 ? takeMemory(bytes) : null;
  if (buffer === null) return waiting.shift();
  const appends: Request[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const append = waiting.shift();
    copyBytes(buffer.bytes, append.view!, at);
    at += append.length;
    appends.push(append);
  }
  return new AppendBatch(appends[0].queue, appends, buffer, bytes);
}

/** Without memory for many, the first one may do with less, or with none. */
function takeMemory(bytes: number): BounceBuffer | null {
  try {
    return takeBounceBuffer(bytes);
  } catch {
    return null;
  }
}

/** Not one that has begun, or whose buffer is gone: that fails by itself. */
function isCombinable(request: Request): boolean {
  return request.operation === "append" && request.transferred === 0 &&
    !request.isCarrier && byteLengthOf(request.view!) === request.length;
}

/** One native write for several appends. */
class AppendBatch extends Request {
  readonly #appends: Request[];
  readonly #memory: BounceBuffer;
  #isDissolved = false;
  constructor(
    queue: FileQueue,
    appends: Request[],
    memory: BounceBuffer,
    bytes: number,
  ) {
    const view = memory.bytes.subarray(0, bytes);
    super(queue, "append", view, memory.address, 0, 0);
    this.#appends = appends;
    this.#memory = memory;
    for (const append of appends) append.batch = this;
    queue.carrierMade();
  }

  override get isCarrier(): boolean {
    return true;
  }

  override get appends(): readonly Request[] {
    return this.#appends;
  }

  /** Its appends go their own ways again. */
  override dissolve(): void {
    this.#isDissolved = true;
    this.settle(null);
  }

  /** Those that are written have succeeded, whatever became of the others. */
  protected override handOver(error: Error | null): void {
    releaseBounceBuffer(this.#memory);
    for (const append of this.#appends) append.batch = null;
    if (this.#isDissolved) return;
    let rest = this.transferred;
    for (const append of this.#appends) {
      append.transferred = Math.min(append.length, rest);
      rest -= append.transferred;
      if (error === null || append.transferred === append.length) {
        append.finish();
      } else if (error instanceof AioError) append.fail(error.errno);
      else append.settle(error);
    }
  }
}
