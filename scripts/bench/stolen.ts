/**
 * Whether the machine was there. A hypervisor that has too few processors, for
 * other machines or for this one's own disk, lets this one stand still without
 * its noticing, and figures mean little.
 */

import { readFile } from "node:fs/promises";
import type { Run } from "./workloads.ts";

/** Processor time since the system was started, in the system's ticks. */
export interface ProcessorTime {
  /** Of all processors, whatever it was spent on. */
  total: number;
  /** That this machine wanted, and did not get. */
  stolen: number;
}

/** Of the time of all processors: with more than this, a run is disturbed. */
export const STOLEN_MAX = 0.02;

/** What `/proc/stat` says, see proc(5). */
export function parseProcessorTime(text: string): ProcessorTime {
  // user nice system idle iowait irq softirq steal; then guests, within user.
  const ticks = text.split("\n", 1)[0].split(/\s+/).slice(1, 9).map(Number);
  return {
    total: ticks.reduce((sum, some) => sum + some, 0),
    stolen: ticks[7],
  };
}

/** The time until now, or `null` where the system does not tell. */
export async function processorTime(): Promise<ProcessorTime | null> {
  try {
    return parseProcessorTime(await readFile("/proc/stat", "utf8"));
  } catch {
    return null;
  }
}

/** What share of the processors' time between two moments was stolen. */
export function stolenShare(
  before: ProcessorTime | null,
  after: ProcessorTime | null,
): number | undefined {
  if (before === null || after === null) return undefined;
  const total = after.total - before.total;
  return total === 0 ? 0 : (after.stolen - before.stolen) / total;
}

/** Whether too much was stolen during a run. */
export function isDisturbed({ stolen }: Run): boolean {
  return stolen !== undefined && stolen > STOLEN_MAX;
}

/** A sentence about the disturbed ones of these runs; empty without any. */
export function describeDisturbance(runs: Run[]): string {
  const disturbed = runs.filter(isDisturbed);
  if (disturbed.length === 0) return "";
  const shares = disturbed.map(({ stolen }) => stolen!);
  const [least, most] = [Math.min(...shares), Math.max(...shares)]
    .map((share) => `${(100 * share).toFixed(0)} %`);
  return `In ${disturbed.length} of ${runs.length} runs, the hypervisor kept ` +
    `${least === most ? most : `${least} to ${most}`} of the processors' ` +
    "time to itself";
}
