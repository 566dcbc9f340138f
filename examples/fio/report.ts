/**
 * A part of the tool `fio.ts`: the report of a run, for people and in the shape of fio's
 * for programs.
 *
 * @module
 */

import { constants } from "node:os";
import prettyBytes from "pretty-bytes";
import project from "../../deno.json" with { type: "json" };
import { AioError } from "../../mod.ts";
import { VerificationError } from "./job.ts";
import type { Options } from "./options.ts";
import type { Outcome } from "./run.ts";
import {
  type Bucket,
  distribution,
  type Latencies,
  PERCENTILES,
} from "./statistics.ts";

const BAR_LENGTH = 40;

/** A run that is to be reported. */
export interface Report {
  options: Options;
  /** How many bytes of the file it used. */
  size: number;
  outcome: Outcome;
  /** The signal that ended it early. */
  signal: string | null;
}

/**
 * The report as a table, a histogram and a few lines.
 *
 * @param report What to report.
 * @returns Lines for a terminal.
 */
export function describe(report: Report): string {
  const { options, outcome } = report;
  const { read, write, sync, elapsed_ms, verified } = outcome;
  const kinds = Object.entries({ read, write, sync })
    .filter(([, latencies]) => latencies.count > 0);
  const lines = [headline(report), ""];
  if (kinds.length === 0) lines.push("nothing was measured");
  else {
    lines.push(COLUMNS.map(column).join(""));
    for (const [name, latencies] of kinds) {
      const block = name === "sync" ? null : options.blockSize;
      lines.push(row(name, latencies, block, elapsed_ms / 1000));
    }
    lines.push("", ...histogram(distribution([read, write])));
  }
  lines.push("", processorLine(outcome), libraryLine(outcome));
  if (verified !== null) {
    lines.push(`verified    ${verified} blocks read again at the end`);
  }
  if (report.signal !== null) {
    lines.push(`ended early by ${report.signal}`);
  }
  return lines.join("\n");
}

const COLUMNS = [
  "",
  "operations",
  "per s",
  "MB/s",
  "mean",
  "p50",
  "p90",
  "p99",
  "p99.9",
  "max",
];

function column(text: string, index: number): string {
  return index === 0 ? text.padEnd(6) : text.padStart(index === 1 ? 11 : 9);
}

function headline({ options, size, outcome }: Report): string {
  const { name, pattern, blockSize, jobs, depth, direct, path } = options;
  const title = name === null ? "" : `${name}: `;
  const mix = pattern.endsWith("rw") ? `, ${options.readPercent} % reads` : "";
  return `${title}${pattern}${mix} of ${path}, ${
    prettyBytes(size, { binary: true })
  }: blocks of ${prettyBytes(blockSize, { binary: true })}, ${jobs} ${
    jobs === 1 ? "job" : "jobs"
  }, depth ${depth}, ${options.interface}, ${
    direct ? "direct" : "page cache"
  }, ${(outcome.elapsed_ms / 1000).toFixed(2)} s`;
}

function row(
  name: string,
  latencies: Latencies,
  blockSize: number | null,
  seconds: number,
): string {
  const rate = latencies.count / seconds;
  const percentiles = [50, 90, 99, 99.9].map((percent) =>
    latencies.percentile_ns(percent)
  );
  return [
    name,
    `${latencies.count}`,
    rate.toFixed(0),
    blockSize === null ? "" : (rate * blockSize / 1e6).toFixed(1),
    ...[latencies.mean_ns, ...percentiles, latencies.max_ns].map(duration),
  ].map(column).join("");
}

function duration(ns: number): string {
  const [unit, size] = ([["s", 1e9], ["ms", 1e6], ["us", 1e3]] as const)
    .find(([, size]) => ns >= size) ?? ["ns", 1];
  const value = (ns / size).toLocaleString("en", {
    maximumSignificantDigits: 3,
    useGrouping: false,
  });
  return `${value} ${unit}`;
}

/** The buckets from the first to the last that is not empty. */
function histogram(buckets: Bucket[]): string[] {
  const first = buckets.findIndex(({ percent }) => percent > 0);
  const last = buckets.findLastIndex(({ percent }) => percent > 0);
  const shown = buckets.slice(first, last + 1);
  const most = Math.max(...shown.map(({ percent }) => percent));
  return shown.map(({ unit, below, percent }) => {
    const bar = "\u2588".repeat(Math.round(BAR_LENGTH * percent / most));
    const label = below === null ? "2 s and more" : `< ${below} ${unit}`;
    return `${label.padStart(12)}  ${bar.padEnd(BAR_LENGTH)} ${
      percent.toFixed(2).padStart(6)
    } %`;
  });
}

function processorLine({ processor_us, elapsed_ms }: Outcome): string {
  const share = (us: number) => (us / 10 / Math.max(elapsed_ms, 1)).toFixed(1);
  return `processor   ${share(processor_us.user)} % user, ${
    share(processor_us.system)
  } % system (100 % is one processor)`;
}

function libraryLine({ library }: Outcome): string {
  const { submitted, failed, suspends, polls, lanes } = library;
  return `library     ${submitted} requests, ${failed} failed, ${polls} polls, ` +
    `${suspends} aio_suspend calls, lanes: ${lanes}`;
}

