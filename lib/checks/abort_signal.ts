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

/** Somebody who wants to know when a signal is aborted. */
export interface AbortListener {
  aborted(): void;
}

/** Those of one signal, and the one function that the signal itself knows. */
interface Listeners {
  readonly all: Set<AbortListener>;
  readonly onAbort: () => void;
}

/**
 * A signal takes as long for each listener as it has listeners, and Node warns of
 * more than ten.
 */
const listenersOf = new WeakMap<AbortSignal, Listeners>();

/** Calls `listener.aborted()` when a signal is aborted. */
export function listen(signal: AbortSignal, listener: AbortListener): void {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    listeners = { all: new Set(), onAbort: () => tellAll(signal) };
    listenersOf.set(signal, listeners);
    addEventListener.call(signal, "abort", listeners.onAbort, { once: true });
  }
  listeners.all.add(listener);
}

/** Takes a listener back. */
export function unlisten(signal: AbortSignal, listener: AbortListener): void {
  const listeners = listenersOf.get(signal);
  if (!listeners?.all.delete(listener) || listeners.all.size > 0) return;
  listenersOf.delete(signal);
  removeEventListener.call(signal, "abort", listeners.onAbort);
}

/** Backwards: what was submitted behind others is canceled with less work. */
function tellAll(signal: AbortSignal): void {
  const listeners = listenersOf.get(signal);
  if (listeners === undefined) return;
  for (const listener of [...listeners.all].reverse()) listener.aborted();
}
