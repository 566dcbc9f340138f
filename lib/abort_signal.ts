/**
 * What an `AbortSignal` is asked in a way that no property of the caller's can
 * falsify: the answers come while a request is being made or handed over, where
 * nothing of the caller's may run.
 *
 * @module
 */
import { getterOf, nameOf } from "./bytes.ts";

/** Empty in a realm of a test runner's that has none: then nothing is one. */
const prototype = globalThis.AbortSignal?.prototype ?? {} as AbortSignal;
const { addEventListener, removeEventListener } = prototype;
const getAborted = getterOf<boolean>(prototype, "aborted");
const getReason = getterOf<unknown>(prototype, "reason");

/** @throws {TypeError} Unless it is an `AbortSignal`. */
export function assertSignal(value: AbortSignal): void {
  try {
    // Throws for what only has the prototype of one.
    getAborted.call(value);
  } catch {
    throw new TypeError(
      `signal must be an AbortSignal, but is ${nameOf(value)}`,
    );
  }
}

/** Whether it is aborted. */
export function isAborted(signal: AbortSignal): boolean {
  return getAborted.call(signal);
}

/** Why it was aborted. */
export function reasonOf(signal: AbortSignal): unknown {
  return getReason.call(signal);
}

/** Calls `listener` when it is aborted. */
export function listen(signal: AbortSignal, listener: () => void): void {
  addEventListener.call(signal, "abort", listener, { once: true });
}

/** Takes a listener back. */
export function unlisten(signal: AbortSignal, listener: () => void): void {
  removeEventListener.call(signal, "abort", listener);
}
