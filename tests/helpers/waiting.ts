/**
 * Waiting for what happens, or does not.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { timeLimit } from "./system.ts";
import { LIMIT_MS } from "./test.ts";

export { setImmediate as turn } from "node:timers/promises";
export { delay };

/** Longer than anything here takes; a wait that reaches it is a failure. */
export const PATIENCE_MS = timeLimit(5_000);

/** Whether a promise is still pending after `wait_ms`. */
export async function isPending(
  promise: Promise<unknown>,
  wait_ms = 50,
): Promise<boolean> {
  const pending = Symbol();
  const ignored = promise.catch(() => {});
  return await Promise.race([ignored, delay(wait_ms, pending)]) === pending;
}

/** Polls until something is so; says what is not if that takes too long. */
export async function until(
  isSo: () => boolean,
  failure: string | (() => string),
): Promise<void> {
  const deadline = performance.now() + timeLimit(LIMIT_MS / 2);
  while (!isSo()) {
    if (performance.now() > deadline) {
      throw new Error(typeof failure === "string" ? failure : failure());
    }
    await delay(1);
  }
}
