import { setTimeout } from "../../../ffi/event_loop.ts";
import type { SigeventValues } from "../../../ffi/layout.ts";
import { mayEndFirst } from "../../../ffi/isolate.ts";
import { assertObject } from "../../checks/arguments.ts";
import { nameOf } from "../../checks/bytes.ts";
import {
  EINVAL,
  platform,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
} from "../../system/constants.ts";
import { AioError } from "../../system/error.ts";
import { callListio } from "./listio.ts";
import {
  deliver,
  expectNotification,
  forgetNotification,
  hasRoomForCallback,
  isExpected,
  notifyFunctionAddress,
  renewTicket,
} from "./notification.ts";

/**
 * How the completion of a request is announced, as `struct sigevent`.
 *
 * POSIX: "The sigev_notify member specifies the notification mechanism to use
 * when an asynchronous event occurs."
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
  sigev_signo?: number;
  /** A value of 32 bits that comes with the notification. */
  sigev_value?: number;
  /**
   * `SIGEV_THREAD`: what is called, with `sigev_value`, on the event loop. Where
   * the isolate may end before the process, and on macOS, the library calls it
   * when it notices that the request is done.
   */
  sigev_notify_function?: (value: number) => void;
}

/**
 * After how long the library calls a function that the system did not call: not
 * soon, because a thread of the system's may only be late, and the process must
 * not end before that has called.
 */
const LOST_MS = 1_000;

/** The largest signal number of any system here (Linux's SIGRTMAX). */
const SIGNAL_MAX = 64;

/**
 * Whether the system can call a function of this isolate. macOS does not have
 * `SIGEV_THREAD`. And no native thread may be given a function of an isolate that
 * may end first: the function goes with the isolate, the request does not.
 */
export function canNotifyByThread(): boolean {
  return platform.os !== "darwin" && !mayEndFirst();
}

/** A `Sigevent` on its way through the system. */
export class Notification {
  /** What goes into the native struct. */
  readonly native: SigeventValues;
  /**
   * Whether the library has to notice the completion itself and then
   * {@linkcode deliver}: where the system cannot call, and where koffi has as many
   * calls due as it takes.
   */
  readonly isEmulated: boolean;
  #ticket: number | null;
  /** Whether the system announces it too early. */
  #isTakenOver = false;

  /**
   * @param sigevent What the user asked for.
   * @param syscall The function it was asked of.
   * @throws {AioError} `EINVAL` if it is not a valid notification.
   * @throws {TypeError} If `SIGEV_THREAD` has no function.
   */
  constructor(sigevent: Sigevent, syscall: string) {
    const {
      sigev_notify,
      sigev_signo = 0,
      sigev_value = 0,
      sigev_notify_function,
    } = checked(sigevent, syscall);
    const isThread = sigev_notify === SIGEV_THREAD;
    this.isEmulated = isThread &&
      (!canNotifyByThread() || !hasRoomForCallback());
    const function_ = isThread && !this.isEmulated
      ? notifyFunctionAddress()
      : 0;
    this.#ticket = isThread
      ? expectNotification(sigev_notify_function!, sigev_value)
      : null;
    this.native = {
      notify: this.isEmulated ? SIGEV_NONE : sigev_notify,
      signo: sigev_signo,
      value: this.#ticket ?? sigev_value,
      function: function_,
    };
  }

  /**
   * The system is going to announce it too early: the library does when it is
   * due. An early call is ignored, an early signal is one too many.
   */
  takeOver(): void {
    if (this.#isTakenOver || this.native.notify === SIGEV_NONE) return;
    this.#isTakenOver = true;
    if (this.#ticket !== null) this.#ticket = renewTicket(this.#ticket);
  }

  /** What is to be announced is done. */
  due(): void {
    // A list of nothing is done at once.
    if (this.#isTakenOver && this.#ticket === null) {
      callListio([], this.native);
      return;
    }
    if (this.#ticket === null || !isExpected(this.#ticket)) return;
    if (this.isEmulated || this.#isTakenOver) deliver(this.#ticket);
    // glibc drops a notification for which it has no thread or no memory. The
    // callback keeps the process alive until one has come.
    else setTimeout(deliver, LOST_MS, this.#ticket).unref();
  }

  /** Expects it no more: nothing was queued that would announce itself. */
  forget(): void {
    if (this.#ticket !== null) forgetNotification(this.#ticket);
  }
}

/** What the fields are at this moment, if that is valid. */
function checked(sigevent: Sigevent, syscall: string): Sigevent {
  assertObject(sigevent, "sigevent");
  const { sigev_notify, sigev_signo, sigev_value, sigev_notify_function } =
    sigevent;
  if (
    sigev_notify !== SIGEV_NONE && sigev_notify !== SIGEV_SIGNAL &&
    sigev_notify !== SIGEV_THREAD
  ) {
    throw invalid(
      `sigev_notify is ${nameOf(sigev_notify)}, which is none of SIGEV_NONE, ` +
        "SIGEV_SIGNAL and SIGEV_THREAD",
      syscall,
    );
  }
  const isSignalSent = sigev_notify === SIGEV_SIGNAL;
  if (isSignalSent || sigev_signo !== undefined) {
    assertSignalNumber(sigev_signo, isSignalSent ? 1 : 0, syscall);
  }
  if (sigev_value !== undefined && !isInt32(sigev_value)) {
    throw invalid(
      `sigev_value is ${nameOf(sigev_value)}, which is no integer of 32 bits`,
      syscall,
    );
  }
  if (
    sigev_notify === SIGEV_THREAD && typeof sigev_notify_function !== "function"
  ) {
    throw new TypeError(
      "SIGEV_THREAD needs a function as sigev_notify_function, but it is " +
        nameOf(sigev_notify_function),
    );
  }
  return { sigev_notify, sigev_signo, sigev_value, sigev_notify_function };
}

function assertSignalNumber(
  value: number | undefined,
  least: number,
  syscall: string,
): void {
  const isSignal = Number.isInteger(value) && value! >= least &&
    value! <= SIGNAL_MAX;
  if (isSignal) return;
  throw invalid(
    `sigev_signo is ${nameOf(value)}, which is no signal's number`,
    syscall,
  );
}

/** Signed or not. */
function isInt32(value: number): boolean {
  return typeof value === "number" &&
    ((value | 0) === value || value >>> 0 === value);
}

function invalid(what: string, syscall: string): AioError {
  return new AioError(what, { errno: EINVAL, syscall });
}
