/**
 * The bar that shows on a terminal how far a tool has come.
 *
 * @module
 */

import process from "node:process";
// @ts-types="@types/cli-progress"
import { Format, type Options, type Params, SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";

/** The room that is left for text beside the bar, in columns. */
const TEXT_COLUMNS = 60;

/**
 * Starts a bar on standard error, if that is a terminal.
 *
 * @param total The value at which it is full.
 * @param format What the line says.
 * @param options Those of `cli-progress`, where they differ.
 */
export function startBar(
  total: number,
  format: (params: Params, options: Options) => string,
  options: Options = {},
): SingleBar | null {
  if (!process.stderr.isTTY) return null;
  const columns = (process.stderr.columns ?? 80) - TEXT_COLUMNS;
  const bar = new SingleBar({
    stream: process.stderr,
    barsize: Math.min(40, Math.max(10, columns)),
    barCompleteChar: "\u2588",
    barIncompleteChar: "\u2591",
    hideCursor: true,
    format: (options, params) => format(params, options),
    ...options,
  });
  bar.start(total, 0);
  return bar;
}

/** The bar itself, and the percentage behind it. */
export function drawBar({ progress }: Params, options: Options): string {
  const percent = `${Math.floor(progress * 100)}`.padStart(3);
  return `${Format.BarFormat(progress, options)} ${percent} %`;
}

/** How many bytes a second. */
export function rateOf(bytes: number, seconds: number): string {
  return `${prettyBytes(seconds > 0 ? bytes / seconds : 0)}/s`;
}

/** How many bytes a second since a bar was started. */
export function barRate({ value, startTime }: Params): string {
  return rateOf(value, (Date.now() - startTime) / 1000);
}
