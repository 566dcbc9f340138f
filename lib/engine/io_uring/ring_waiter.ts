/**
 * How the completions of a ring are found: by polling from the event loop, and then
 * by waiting. The event loop itself waits for the ring where it can, as on Deno and
 * Node, and a thread beside it on Bun.
 *
 * @module
 */
import { runtime } from "../../../ffi/current.ts";
import { clock_ms, setImmediate } from "../../../ffi/event_loop.ts";
import type { Rings } from "../../../ffi/io_uring.ts";
import type { Watch } from "../../../ffi/runtime.ts";
import { settings } from "../../system/settings.ts";
import { Ring, type RingEntry } from "./ring.ts";

/**
 * After so long a call on a thread ends by itself: it cannot be taken back, and
 * holds up the end of the process on some runtimes.
 */
const WAIT_MS = 100;

/**
 * Polling pays while completions come about as soon as polling would end: then a
 * call on another thread, there and back, takes as long again.
 */
const POLL_PAYS_FACTOR = 1.5;
/**
 * With more than so many in flight one is done so soon that it pays to look once
 * more, but not to go on with that.
 */
const POLLED_MAX = 4;
const EMPTY_LOOKS_MAX = 1;
/**
 * How many times longer to poll for a few: until a commit of one writer is done,
 * which a device with a cache of its own has in 0.2 to 0.3 ms.
 */
const POLLS_OF_FEW = 3;
/** The share of a new observation in the expected time. */
const EXPECTED_SHARE = 1 / 8;

/** What the engine counts of waiting. */
export const waits = { waits: 0, polls: 0 };

/** See the module's documentation. */
export class RingWaiter {
  readonly ring: Ring;
  readonly #isPolling: boolean;
  readonly #watch: Watch | null;
  /** Told when all that was found is handed over. */
  readonly #harvested: () => void;
  #isTurnDue = false;
  #isWaiting = false;
  /** When the last completion was found, or waiting began. */
  #since_ms = 0;
  #expected_us = 0;
  #spent = 0;
  #emptyLooks = 0;

  /**
   * @param rings The kernel's.
   * @param isPolling Whether what is in flight may be done soon.
   * @param harvested Called when all that was found is handed over.
   */
  constructor(rings: Rings, isPolling: boolean, harvested: () => void) {
    this.ring = new Ring(rings, () => this.#changed());
    this.#isPolling = isPolling;
    this.#harvested = harvested;
    this.#watch = runtime.watch?.(rings.fd, () => this.#look()) ?? null;
  }

  #changed(): void {
    if (this.#isTurnDue) return;
    const { count, hasDone } = this.ring;
    if (count === 0) return this.#watch?.stop();
    this.#since_ms = clock_ms();
    if (this.#isPolling || hasDone) this.#nextTurn();
    else this.#wait();
  }

  #nextTurn(): void {
    this.#isTurnDue = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnDue = false;
    waits.polls++;
    this.#look();
  };

  #look(): void {
    const { ring } = this;
    this.#spent = 0;
    const done = ring.harvest(this.#isEnough);
    if (done > 0) this.#harvested();
    if (ring.count === 0) return this.#watch?.stop();
    const now_ms = clock_ms();
    const waited_ms = now_ms - this.#since_ms;
    if (done > 0) {
      this.#expected_us += (waited_ms * 1000 - this.#expected_us) *
        EXPECTED_SHARE;
      this.#since_ms = now_ms;
    }
    if (this.#isTurnDue) return;
    if (ring.hasDone || this.#paysToPoll(done > 0 ? 0 : waited_ms)) {
      this.#nextTurn();
    } else this.#wait();
  }

  readonly #isEnough = ({ share }: RingEntry): boolean => {
    this.#spent += share;
    return this.#spent >= 1;
  };

  #paysToPoll(waited_ms: number): boolean {
    if (!this.#isPolling) return false;
    this.#emptyLooks = waited_ms === 0 ? 0 : this.#emptyLooks + 1;
    if (this.ring.count > POLLED_MAX) {
      return this.#emptyLooks <= EMPTY_LOOKS_MAX;
    }
    const pollMicroseconds = settings.pollMicroseconds * POLLS_OF_FEW;
    return waited_ms * 1000 < pollMicroseconds &&
      this.#expected_us < pollMicroseconds * POLL_PAYS_FACTOR;
  }

  /** Waits without polling, if nothing does so already. */
  #wait(): void {
    if (this.#watch?.start()) return;
    if (!this.#isWaiting) this.#call();
  }

  async #call(): Promise<void> {
    this.#isWaiting = true;
    waits.waits++;
    await this.ring.wait(WAIT_MS);
    this.#isWaiting = false;
    this.#look();
  }
}
