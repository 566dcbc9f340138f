/**
 * A tool to use: measures file I/O through this library, as fio does: patterns of reads
 * and writes, with so many of them in flight, and how long each took.
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
import { parseRuns } from "./fio/job_file.ts";
import type { Options } from "./fio/options.ts";
import { prepareFile } from "./fio/prepare.ts";
import { Progress, showProgress } from "./fio/progress.ts";
import { describe, fioReport, type Report } from "./fio/report.ts";
import { run } from "./fio/run.ts";
import { abortOnSignal, type Stopped } from "./shared/stopping.ts";
import { print, runTool } from "./shared/tool.ts";

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
      signal: signal.aborted ? (signal.reason as Stopped).signal : null,
    };
  } finally {
    stopProgress();
    if (isNew && options.unlink) await fs.rm(options.path, { force: true });
  }
}

async function main(args: string[]): Promise<void> {
  // The second one ends the process where it stands.
  const signal = abortOnSignal(({ status }) => process.exit(status));
  const runs = await parseRuns(args);
  const [{ json }] = runs;
  const reports: Report[] = [];
  try {
    for (const options of runs) {
      const report = await measure(options, signal);
      const gap = reports.length > 0 ? "\n" : "";
      reports.push(report);
      if (!json) print(`${gap}${describe(report)}\n`);
      if (report.outcome.failure !== null) throw report.outcome.failure;
      signal.throwIfAborted();
    }
  } finally {
    if (json && reports.length > 0) {
      print(`${JSON.stringify(fioReport(reports, new Date()), null, 2)}\n`);
    }
  }
}

if (import.meta.main) await runTool("fio", main);
