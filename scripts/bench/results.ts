/** What the benchmark found, as it is written to JSON, and how to read it. */

import type { Missing } from "./contestant.ts";
import type { Figure, Run, Work } from "./workloads.ts";

export interface ContestantResult {
  key: string;
  label: string;
  /** One for each round. */
  runs: Run[];
  /** Why a contestant has no runs, or not all. */
  error?: string;
}

export interface WorkResult {
  work: Work;
  contestants: ContestantResult[];
}

export interface Results {
  date: string;
  settings: Record<string, string | number | boolean>;
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  missing: Missing[];
  works: WorkResult[];
  /** What was asked of these figures, and whether they gave it. */
  requirements?: Verdict[];
}

/** A requirement, and what became of it. */
export interface Verdict {
  what: string;
  bound: string;
  measured?: Spread;
  verdict:
    | "met"
    | "missed"
    | `missed, io_uring too: ${string}`
    | "not measured";
}

export interface Spread {
  median: number;
  min: number;
  max: number;
  /** What it was measured of, where that is a choice. */
  of?: string;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: number[]): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? sorted[middle]
    : mean(sorted[middle - 1], sorted[middle]);
}

const mean = (a: number, b: number) => (a + b) / 2;

export function spread(values: number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/**
 * `a` over `b`, round by round. Machines are noisy and drift; what ran in the
 * same round compares, and the median of such ratios holds best.
 */
export function ratio(a: number[], b: number[]): Spread | undefined {
  const rounds = Math.min(a.length, b.length);
  return spread(
    Array.from({ length: rounds }, (_, i) => a[i] / b[i])
      .filter(Number.isFinite),
  );
}

/** Three digits are as many as such measurements are good for. */
export function threeDigits(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

/** A figure of every round of one contestant; empty if it did not take part. */
export function series(
  results: Pick<Results, "works">,
  work: string,
  contestant: string,
  field: Figure | keyof Run,
): number[] {
  const found = results.works.find((result) => result.work.name === work)
    ?.contestants.find(({ key }) => key === contestant);
  return (found?.runs ?? []).map((run) => run[field])
    .filter((value) => typeof value === "number");
}
