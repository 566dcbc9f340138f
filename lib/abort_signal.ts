/**
 * What an `AbortSignal` is asked in a way that no property of the caller's can
 * falsify: the answers come while a request is being made or handed over, where
 * nothing of the caller's may run.
 *
 * @module
 */
import { nameOf } from "./bytes.ts";

const { prototype } = AbortSignal;
const { addEventListener, removeEventListener } = prototype;
const getAborted = getterOf<boolean>("aborted");
const getReason = getterOf<unknown>("reason");

function getterOf<T>(key: keyof AbortSignal): (this: AbortSignal) => T {
  return Object.getOwnPropertyDescriptor(prototype, key)!.get!;
}

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
