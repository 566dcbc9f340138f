/**
 * Measures file I/O through this library, as fio does: patterns of reads and writes,
 * with so many of them in flight, and how long each took.
 *
 * ```sh
 * deno run --allow-ffi --allow-read --allow-write examples/fio.ts --size 64m FILE
 * ```
 *
 * Devices need `deno run -A`. `--help` tells the options and what fio calls them;
 * {@linkcode fioReport} in `fio/report.ts` what `--json` has in common with fio's.
 *
 * All jobs run in this one process and isolate, as loops beside each other: they share
 * the library's engine, and each has a descriptor and a part of the file of its own, so
 * that what one verifies no other writes.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import * as fs from "node:fs/promises";
import process from "node:process";
import { configure } from "../mod.ts";
import { HELP, type Options, parseOptions, UsageError } from "./fio/options.ts";
import { prepareFile } from "./fio/prepare.ts";
import { Progress, showProgress } from "./fio/progress.ts";
import { describe, fioReport, type Report } from "./fio/report.ts";
import { run } from "./fio/run.ts";

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type SignalName = keyof typeof SIGNAL_NUMBERS;

class Interrupted extends Error {
  constructor(readonly signal: SignalName) {
    super(`stopped by ${signal}`);
  }
}

/** Aborts on the first signal; the second ends the process where it stands. */
function abortOnSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of Object.keys(SIGNAL_NUMBERS) as SignalName[]) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + SIGNAL_NUMBERS[name]);
      controller.abort(new Interrupted(name));
    });
  }
  return controller.signal;
}

async function measure(options: Options, signal: AbortSignal): Promise<Report> {
  if (options.lanes !== null) configure({ lanes: options.lanes });
  const id = randomInt(2 ** 32);
  const progress = new Progress();
  const stopProgress = showProgress(progress);
  let isNew = false;
  try {
    const prepared = await prepareFile(options, id, progress, signal);
    isNew = prepared.isNew;
    const outcome = await run(options, id, prepared, progress, signal);
    return {
      options,
      size: prepared.size,
      outcome,
      signal: signal.aborted ? (signal.reason as Interrupted).signal : null,
    };
  } finally {
    stopProgress();
    if (isNew && options.unlink) await fs.rm(options.path, { force: true });
  }
}

async function main(args: string[]): Promise<number> {
  const signal = abortOnSignal();
  try {
    const options = parseOptions(args);
    if (options === null) {
      console.log(HELP);
      return 0;
    }
    const report = await measure(options, signal);
    if (options.json) {
      console.log(JSON.stringify(fioReport(report, new Date()), null, 2));
    } else console.log(describe(report));
    if (report.outcome.failure !== null) throw report.outcome.failure;
    signal.throwIfAborted();
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`fio: ${error.message} (--help tells the usage)`);
      return 2;
    }
    console.error(`fio: ${error instanceof Error ? error.message : error}`);
    return error instanceof Interrupted
      ? 128 + SIGNAL_NUMBERS[error.signal]
      : 1;
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
