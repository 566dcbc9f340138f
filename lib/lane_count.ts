/** Lanes a file has while its requests take microseconds. */
const LANES_FAST = 2;
/** Service times up to this are the page cache's: more lanes do not help. */
const FAST_MICROSECONDS = 16;
/** Lanes a file has at most. */
export const LANES_MAX = 32;
/** What one more step has to bring to be kept. */
const GAIN_MIN = 1.1;
/** A rate that changed by this factor means that the device is another one. */
const CHANGE_MIN = 2;
/** How long a measurement is at least. */
const WINDOW_REQUESTS = 64;
const WINDOW_MS = 3;
/** How long the outcome of a search stands, at first and at most. */
const SETTLED_MS_MIN = 100;
const SETTLED_MS_MAX = 3_200;

/**
 * Finds how many lanes serve a file best.
 *
 * Requests that wait for a device want many lanes, since the system serves one
 * request of each at a time; requests that the page cache answers want few,
 * since threads then only stand in each other's way. Nobody tells which kind a
 * request is, so the number is found by trying: it is doubled as long as that
 * makes the rate grow.
 */
export class LaneCount {
  /** How many lanes to use. */
  wanted = LANES_FAST;

  #requests = 0;
  #begin_ms = 0;
  /** Requests that the last number of lanes left behind do not count. */
  #isSettlingIn = true;
  #bestRate = 0;
  #isSearching = true;
  #settledUntil_ms = 0;
  #settled_ms = SETTLED_MS_MIN;

  /**
   * Takes note of completions.
   *
   * @param done How many requests were done since the last call.
   * @param isBusy Whether every lane had something to do all the while.
   * @param now_ms The time.
   */
  observe(done: number, isBusy: boolean, now_ms: number): void {
    if (!isBusy) return this.#newWindow(now_ms);
    this.#requests += done;
    const elapsed_ms = now_ms - this.#begin_ms;
    if (this.#requests < WINDOW_REQUESTS || elapsed_ms < WINDOW_MS) return;
    const rate = this.#requests / elapsed_ms;
    const isSettlingIn = this.#isSettlingIn;
    this.#newWindow(now_ms);
    this.#isSettlingIn = false;
    if (!isSettlingIn) this.#decide(rate, now_ms);
  }

  #decide(rate: number, now_ms: number): void {
    if (this.#isSearching) this.#search(rate, now_ms);
    else if (
      rate > this.#bestRate * CHANGE_MIN || rate * CHANGE_MIN < this.#bestRate
    ) {
      this.#settled_ms = SETTLED_MS_MIN;
      this.#searchFrom(LANES_FAST);
    } else if (now_ms > this.#settledUntil_ms) {
      this.#searchFrom(Math.max(this.wanted / 2, LANES_FAST));
    }
  }

  #search(rate: number, now_ms: number): void {
    if (this.#bestRate > 0 && rate < this.#bestRate * GAIN_MIN) {
      this.#use(this.wanted / 2);
      return this.#settle(now_ms);
    }
    this.#bestRate = rate;
    const service_us = this.wanted / rate * 1000;
    const isFast = this.wanted === LANES_FAST &&
      service_us < FAST_MICROSECONDS;
    if (isFast || this.wanted === LANES_MAX) return this.#settle(now_ms);
    this.#use(this.wanted * 2);
  }

  #settle(now_ms: number): void {
    this.#isSearching = false;
    this.#settledUntil_ms = now_ms + this.#settled_ms;
    this.#settled_ms = Math.min(this.#settled_ms * 2, SETTLED_MS_MAX);
  }

  #searchFrom(lanes: number): void {
    this.#isSearching = true;
    this.#bestRate = 0;
    this.#use(lanes);
  }

  #use(lanes: number): void {
    this.wanted = lanes;
    this.#isSettlingIn = true;
  }

  #newWindow(now_ms: number): void {
    this.#requests = 0;
    this.#begin_ms = now_ms;
  }
}
