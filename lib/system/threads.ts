import { runtime } from "../../ffi/current.ts";
import { freeNative } from "../../ffi/memory.ts";
import { assertObject, positiveInt32 } from "../checks/arguments.ts";
import { platform } from "./constants.ts";
import { allocateFor, librt } from "./librt.ts";
import {
  servingThreads,
  threadsLeft,
  waitingThreads,
} from "./thread_limits.ts";

/**
 * Tuning of the C library's implementation.
 *
 * @example
 * ```ts
 * import { aio_init, type AioInit } from "@posix/aio";
 *
 * const tuning: AioInit = { aio_threads: 16, aio_idle_time: 10 };
 * aio_init(tuning);
 * ```
 */
export interface AioInit {
  /**
   * The most threads that serve requests. A number that is given here holds
   * whatever number of threads the process may have (`pids.max`,
   * `RLIMIT_NPROC`).
   *
   * @default {20}
   */
  aio_threads?: number;
  /**
   * How many simultaneous requests to expect.
   *
   * @default {64}
   */
  aio_num?: number;
  /**
   * How long a thread without work stays, in seconds.
   *
   * @default {1}
   */
  aio_idle_time?: number;
}

/** How many threads glibc uses unless it is told otherwise. */
const DEFAULT_THREADS = 20;

/** What was asked for first: later calls do not change it. */
let tunedThreads: number | null = null;

/** How many threads the process may make, before there is one of these. */
let left: number | null = null;

/** Whether the default was compared with what is left. */
let isLimited = false;

/**
 * Tunes the implementation for the file level, unless the program did.
 *
 * @param threads How many threads the program wants, or `null`.
 * @param most How many are best where nothing limits them.
 */
export function tuneOnce(threads: number | null, most: number): void {
  if (tunedThreads !== null) return;
  aio_init({ aio_threads: threads ?? servingThreads(spareThreads(), most) });
}

/** Tunes the implementation for the C interface, if the default is too much. */
export function limitOnce(): void {
  if (isLimited || tunedThreads !== null) return;
  isLimited = true;
  const serving = servingThreads(spareThreads(), DEFAULT_THREADS);
  if (serving < DEFAULT_THREADS) aio_init({ aio_threads: serving });
}

/** How many threads serve requests, at most. */
export function threads(): number {
  return tunedThreads ?? DEFAULT_THREADS;
}

/**
 * How many nonblocking calls, a thread each, may be out at once.
 *
 * @param most How many there is a use for.
 */
export function waitingCallsMax(most: number): number {
  const waiting = waitingThreads(spareThreads(), threads());
  return Math.min(most, waiting, runtime.nonblockingCallsMax);
}

/** How many threads there may be of the library's, whatever they do. */
function spareThreads(): number {
  left ??= threadsLeft();
  return left - runtime.threadsOnDemand;
}

/**
 * Tunes glibc's implementation. It has an effect before the first request of the
 * process only, and none on systems without this extension.
 *
 * @param options What to tune; see the GNU C Library manual, "Configuration of
 * Asynchronous I/O".
 * @throws {RangeError} If a number is not a positive 32-bit integer.
 *
 * @example
 * ```ts
 * import { aio_init } from "@posix/aio";
 *
 * aio_init({ aio_threads: 32, aio_num: 256 });
 * ```
 */
export function aio_init(options: AioInit): void {
  assertObject(options, "options");
  const { aio_threads = DEFAULT_THREADS, aio_num = 64, aio_idle_time = 1 } =
    options;
  positiveInt32(aio_threads, "aio_threads");
  positiveInt32(aio_num, "aio_num");
  positiveInt32(aio_idle_time, "aio_idle_time");
  const { aio_init } = librt("aio_init");
  left ??= threadsLeft();
  const layout = platform.aioinit;
  if (aio_init === null || layout === null) {
    tunedThreads ??= aio_threads;
    return;
  }
  const memory = allocateFor("aio_init", layout.size);
  const { view } = memory;
  view.setInt32(layout.aio_threads, aio_threads, true);
  view.setInt32(layout.aio_num, aio_num, true);
  view.setInt32(layout.aio_idle_time, aio_idle_time, true);
  aio_init(memory.pointer);
  freeNative(memory);
  tunedThreads ??= aio_threads;
}
