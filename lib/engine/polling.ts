/**
 * Looks for completions: how many each hands over, and for how long they pay before
 * something waits.
 *
 * @module
 */
import { clock_ms } from "../../ffi/event_loop.ts";

/** How many completions one look hands over before the event loop gets its turn. */
export const HARVEST_MAX = 256;
/** The same for bytes that are copied. */
export const HARVEST_BYTES_MAX = 1024 * 1024;

/**
 * Polling pays while completions come about as soon as polling would end: then a
 * call on another thread, there and back, takes as long again.
 */
const PAYS_FACTOR = 1.5;
/** The share of a new observation in the expected time. */
const EXPECTED_SHARE = 1 / 8;

/** What is known of the time that completions take. */
export class Polling {
  /** When the last completion was found, or waiting began. */
  #since_ms = 0;
  #waited_ms = 0;
  /** How long a completion is expected to take. */
  #expected_us = 0;

  /** For how long nothing was found, as of the last look. */
  get waited_ms(): number {
    return this.#waited_ms;
  }

  /** Waiting begins. */
  begin(): void {
    this.#since_ms = clock_ms();
  }

  /** Somebody has looked, and found completions or none. */
  looked(hasFound: boolean): void {
    const now_ms = clock_ms();
    this.#waited_ms = now_ms - this.#since_ms;
    if (!hasFound) return;
    this.#expected_us += (this.#waited_ms * 1000 - this.#expected_us) *
      EXPECTED_SHARE;
    this.#since_ms = now_ms;
    this.#waited_ms = 0;
  }

  /** Whether it pays to go on, where `poll_us` is the time for it. */
  pays(poll_us: number): boolean {
    return this.#waited_ms * 1000 < poll_us &&
      this.#expected_us < poll_us * PAYS_FACTOR;
  }
}
