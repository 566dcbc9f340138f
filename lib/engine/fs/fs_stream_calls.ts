/**
 * Reads and writes of a pipe or a terminal that do not wait, by `node:fs` alone:
 * through a second descriptor, which is nonblocking. Nothing tells when it is ready,
 * so that it is tried now and then.
 *
 * @module
 */
import { readSync, type Stats, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { runtime } from "../../../ffi/current.ts";
import { clearTimeout, setTimeout } from "../../../ffi/event_loop.ts";
import { assert } from "../../checks/assert.ts";
import { gather, isList, scatter } from "../../checks/buffers.ts";
import { sliceOf } from "../../checks/bytes.ts";
import { EIO, platform } from "../../system/constants.ts";
import { errnoOf } from "../../system/error.ts";
import { closeQuietly, reopenByFs } from "../../system/fs_descriptor.ts";
import type { EngineRequest, FileTraits } from "../engine.ts";
import {
  PIPE_BUF,
  type Readiness,
  type StreamCalls,
  type Waiting,
} from "../streams/stream_calls.ts";

const { constants } = platform;

/** How long until the next try: longer and longer, while nothing comes. */
const TRY_MS_MIN = 1;
const TRY_MS_MAX = 16;
/** A try in vain costs 10 to 80 us: all who wait have one in so many milliseconds. */
const TRY_MS_EACH = 8;

/** How many wait. */
let waitingCount = 0;

/** The number of `/dev/ptmx`: each time it is opened makes another terminal. */
const PTMX = 0x502;

/** See the module's documentation. */
export class FsStreamCalls implements StreamCalls, Readiness {
  readonly #fd: number;
  readonly #file: FileTraits;
  readonly #isTerminal: boolean;
  /** The nonblocking one, or -1. */
  #secondFd = -1;
  #try_ms = TRY_MS_MIN;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /**
   * @param stats What the system tells of the descriptor, if it does.
   * @returns `null` where there can be no such descriptor.
   */
  static open(
    fd: number,
    file: FileTraits,
    stats: Stats | null,
  ): FsStreamCalls | null {
    // On Windows: another client of a named pipe's server, and one that waits.
    if (constants.O_NONBLOCK === 0) return null;
    const isTerminal = isatty(fd);
    if (stats === null || !isSameWhenOpened(stats, isTerminal)) return null;
    const calls = new FsStreamCalls(fd, file, isTerminal);
    return calls.#openSecond() < 0 ? null : calls;
  }

  private constructor(fd: number, file: FileTraits, isTerminal: boolean) {
    this.#fd = fd;
    this.#file = file;
    this.#isTerminal = isTerminal;
  }

  /** Returns the descriptor, or a negative error number. */
  #openSecond(): number {
    if (this.#secondFd >= 0) return this.#secondFd;
    const { O_ACCMODE, O_NONBLOCK, O_NOCTTY } = constants;
    const { flags, path } = this.#file;
    const wanted = flags & O_ACCMODE | O_NONBLOCK | O_NOCTTY;
    const opened = reopenByFs(this.#fd, path, wanted);
    if (opened >= 0) this.#secondFd = opened;
    return opened;
  }

  transfer(request: EngineRequest, wanted: number): number {
    const second = this.#openSecond();
    if (second < 0) return second;
    try {
      // Deno does not tell how many of more it took before it would have had to wait.
      const bytes = request.isWrite
        ? this.#write(request, Math.min(wanted, PIPE_BUF))
        : read(second, request, wanted);
      this.#try_ms = TRY_MS_MIN;
      return bytes;
    } catch (error) {
      return -(errnoOf(error) ?? EIO);
    }
  }

  /** A terminal takes a part; where nobody tells how much, it has to take all. */
  #write(request: EngineRequest, byteLength: number): number {
    const isWhole = this.#isTerminal && runtime.losesPartialWrites;
    const fd = isWhole ? this.#fd : this.#secondFd;
    const { view, transferred } = request;
    const bytes = new Uint8Array(byteLength);
    gather(bytes, 0, view!, transferred, byteLength);
    return writeSync(fd, bytes, 0, byteLength, null);
  }

  wait(waiting: Waiting): void {
    waitingCount++;
    this.#timer = setTimeout(() => {
      this.#ended();
      waiting.ready();
    }, this.#try_ms);
    const most = Math.max(TRY_MS_MAX, waitingCount * TRY_MS_EACH);
    this.#try_ms = Math.min(this.#try_ms * 2, most);
  }

  forget(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#ended();
  }

  #ended(): void {
    this.#timer = null;
    assert(waitingCount > 0, "who ends waiting has waited");
    waitingCount--;
  }

  close(): void {
    if (this.#secondFd >= 0) closeQuietly(this.#secondFd);
    this.#secondFd = -1;
  }
}

/** Whether a descriptor that is opened again leads to the same pipe or terminal. */
function isSameWhenOpened(stats: Stats, isTerminal: boolean): boolean {
  return stats.isFIFO() || isTerminal && stats.rdev !== PTMX;
}

function read(
  fd: number,
  { view, transferred }: EngineRequest,
  wanted: number,
): number {
  if (!isList(view!)) {
    const bytes = sliceOf(view!, transferred, transferred + wanted);
    return readSync(fd, bytes, { position: null });
  }
  const bytes = new Uint8Array(wanted);
  const count = readSync(fd, bytes, { position: null });
  scatter(view, transferred, bytes.subarray(0, count));
  return count;
}
