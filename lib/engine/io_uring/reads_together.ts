/**
 * From how many reads at once on a ring is faster than the page cache. What decides
 * is how long a call of the system takes: from 0.3 us to more than 2, by what the
 * kernel does against leaks of the processor.
 *
 * @module
 */
import { clock_ms } from "../../../ffi/event_loop.ts";

/** The shortest of some rounds: another program may have had the processor. */
const ROUNDS = 4;
const CALLS = 8;

/** What a ring takes more for each read than the page cache does beside its call. */
const READ_US = 0.6;
/** What it takes for all: a call, and a turn of the event loop to look for them. */
const ALL_US = 5;
/** Fewer were not found to be faster anywhere. */
const READS_MIN = 8;

/** How long a function takes that only calls the system. */
export function callTime_us(call: () => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const since_ms = clock_ms();
    for (let count = 0; count < CALLS; count++) call();
    return (clock_ms() - since_ms) * 1000 / CALLS;
  });
  return Math.min(...rounds);
}

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
