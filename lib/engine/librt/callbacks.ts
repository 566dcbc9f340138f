/**
 * `SIGEV_THREAD`: functions that are called when a request is done.
 *
 * One native callback serves the whole isolate and is never closed, so that no
 * notification can arrive at a function that is gone. The value that travels
 * through the system is a ticket; it leads back to the user's function and
 * value.
 *
 * @module
 */
import { AsyncResource } from "node:async_hooks";
import { queueMicrotask } from "../../../ffi/event_loop.ts";
import type { NativeCallback } from "../../../ffi/runtime.ts";
import { runtime } from "../../../ffi/current.ts";
import { mayEndFirst } from "../../../ffi/isolate.ts";
import { assert } from "../../checks/assert.ts";
import { platform } from "../../system/constants.ts";

/** A notification that is still to come. */
interface Expected {
  readonly fn: (value: number) => void;
  readonly value: number;
}

const expected = new Map<number, Expected>();
const TICKET_MAX = 0x7fff_ffff;
let callback: NativeCallback | null = null;
let lastTicket = 0;

/**
 * Whether the system can call a function of this isolate. macOS does not have
 * `SIGEV_THREAD`. And no native thread may be given a function of an isolate that
 * may end first: the function goes with the isolate, the request does not.
 */
export function canNotifyByThread(): boolean {
  return platform.os !== "darwin" && !mayEndFirst();
}

/** The native address to put into `sigev_notify_function`. */
export function notifyFunctionAddress(): number {
  callback ??= runtime.callback(deliver);
  return callback.address;
}

/**
 * Whether one more notification may be due.
 *
 * @param most How many the caller wants due at once; the runtime has a bound too.
 */
export function hasRoomForCallback(most = Infinity): boolean {
  return expected.size < Math.min(most, runtime.callbacksMax);
}

/**
 * Expects one notification. While one is to come, the process stays alive.
 *
 * @returns The ticket to put into `sigev_value`.
 */
export function expectNotification(
  fn: (value: number) => void,
  value: number,
): number {
  do {
    lastTicket = lastTicket === TICKET_MAX ? 1 : lastTicket + 1;
  } while (expected.has(lastTicket));
  // It is called from a thread of the system, which knows no AsyncLocalStorage.
  expected.set(lastTicket, { fn: AsyncResource.bind(fn), value });
  callback?.setReferenced(true);
  return lastTicket;
}

/** Replaces a ticket whose notification is not to count. */
export function renewTicket(ticket: number): number {
  const notification = expected.get(ticket);
  assert(notification !== undefined, "a notification is renewed that has come");
  const { fn, value } = notification;
  const renewed = expectNotification(fn, value);
  forgetNotification(ticket);
  return renewed;
}

/** Whether the notification of a ticket is still to come. */
export function isExpected(ticket: number): boolean {
  return expected.has(ticket);
}

/** Takes a ticket back: its request was never queued. */
export function forgetNotification(ticket: number): void {
  expected.delete(ticket);
  if (expected.size === 0) callback?.setReferenced(false);
}

/** Calls the function of a ticket, once. */
export function deliver(ticket: number): void {
  const notification = expected.get(ticket);
  if (notification === undefined) return;
  forgetNotification(ticket);
  // The system's thread waits until this returns; and what the user's function
  // throws must be an ordinary uncaught error.
  const { fn, value } = notification;
  queueMicrotask(() => fn(value));
}
