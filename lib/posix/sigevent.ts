/**
 * `Sigevent`: how the end of a request is to be announced, and the checks of it.
 *
 * @module
 */
import { assertObject } from "../checks/arguments.ts";
import { nameOf } from "../checks/bytes.ts";
import {
  EINVAL,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
} from "../system/constants.ts";
import { Notification } from "../engine/librt/notification.ts";
import { AioError } from "../system/error.ts";

/**
 * How the completion of a request is announced, as `struct sigevent`.
 *
 * POSIX: "The sigev_notify member specifies the notification mechanism to use
 * when an asynchronous event occurs."
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/signal.h.html
 *
 * @example No notification, a signal, and a function
 * ```ts
 * import {
 *   SIGEV_NONE,
 *   SIGEV_SIGNAL,
 *   SIGEV_THREAD,
 *   type Sigevent,
 * } from "@posix/aio";
 * import { constants } from "node:os";
 *
 * const none: Sigevent = { sigev_notify: SIGEV_NONE };
 * const signal: Sigevent = {
 *   sigev_notify: SIGEV_SIGNAL,
 *   sigev_signo: constants.signals.SIGUSR2,
 * };
 * const call: Sigevent = {
 *   sigev_notify: SIGEV_THREAD,
 *   sigev_value: 1,
 *   sigev_notify_function: (value) => console.log(value, "is done"),
 * };
 * console.log(none, signal, call);
 * ```
 */
export interface Sigevent {
  /**
   * {@linkcode SIGEV_NONE}, {@linkcode SIGEV_SIGNAL} or
   * {@linkcode SIGEV_THREAD}.
   */
  sigev_notify: number;
  /** `SIGEV_SIGNAL`: the number of the signal to queue for the process. */
  sigev_signo?: number | undefined;
  /** A value of 32 bits that comes with the notification. */
  sigev_value?: number | undefined;
  /**
   * `SIGEV_THREAD`: what is called, with `sigev_value`, on the event loop. Where
   * the isolate may end before the process, and on macOS, the library calls it
   * when it notices that the request is done.
   */
  sigev_notify_function?: ((value: number) => void) | undefined;
}

const MECHANISMS = new Set([SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD]);

/** The largest signal number of any system here (Linux's SIGRTMAX). */
const SIGNAL_MAX = 64;

/**
 * What the system is asked for, by what the fields are at this moment.
 *
 * @param sigevent What the user asked for.
 * @param syscall The function it was asked of.
 * @throws {AioError} `EINVAL` if it is not a valid notification.
 * @throws {TypeError} If `SIGEV_THREAD` has no function.
 */
export function notificationFor(
  sigevent: Sigevent,
  syscall: string,
): Notification {
  assertObject(sigevent, "sigevent");
  const { sigev_notify, sigev_signo, sigev_value, sigev_notify_function } =
    sigevent;
  assertNotify(sigev_notify, syscall);
  assertSignalNumber(sigev_signo, sigev_notify, syscall);
  assertValue(sigev_value, syscall);
  if (sigev_notify === SIGEV_THREAD) assertFunction(sigev_notify_function);
  return new Notification({
    notify: sigev_notify,
    signo: sigev_signo ?? 0,
    value: sigev_value ?? 0,
    fn: sigev_notify_function ?? null,
  });
}

function assertNotify(value: number, syscall: string): void {
  if (MECHANISMS.has(value)) return;
  throw invalid(
    `sigev_notify is ${nameOf(value)}, which is none of SIGEV_NONE, ` +
      "SIGEV_SIGNAL and SIGEV_THREAD",
    syscall,
  );
}

function assertSignalNumber(
  value: number | undefined,
  notify: number,
  syscall: string,
): void {
  const isSent = notify === SIGEV_SIGNAL;
  if (value === undefined && !isSent) return;
  const isSignal = Number.isInteger(value) && value! >= (isSent ? 1 : 0) &&
    value! <= SIGNAL_MAX;
  if (isSignal) return;
  throw invalid(
    `sigev_signo is ${nameOf(value)}, which is no signal's number`,
    syscall,
  );
}

/** @throws {AioError} `EINVAL` unless it has 32 bits, signed or not. */
function assertValue(value: number | undefined, syscall: string): void {
  const isInt32 = value === undefined || typeof value === "number" &&
      ((value | 0) === value || value >>> 0 === value);
  if (isInt32) return;
  throw invalid(
    `sigev_value is ${nameOf(value)}, which is no integer of 32 bits`,
    syscall,
  );
}

function assertFunction(value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(
    "SIGEV_THREAD needs a function as sigev_notify_function, but it is " +
      nameOf(value),
  );
}

function invalid(what: string, syscall: string): AioError {
  return new AioError(what, { errno: EINVAL, syscall });
}
