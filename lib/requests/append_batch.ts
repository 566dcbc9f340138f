/**
 * Appends that go to the system together. One is handed over at a time, because
 * their order is what matters: what has come while one was running goes next, as
 * one.
 */
import type { BounceBuffer } from "../../ffi/bounce_buffer.ts";
import { gather } from "../checks/buffers.ts";
import { bounces } from "../system/bounces.ts";
import { AioError } from "../system/error.ts";
import { CombinedRequest } from "./combined_request.ts";
import { isRefusal } from "./refusals.ts";
import type { Request } from "./request.ts";
import type { RequestList } from "./request_list.ts";

/** How many bytes of several appends go to the system as one. */
const BATCH_BYTES_MAX = 256 * 1024;

/**
 * Takes the next append and, if others wait behind it, those too.
 *
 * @param waiting The appends that wait, with one at least.
 * @returns The only one, or the leader of several.
 */
export function takeAppends(waiting: RequestList): Request {
  let bytes = 0;
  let count = 0;
  for (let at = waiting.first; at !== null; at = at.next) {
    if (bytes + at.length > BATCH_BYTES_MAX || !isCombinable(at)) break;
    bytes += at.length;
    count++;
  }
  const memory = count > 1 ? takeMemory(waiting.first!, bytes) : null;
  return memory === null
    ? waiting.shift()
    : combine(waiting, { count, bytes, memory });
}

function combine(
  waiting: RequestList,
  { count, bytes, memory }: {
    count: number;
    bytes: number;
    memory: BounceBuffer;
  },
): Request {
  const appends = new Set<Request>();
  const { queue } = waiting.first!;
  let at = 0;
  while (appends.size < count) {
    const append = waiting.shift();
    gather(memory.bytes, at, append.view!, 0, append.length);
    at += append.length;
    appends.add(append);
  }
  const batch = new CombinedRequest(
    queue,
    {
      operation: "append",
      view: memory.bytes.subarray(0, bytes),
      address: memory.address,
      offset: 0,
      priority: 0,
    },
    appends,
    distribute,
    memory,
  );
  for (const append of appends) append.leader = batch;
  return batch;
}

/** Without memory for many, the first one may do with less, or with none. */
function takeMemory({ queue }: Request, bytes: number): BounceBuffer | null {
  try {
    return bounces(queue.file).take(bytes);
  } catch {
    return null;
  }
}

/** Not one that has begun, or whose buffer is gone, which fails by itself. */
function isCombinable(request: Request): boolean {
  return request.operation === "append" && request.transferred === 0 &&
    request.followers === null && !request.isViewLost() && !request.isAlone;
}

function isRefused(
  { transferred }: CombinedRequest,
  error: Error | null,
): boolean {
  return error instanceof AioError && transferred === 0 &&
    isRefusal(error.errno);
}

/** Takes a batch apart that was not handed over, or has not begun. */
export function dissolve(batch: CombinedRequest): Request[] {
  const appends = [...batch.followers];
  const { memory } = batch;
  memory!.pool.release(memory!);
  for (const append of appends) append.leader = null;
  return appends;
}

/**
 * Those that are written have succeeded, whatever became of the others. Where one may
 * have had all refused, each is made by itself.
 */
function distribute(batch: CombinedRequest, error: Error | null): void {
  if (isRefused(batch, error)) {
    for (const append of dissolve(batch).reverse()) {
      append.isAlone = true;
      append.queue.returnFirst(append);
    }
    return;
  }
  let rest = batch.transferred;
  for (const append of dissolve(batch)) {
    append.transferred = Math.min(append.length, rest);
    rest -= append.transferred;
    const { queue } = append;
    if (error === null || append.transferred === append.length) {
      queue.settle(append, append.lostView());
    } else if (error instanceof AioError) queue.fail(append, error.errno);
    else queue.settle(append, error);
  }
}
