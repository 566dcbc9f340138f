/**
 * A part of the tool `fio.ts`: what is counted while a run goes on.
 *
 * @module
 */

import { Float64Histogram } from "hdr-histogram-js";

const HIGHEST_NS = 3_600_000_000_000;
const SIGNIFICANT_DIGITS = 3;

/** Percentiles that fio reports unless told otherwise. */
export const PERCENTILES: readonly number[] = [
  ...[1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95],
  ...[99, 99.5, 99.9, 99.95, 99.99],
];

/** The latencies of one kind of operation. */
export class Latencies {
  readonly #histogram = new Float64Histogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS);

  /** How many were recorded. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  get min_ns(): number {
    return this.count === 0 ? 0 : this.#histogram.minNonZeroValue;
  }

  get max_ns(): number {
    return this.#histogram.maxValue;
  }

  get mean_ns(): number {
    return this.#histogram.mean;
  }

  get deviation_ns(): number {
    return this.count === 0 ? 0 : this.#histogram.stdDeviation;
  }

  record(latency_ms: number): void {
    const latency_ns = Math.max(1, Math.round(latency_ms * 1e6));
    this.#histogram.recordValue(Math.min(latency_ns, HIGHEST_NS));
  }

  /** The latency that `percent` of the operations do not exceed. */
  percentile_ns(percent: number): number {
    // The histogram gives the upper end of a range of equivalent values.
    return Math.min(this.#histogram.getValueAtPercentile(percent), this.max_ns);
  }

  /** The values recorded, in order, each with how often it was. */
  *values(): Generator<{ value_ns: number; count: number }> {
    const iterator = this.#histogram.recordedValuesIterator;
    iterator.reset();
    while (iterator.hasNext()) {
      const { valueIteratedTo, countAddedInThisIterationStep } = iterator
        .next();
      yield {
        value_ns: valueIteratedTo,
        count: countAddedInThisIterationStep,
      };
    }
  }
}

/** A part of the latencies: those below `below`, and not below the one before. */
export interface Bucket {
  unit: "ns" | "us" | "ms";
  /** In that unit; `null`: the rest. */
  below: number | null;
  /** Of all operations, in percent. */
  percent: number;
}

const BOUNDS = [2, 4, 10, 20, 50, 100, 250, 500, 750, 1000];
const UNIT_NS = { ns: 1, us: 1e3, ms: 1e6 } as const;

/**
 * Sorts latencies into the buckets of fio's latency distribution.
 *
 * @param all Whose operations to count.
 * @returns All buckets, in order.
 */
export function distribution(all: Latencies[]): Bucket[] {
  const buckets: Bucket[] = (["ns", "us", "ms"] as const).flatMap((unit) =>
    BOUNDS.map((below) => ({ unit, below, percent: 0 }))
  );
  buckets.push({ unit: "ms", below: 2000, percent: 0 });
  buckets.push({ unit: "ms", below: null, percent: 0 });
  const total = all.reduce((sum, { count }) => sum + count, 0);
  for (const { value_ns, count } of all.flatMap((one) => [...one.values()])) {
    const bucket = buckets.find(({ unit, below }) =>
      below === null || value_ns < below * UNIT_NS[unit]
    )!;
    bucket.percent += 100 * count / total;
  }
  return buckets;
}
