/**
 * The runtime's timers, microtasks and clock, as they are when the library is
 * loaded. Test runners replace them later (jest, sinon, vitest, `node:test`), in
 * `node:timers` too, and a request must not wait for a timer that never comes.
 *
 * @module
 */
import timers from "node:timers";

/** `setTimeout()` of `node:timers`, whose result has `unref()`. */
export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
/** `clearTimeout()` of `node:timers`. */
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
/** `setInterval()` of `node:timers`. */
export const setInterval: typeof timers.setInterval = timers.setInterval;
/** `clearInterval()` of `node:timers`. */
export const clearInterval: typeof timers.clearInterval = timers.clearInterval;
/** `setImmediate()` of `node:timers`. */
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;

/** `queueMicrotask()`. */
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis
  .queueMicrotask;

/** The time of a monotonic clock, in milliseconds. */
export const clock_ms: () => number = performance.now.bind(performance);
