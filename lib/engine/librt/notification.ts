/**
 * How the end of a request, or of a list, is announced: what the system is asked
 * for, and what the library does where the system cannot.
 *
 * @module
 */
import { setTimeout } from "../../../ffi/event_loop.ts";
import type { SigeventValues } from "../../../ffi/layout.ts";
import {
  canNotifyByThread,
  deliver,
  expectNotification,
  forgetNotification,
  hasRoomForCallback,
  isExpected,
  notifyFunctionAddress,
  renewTicket,
} from "./callbacks.ts";
import { callListio } from "./listio.ts";
import { assert } from "../../checks/assert.ts";
import { SIGEV_NONE, SIGEV_THREAD } from "../../system/constants.ts";

/**
 * After how long the library calls a function that the system did not call: not
 * soon, because a thread of the system's may only be late, and the process must
 * not end before that has called.
 */
const LOST_MS = 1_000;

/** What is to be announced, checked. */
export interface NotificationFields {
  /** `SIGEV_NONE`, `SIGEV_SIGNAL` or `SIGEV_THREAD`. */
  readonly notify: number;
  /** The signal, where one is sent. */
  readonly signo: number;
  /** What comes with it, 32 bits. */
  readonly value: number;
  /** What `SIGEV_THREAD` calls. */
  readonly fn: ((value: number) => void) | null;
}

/** See the module's documentation. */
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
  #isDue = false;

  constructor({ notify, signo, value, fn }: NotificationFields) {
    const isThread = notify === SIGEV_THREAD;
    this.isEmulated = isThread &&
      (!canNotifyByThread() || !hasRoomForCallback());
    const isCalled = isThread && !this.isEmulated;
    // First, so that there is a callback for what is expected to reference.
    const address = isCalled ? notifyFunctionAddress() : 0;
    this.#ticket = isThread ? expectNotification(fn!, value) : null;
    this.native = {
      notify: this.isEmulated ? SIGEV_NONE : notify,
      signo,
      value: this.#ticket ?? value,
      function: address,
    };
  }

  /**
   * The system is going to announce it too early, so the library announces it
   * when it is due. An early call is ignored, an early signal is one too many.
   */
  takeOver(): void {
    assert(!this.#isDue, "a notification is taken over that was due");
    if (this.#isTakenOver || this.native.notify === SIGEV_NONE) return;
    this.#isTakenOver = true;
    if (this.#ticket !== null) this.#ticket = renewTicket(this.#ticket);
  }

  /** What is to be announced is done. */
  due(): void {
    this.#isDue = true;
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
