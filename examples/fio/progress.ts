/**
 * A part of the tool `fio.ts`: how far a run has come, and a bar that shows it.
 *
 * @module
 */

import process from "node:process";
// @ts-types="@types/cli-progress"
import type { SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import { drawBar, startBar } from "../shared/progress.ts";

const INTERVAL_MS = 100;

/** What is written down where the work is done, and looked at by a bar. */
export class Progress {
  phase = "";
  total = 0;
  done = 0;
  unit: "bytes" | "operations" | "seconds" = "operations";

  start(phase: string, total: number, unit: Progress["unit"]): void {
    this.phase = phase;
    this.total = total;
    this.done = 0;
    this.unit = unit;
  }
}

/**
 * Shows progress on standard error if that is a terminal.
 *
 * @param progress What to show.
 * @returns Stops it, and leaves the terminal as it was.
 */
export function showProgress(progress: Progress): () => void {
  if (!process.stderr.isTTY) return () => {};
  let bar: SingleBar | null = null;
  let shown = "";
  const look = () => {
    if (progress.phase !== shown) {
      bar?.stop();
      bar = null;
      shown = progress.phase;
      if (shown !== "") bar = startPhase(progress);
    }
    bar?.update(Math.min(progress.done, progress.total));
  };
  const timer = setInterval(look, INTERVAL_MS);
  return () => {
    clearInterval(timer);
    look();
    bar?.stop();
  };
}

function startPhase({ phase, total, unit }: Progress): SingleBar | null {
  const title = phase.padEnd(10);
  return startBar(total, (params, options) => {
    const amount = amountOf(params.value, unit);
    return `${title}${drawBar(params, options)}  ${amount}`;
  });
}

function amountOf(value: number, unit: Progress["unit"]): string {
  if (unit === "bytes") return prettyBytes(value, { binary: true });
  return `${unit === "seconds" ? value.toFixed(1) : value} ${unit}`;
}