/**
 * Reports as fio's `--output-format=json --group_reporting` has it.
 *
 * The same as fio's, in meaning and in unit: each of `jobs` with `jobname`, `error`,
 * `elapsed`, `job options`, `job_runtime`, `usr_cpu`, `sys_cpu`, `latency_ns`,
 * `latency_us`, `latency_ms`; and in `read`, `write` and `sync` what is there.
 * Different: `lat_ns` is `clat_ns`, both from the call until the program is told,
 * and there is no `slat_ns`; the processor's time is of the whole process. Not
 * fio's: `aio_metrics` and `verified_blocks`, of all jobs, and `terminated_by`.
 *
 * @param reports What to report: the runs, in their order.
 * @param ended When the last one ended.
 * @returns What can be made JSON of.
 */
export function fioReport(reports: Report[], ended: Date): unknown {
  const outcomes = reports.map(({ outcome }) => outcome);
  return {
    "fio version": `fio.ts-${project.version}`,
    "timestamp": Math.floor(ended.getTime() / 1000),
    "timestamp_ms": ended.getTime(),
    "time": ended.toString(),
    "jobs": reports.map(jobReport),
    "aio_metrics": outcomes.map(({ library }) => library).reduce(added),
    "verified_blocks": outcomes.map(({ verified }) => verified)
      .reduce((sum, more) => more === null ? sum : (sum ?? 0) + more),
    "terminated_by": reports.at(-1)!.signal,
  };
}

type Counts = Outcome["library"];

function added(one: Counts, other: Counts): Counts {
  return {
    submitted: one.submitted + other.submitted,
    failed: one.failed + other.failed,
    suspends: one.suspends + other.suspends,
    polls: one.polls + other.polls,
    lanes: other.lanes,
  };
}

function jobReport(report: Report, index: number) {
  const { options, outcome } = report;
  const { read, write, sync, elapsed_ms, processor_us } = outcome;
  const percent = (us: number) => elapsed_ms === 0 ? 0 : us / 10 / elapsed_ms;
  return {
    "jobname": options.name ?? "fio.ts",
    "groupid": index,
    "error": errorNumber(outcome.failure),
    "elapsed": Math.ceil(elapsed_ms / 1000),
    "job options": jobOptions(report),
    "read": direction(read, options.blockSize, elapsed_ms),
    "write": direction(write, options.blockSize, elapsed_ms),
    "sync": { total_ios: sync.count, lat_ns: latency(sync) },
    "job_runtime": Math.round(elapsed_ms),
    "usr_cpu": percent(processor_us.user),
    "sys_cpu": percent(processor_us.system),
    ...latencyDistribution(distribution([read, write])),
  };
}

/** What fio calls the options, as it has them: strings. */
function jobOptions({ options, size }: Report): Record<string, string> {
  const given: Record<string, string | number | boolean | null> = {
    filename: options.path,
    ioengine: options.interface,
    rw: options.pattern,
    rwmixread: options.pattern.endsWith("rw") ? options.readPercent : null,
    bs: options.blockSize,
    size,
    iodepth: options.depth,
    numjobs: options.jobs,
    direct: options.direct ? 1 : 0,
    fdatasync: options.sync,
    number_ios: options.operations,
    runtime: options.runtime_s,
    ramp_time: options.ramp_s,
    verify: options.verify ? "pattern" : null,
    randseed: options.seed,
  };
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, String(value)]),
  );
}

function direction(
  latencies: Latencies,
  blockSize: number,
  elapsed_ms: number,
) {
  const { count } = latencies;
  const bytes = count * blockSize;
  const perSecond = (amount: number) =>
    elapsed_ms === 0 ? 0 : amount * 1000 / elapsed_ms;
  return {
    io_bytes: bytes,
    io_kbytes: Math.floor(bytes / 1024),
    bw_bytes: Math.round(perSecond(bytes)),
    bw: Math.round(perSecond(bytes) / 1024),
    iops: perSecond(count),
    runtime: count === 0 ? 0 : Math.round(elapsed_ms),
    total_ios: count,
    short_ios: 0,
    drop_ios: 0,
    clat_ns: latency(latencies),
    lat_ns: latency(latencies),
  };
}

function latency(latencies: Latencies) {
  const summary = {
    min: latencies.min_ns,
    max: latencies.max_ns,
    mean: latencies.mean_ns,
    stddev: latencies.deviation_ns,
    N: latencies.count,
  };
  if (latencies.count === 0) return summary;
  const percentile = Object.fromEntries(
    PERCENTILES.map((percent) => [
      percent.toFixed(6),
      latencies.percentile_ns(percent),
    ]),
  );
  return { ...summary, percentile };
}

function latencyDistribution(buckets: Bucket[]) {
  const of = (unit: Bucket["unit"]) =>
    Object.fromEntries(
      buckets.filter((bucket) => bucket.unit === unit)
        .map(({ below, percent }) => [
          below === null ? ">=2000" : `${below}`,
          percent,
        ]),
    );
  return {
    latency_ns: of("ns"),
    latency_us: of("us"),
    latency_ms: of("ms"),
  };
}

/** As fio: the system's number, or EILSEQ for what a verification found. */
function errorNumber(failure: Error | null): number {
  if (failure === null) return 0;
  if (failure instanceof AioError) return failure.errno;
  return failure instanceof VerificationError
    ? constants.errno.EILSEQ
    : constants.errno.EIO;
}
