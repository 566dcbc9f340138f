/**
 * How the completions of a ring are found: by polling from the event loop, and then
 * by waiting. The event loop itself waits for the ring where it can, as on Deno and
 * Node, and a thread beside it on Bun.
 *
 * @module
 */
import { runtime } from "../../../ffi/current.ts";
import { setImmediate } from "../../../ffi/event_loop.ts";
import type { Rings } from "../../../ffi/io_uring.ts";
import type { Watch } from "../../../ffi/runtime.ts";
import { settings } from "../../system/settings.ts";
import { Polling } from "../polling.ts";
import { Ring, type RingEntry } from "./ring.ts";

/**
 * After so long a call on a thread ends by itself: it cannot be taken back, and
 * holds up the end of the process on some runtimes.
 */
const WAIT_MS = 100;

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

/**
 * Of what was not done at once, how many completions one look hands over. While they
 * are handed over a device has nothing to do, if it does all at the same time: so a
 * look that comes behind an empty one hands over few, and each one behind it twice as
 * many. That goes on to half of what is in flight, so that the device has the other
 * half: to submit more together takes less of the processor.
 */
const WAITED_FIRST = 2;
const WAITED_HALF_MIN = 8;
const WAITED_MAX = 32;

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
  readonly #polling = new Polling();
  #spent = 0;
  #waitedMax = WAITED_FIRST;
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
    const ready = () => {
      // A turn that is due looks then: it has its share of completions.
      if (!this.#isTurnDue) this.#look();
    };
    this.#watch = runtime.watch?.(rings.fd, ready) ?? null;
  }

  #changed(): void {
    if (this.#isTurnDue) return;
    const { count, hasDone } = this.ring;
    if (count === 0) return this.#watch?.stop();
    this.#polling.begin();
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
    const half = Math.max(ring.count / 2, WAITED_HALF_MIN);
    this.#waitedMax = Math.min(this.#waitedMax, half, WAITED_MAX);
    const done = ring.harvest(this.#isEnough);
    this.#waitedMax = done > 0 ? 2 * this.#waitedMax : WAITED_FIRST;
    if (done > 0) this.#harvested();
    if (ring.count === 0) return this.#watch?.stop();
    this.#polling.looked(done > 0);
    this.#emptyLooks = done > 0 ? 0 : this.#emptyLooks + 1;
    if (this.#isTurnDue) return;
    if (ring.hasDone || this.#paysToPoll()) this.#nextTurn();
    else this.#wait();
  }

  readonly #isEnough = (entry: RingEntry): boolean => {
    this.#spent += entry.shareOf(this.#waitedMax);
    return this.#spent >= 1;
  };

  #paysToPoll(): boolean {
    // 0 is for who wants none, whatever is in flight.
    if (!this.#isPolling || settings.pollMicroseconds === 0) return false;
    if (this.ring.count > POLLED_MAX) {
      return this.#emptyLooks <= EMPTY_LOOKS_MAX;
    }
    return this.#polling.pays(settings.pollMicroseconds * POLLS_OF_FEW);
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
