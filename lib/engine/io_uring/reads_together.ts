/**
 * From how many reads at once on a ring is faster than the page cache. What decides
 * is how long a call of the system takes: from 0.3 us to more than 2, by what the
 * kernel does against leaks of the processor.
 *
 * @module
 */
import { clock_ms } from "../../../ffi/event_loop.ts";

/**
 * The shortest of many rounds: the first calls take longer, until the runtime has
 * compiled them, and another program may have had the processor.
 */
const ROUNDS = 64;
const CALLS = 16;

/** What a ring takes more for each read than the page cache does beside its call. */
const READ_US = 1;
/** What it takes for all: a call, and a turn of the event loop to look for them. */
const ALL_US = 12;
/** Fewer were not found to be faster anywhere. */
const READS_MIN = 8;

/**
 * From how many reads at once on one call for all of them takes less time than to
 * ask the page cache for each.
 *
 * @param call_us How long a call takes.
 */
export function readsTogetherMin(call_us: number): number {
  const saved_us = call_us - READ_US;
  if (saved_us <= 0) return Infinity;
  return Math.max(READS_MIN, Math.ceil(ALL_US / saved_us));
}

/** Whether reads go together: measured while a program makes as many. */
export class ReadsTogether {
  readonly #call: () => void;
  #call_us = Infinity;
  #roundsLeft = ROUNDS;
  #min = Infinity;

  /** @param call Calls the system, and does nothing there. */
  constructor(call: () => void) {
    this.#call = call;
  }

  /** Whether so many reads at once are faster on a ring, as far as that is known. */
  pay(reads: number): boolean {
    if (reads < READS_MIN) return false;
    if (this.#roundsLeft > 0) this.#measure();
    return reads >= this.#min;
  }

  #measure(): void {
    const since_ms = clock_ms();
    for (let count = 0; count < CALLS; count++) this.#call();
    const call_us = (clock_ms() - since_ms) * 1000 / CALLS;
    this.#call_us = Math.min(this.#call_us, call_us);
    this.#roundsLeft--;
    if (this.#roundsLeft === 0) this.#min = readsTogetherMin(this.#call_us);
  }
}
