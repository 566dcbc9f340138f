/**
 * Waits until descriptors are ready, in a ring: thousands take no thread. The kernel holds
 * what it waits for by itself, not by its descriptor.
 *
 * @module
 */
import { OPCODE } from "../../../ffi/io_uring.ts";
import type { Readiness, Waiting } from "../streams/stream_calls.ts";
import type { RingEntry } from "./ring.ts";
import type { RingWaiter } from "./ring_waiter.ts";

/** So many are told in one turn of the event loop: each of them transfers then. */
const SHARE = 1 / 64;

/** See the module's documentation. */
export class RingReadiness implements Readiness {
  readonly #waiter: RingWaiter;
  readonly #polls = new Map<Waiting, Poll>();

  /** @param waiter Of a ring that has nothing else. */
  constructor(waiter: RingWaiter) {
    this.#waiter = waiter;
  }

  wait(waiting: Waiting): void {
    const poll = new Poll(waiting, this.#polls);
    this.#polls.set(waiting, poll);
    this.#waiter.ring.add(poll);
    this.#waiter.ring.flushSoon();
  }

  forget(waiting: Waiting): void {
    const poll = this.#polls.get(waiting);
    if (poll === undefined) return;
    this.#polls.delete(waiting);
    this.#waiter.ring.cancel(poll);
  }
}

class Poll implements RingEntry {
  readonly opcode = OPCODE.POLL_ADD;
  readonly entryFlags = 0;
  readonly address = 0;
  readonly length = 0;
  readonly offset = 0;
  readonly fd: number;
  readonly operationFlags: number;
  key = -1;
  result: number | null = null;
  submission = 0;
  hasWaited = false;
  readonly #waiting: Waiting;
  readonly #polls: Map<Waiting, Poll>;

  constructor(waiting: Waiting, polls: Map<Waiting, Poll>) {
    this.fd = waiting.fd;
    this.operationFlags = waiting.events;
    this.#waiting = waiting;
    this.#polls = polls;
  }

  shareOf(): number {
    return SHARE;
  }

  /** Whatever came of it: who waits finds out by trying. */
  completed(): void {
    // It may be forgotten, or wait anew.
    if (this.#polls.get(this.#waiting) !== this) return;
    this.#polls.delete(this.#waiting);
    this.#waiting.ready();
  }
}
