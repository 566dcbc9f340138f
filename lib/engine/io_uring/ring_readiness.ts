/**
 * Waits until descriptors are ready, in a ring: thousands take no thread. The kernel holds
 * what it waits for by itself, not by its descriptor.
 *
 * @module
 */
import { OPCODE } from "../../../ffi/io_uring.ts";
import type { Readiness, Waiting } from "../streams/stream_calls.ts";
import { newEntry, type RingEntry } from "./ring.ts";
import type { RingWaiter } from "./ring_waiter.ts";

/** So many are told in one turn of the event loop: each of them transfers then. */
const SHARE = 1 / 64;

/** See the module's documentation. */
export class RingReadiness implements Readiness {
  readonly #waiter: RingWaiter;
  readonly #polls = new Map<Waiting, RingEntry>();

  /** @param waiter Of a ring that has nothing else. */
  constructor(waiter: RingWaiter) {
    this.#waiter = waiter;
  }

  wait(waiting: Waiting): void {
    const { fd, events: operationFlags } = waiting;
    const asked = { opcode: OPCODE.POLL_ADD, fd, operationFlags };
    const poll = newEntry(asked, SHARE, () => {
      // It may be forgotten, or wait anew.
      if (this.#polls.get(waiting) !== poll) return;
      this.#polls.delete(waiting);
      // Whatever came of it: who waits finds out by trying.
      waiting.ready();
    });
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
