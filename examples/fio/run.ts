/**
 * A part of the tool `fio.ts`: a run from its first operation to its last, and what it came
 * to.
 *
 * @module
 */

import process from "node:process";
import { AioFile, type Metrics, metrics } from "../../mod.ts";
import { drivers } from "./drivers.ts";
import { Job } from "./job.ts";
import type { Options } from "./options.ts";
import type { Prepared } from "./prepare.ts";
import type { Progress } from "./progress.ts";
import { Latencies } from "./statistics.ts";
import { verifyJob } from "./verify.ts";

const PROGRESS_INTERVAL_MS = 100;

/** What a run came to. */
export interface Outcome {
  read: Latencies;
  write: Latencies;
  sync: Latencies;
  /** Of the measured part: from its first operation to the end of its last. */
  elapsed_ms: number;
  /** Of this process, the C library's threads included, in that time. */
  processor_us: { user: number; system: number };
  /** How the library's counts grew in that time; lanes, as they are at its end. */
  library: Pick<
    Metrics,
    "submitted" | "failed" | "suspends" | "polls" | "lanes"
  >;
  /** Blocks read again at the end; `null`: that was not asked for. */
  verified: number | null;
  /** Why it ended before its time. */
  failure: Error | null;
}

/** What the jobs of a run share. */
export class Run {
  readonly read: Latencies = new Latencies();
  readonly write: Latencies = new Latencies();
  readonly sync: Latencies = new Latencies();
  readonly id: number;
  failure: Error | null = null;
  readonly #signal: AbortSignal;
  readonly #ramp_ms: number;
  readonly #runtime_ms: number;
  readonly #start_ms = performance.now();
  /** When the first measured operation began. */
  #begin_ms: number | null = null;
  #last_ms = 0;
  #before: { cpu: NodeJS.CpuUsage; metrics: Metrics } | null = null;

  constructor(id: number, { ramp_s, runtime_s }: Options, signal: AbortSignal) {
    this.id = id;
    this.#signal = signal;
    this.#ramp_ms = ramp_s * 1000;
    this.#runtime_ms = (runtime_s ?? Infinity) * 1000;
  }

  /** Whether no operation may begin any more. */
  isOver(now_ms: number): boolean {
    return this.failure !== null || this.#signal.aborted ||
      now_ms - (this.#begin_ms ?? now_ms) >= this.#runtime_ms;
  }

  /** Whether an operation that begins now is counted. */
  isMeasured(now_ms: number): boolean {
    if (this.#begin_ms !== null) return true;
    if (now_ms - this.#start_ms < this.#ramp_ms) return false;
    this.#begin_ms = now_ms;
    this.#before = { cpu: process.cpuUsage(), metrics: metrics() };
    return true;
  }

  record(
    kind: "read" | "write" | "sync",
    started_ms: number,
    ended_ms: number,
  ): void {
    this[kind].record(ended_ms - started_ms);
    this.#last_ms = ended_ms;
  }

  /** Ends the run: the first failure is the one that is told. */
  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
  }

  /** How long the measured part has lasted. */
  elapsed_ms(now_ms: number): number {
    return now_ms - (this.#begin_ms ?? now_ms);
  }

  outcome(): Outcome {
    const now = metrics();
    const { cpu, metrics: before } = this.#before ??
      { cpu: process.cpuUsage(), metrics: now };
    return {
      read: this.read,
      write: this.write,
      sync: this.sync,
      elapsed_ms: this.elapsed_ms(
        Math.max(this.#last_ms, this.#begin_ms ?? 0),
      ),
      processor_us: process.cpuUsage(cpu),
      library: {
        submitted: now.submitted - before.submitted,
        failed: now.failed - before.failed,
        suspends: now.suspends - before.suspends,
        polls: now.polls - before.polls,
        lanes: now.lanes,
      },
      verified: null,
      failure: this.failure,
    };
  }
}

/**
 * Runs.
 *
 * @param options What to do.
 * @param id The number that verified blocks of this run carry.
 * @param prepared The file to do it to.
 * @param progress Told how far it has come.
 * @param signal Ends the run early.
 * @returns What it came to, also if it failed on the way.
 */
export async function run(
  options: Options,
  id: number,
  prepared: Prepared,
  progress: Progress,
  signal: AbortSignal,
): Promise<Outcome> {
  await using files = new AsyncDisposableStack();
  const open = {
    read: options.readPercent > 0 || options.verify,
    write: options.readPercent < 100,
    direct: options.direct,
  };
  const shared = new Run(id, options, signal);
  const jobs: Job[] = [];
  for (let index = 0; index < options.jobs; index++) {
    const file = files.use(await AioFile.open(options.path, open));
    jobs.push(new Job(shared, file, options, index, prepared));
  }

  const watch = watchProgress(shared, options, jobs, progress);
  const drive = drivers[options.interface];
  await Promise.all(
    jobs.map((job) => drive(job).catch((error) => shared.fail(error))),
  );
  clearInterval(watch);
  const outcome = shared.outcome();
  const verifies = options.verify && open.write && shared.failure === null;
  if (!verifies) return outcome;
  const blocks = jobs.reduce((sum, job) => sum + job.writtenBlocks, 0);
  progress.start("verifying", blocks, "operations");
  try {
    await Promise.all(jobs.map((job) => verifyJob(job, progress, signal)));
  } catch (error) {
    shared.fail(error);
  }
  return { ...outcome, verified: progress.done, failure: shared.failure };
}

function watchProgress(
  shared: Run,
  { runtime_s }: Options,
  jobs: Job[],
  progress: Progress,
): ReturnType<typeof setInterval> {
  const operations = jobs.reduce((sum, job) => sum + job.operations, 0);
  if (runtime_s === null) progress.start("running", operations, "operations");
  else progress.start("running", runtime_s, "seconds");
  return setInterval(() => {
    progress.done = runtime_s === null
      ? shared.read.count + shared.write.count
      : shared.elapsed_ms(performance.now()) / 1000;
  }, PROGRESS_INTERVAL_MS);
}
