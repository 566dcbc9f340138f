/**
 * How many threads Node and Bun have for what takes long.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { isMainThread } from "node:worker_threads";
import { isBun } from "./bun.ts";
import { variable } from "../variable.ts";

/** libuv's threads unless told otherwise; `node:fs` waits for the same ones. */
const NODE_POOL_THREADS = 4;

/** How many threads do what takes long, nonblocking calls included. */
function poolThreads(): number {
  const configured = Number(variable("UV_THREADPOOL_SIZE"));
  if (configured > 0) return configured;
  return isBun ? availableParallelism() : NODE_POOL_THREADS;
}

/** Half of the threads, because every file and every name look-up needs one. */
export function nonblockingCallsMax(): number {
  // Main thread and workers share them.
  return isMainThread ? Math.max(1, Math.floor(poolThreads() / 2)) : 1;
}

/**
 * One for each thread, and one that it finds when it is done with that: with fewer it
 * falls asleep. With more, the main thread wakes threads that fall asleep again.
 */
export function fileCallsAtOnce(): number {
  return 2 * poolThreads();
}

/**
 * Those of libuv come all at once, with the first call. Bun has as many as there
 * are processors, and its engine others to compile and to collect garbage.
 */
export function threadsOnDemand(): number {
  return isBun ? 2 * availableParallelism() + 8 : poolThreads() + 4;
}
