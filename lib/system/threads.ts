/**
 * How many threads serve requests, and how many wait for them: what glibc is told
 * once, by whoever is first.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import { type AioInitValues, packAioInit } from "../../ffi/layout.ts";
import { freeNative } from "../../ffi/memory.ts";
import { platform } from "./constants.ts";
import { allocateFor, librt } from "./librt.ts";
import {
  servingThreads,
  slowThreads,
  threadsLeft,
  waitingThreads,
} from "./thread_limits.ts";

/** What glibc does unless it is told otherwise. */
const DEFAULT_THREADS = 20;
const DEFAULT_REQUESTS = 64;
const DEFAULT_IDLE_S = 1;

/** What was decided so far: glibc takes all of it at once. */
let decided: Partial<AioInitValues> = {};

/** How many serve, once there are requests. */
let settled: number | null = null;

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
  if (decided.aio_threads !== undefined) return;
  tune({ aio_threads: threads ?? servingThreads(spareThreads(), most) });
}

/**
 * Tunes the implementation for the C interface, if the default is too much or the
 * program wants another number.
 *
 * @param threads How many threads the program wants, or `null`.
 */
export function limitOnce(threads: number | null): void {
  if (isLimited || decided.aio_threads !== undefined) return;
  isLimited = true;
  const serving = threads ?? servingThreads(spareThreads(), DEFAULT_THREADS);
  if (serving !== DEFAULT_THREADS) tune({ aio_threads: serving });
}

/**
 * How many threads serve requests, at most: asked when there are some, and then it is
 * too late for another number.
 */
export function threads(): number {
  return settled ??= decided.aio_threads ?? DEFAULT_THREADS;
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

/**
 * How many nonblocking calls may be out at once that have a file system do something,
 * beside those that wait for requests.
 *
 * @param most How many there is a use for.
 */
export function slowCallsMax(most: number): number {
  const slow = slowThreads(spareThreads(), threads(), most);
  return Math.min(slow, runtime.nonblockingCallsMax);
}

/** How many threads there may be of the library's, whatever they do. */
function spareThreads(): number {
  left ??= threadsLeft();
  return left - runtime.threadsOnDemand;
}

/**
 * Tells glibc what it is tuned with, which has an effect before the first request
 * of the process only; other systems cannot be told.
 *
 * @param values Checked; what is not given is as it was decided before, or by default.
 */
export function tune(values: Partial<AioInitValues>): void {
  const { aio_init } = librt("aio_init");
  left ??= threadsLeft();
  decided = {
    aio_threads: values.aio_threads ?? decided.aio_threads,
    aio_num: values.aio_num ?? decided.aio_num,
    aio_idle_time: values.aio_idle_time ?? decided.aio_idle_time,
  };
  const {
    aio_threads = DEFAULT_THREADS,
    aio_num = DEFAULT_REQUESTS,
    aio_idle_time = DEFAULT_IDLE_S,
  } = decided;
  const layout = platform.aioinit;
  if (aio_init !== null && layout !== null) {
    const memory = allocateFor("aio_init", layout.size);
    packAioInit(memory.view, 0, layout, {
      aio_threads,
      aio_num,
      aio_idle_time,
    });
    aio_init(memory.pointer);
    freeNative(memory);
  }
}
