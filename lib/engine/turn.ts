/**
 * The share of each turn of the event loop that answers without waiting may have:
 * they come in microtasks, and timers would have no turn of their own.
 */
import { clock_ms, coalesced, setImmediate } from "../../ffi/event_loop.ts";

/** How many answers one turn has, and for how long. */
const ANSWERS_MAX = 256;
const ANSWERS_MS_MAX = 0.25;
/** To copy so many bytes takes as long as another answer. */
const BYTES_OF_ANSWER = 8 * 1024;
/** To ask for the time costs as much as a good deal of an answer. */
const ANSWERS_PER_CLOCK = 8;

class Turn {
  #answers = 0;
  #begin_ms = 0;
  /** With how many answers to look at the clock again. */
  #clockAt = 0;
  #isOver = false;
  #waiting = new Set<() => void>();

  /** Whether there may be one more answer in this turn. */
  get hasRoom(): boolean {
    if (this.#isOver) return false;
    if (this.#answers === 0) this.#begin();
    this.#isOver = this.#answers >= ANSWERS_MAX ||
      this.#answers >= this.#clockAt && this.#isLate();
    return !this.#isOver;
  }

  #begin(): void {
    this.#begin_ms = clock_ms();
    this.#clockAt = ANSWERS_PER_CLOCK;
    this.#endSoon();
  }

  #isLate(): boolean {
    this.#clockAt = this.#answers + ANSWERS_PER_CLOCK;
    return clock_ms() - this.#begin_ms >= ANSWERS_MS_MAX;
  }

  /** There is an answer of so many bytes. A long one counts as several. */
  count(bytes: number): void {
    this.#answers += 1 + Math.floor(bytes / BYTES_OF_ANSWER);
  }

  /** Calls `fn` once in the next turn. */
  next(fn: () => void): void {
    this.#waiting.add(fn);
    this.#endSoon();
  }

  readonly #endSoon = coalesced(setImmediate, () => {
    this.#answers = 0;
    this.#isOver = false;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const fn of waiting) {
      if (this.#isOver) break;
      waiting.delete(fn);
      fn();
    }
    if (waiting.size === 0) return;
    // Those that it was too short for go before those that want another one.
    for (const fn of this.#waiting) waiting.add(fn);
    this.#waiting = waiting;
    this.#endSoon();
  });
}

/** The turn of this isolate's event loop. */
export const turn: Turn = new Turn();
