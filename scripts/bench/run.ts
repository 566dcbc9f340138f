/** Runs contestants, each in a process of its own, one after another. */

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { type Cgroups, constrain } from "./constraints.ts";
import { makeSample } from "./consumers/samples.ts";
import type { Contestant } from "./contestant.ts";
import type { ContestantResult, WorkResult } from "./results.ts";
import { isDisturbed, processorTime, stolenShare } from "./stolen.ts";
import { dropFromCache, dropHalfFromCache, flush, warm } from "./test_file.ts";
import type { Run, Task, Work } from "./workloads.ts";

export interface RunSettings {
  path: string;
  fileBytes: number;
  /** A larger one, of which no run reads so much that it is cached then. */
  coldPath: string;
  coldFileBytes: number;
  directory: string;
  /** Where a run can be given a share of a processor, if anywhere. */
  cgroups: Cgroups | undefined;
  rounds: number;
  seconds: number;
  /** How often a disturbed run is made again. */
  retries: number;
}

/** Beyond the time a run is given: a peer that hangs must not stop the rest. */
const GRACE_MS = 60_000;
const OPERATIONS_TIMEOUT_MS = 600_000;
const RAMP_SECONDS = 0.5;
/** How long a process has the machine before it is constrained. */
const FREE_SECONDS = 1;
const DISK_SHARE_TOLERANCE = 0.15;
/** Processors that are taken away are seldom taken away for long. */
const RETRY_MS = 2000;
/** Disks go on working for a while after a sync has returned. */
const SETTLE_MS = 500;

/** Round after round, every contestant in turn: another one goes first in each. */
export async function runWork(
  work: Work,
  contestants: Contestant[],
  settings: RunSettings,
  progress: (line: string) => void,
): Promise<WorkResult> {
  const results: ContestantResult[] = contestants.map(({ key, label }) => ({
    key,
    label,
    runs: [],
  }));
  const rounds = roundsOf(work, settings.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, contestant] of rotated([...contestants.entries()], round)) {
      const result = results[i];
      if (result.error) continue;
      progress(`${work.name}  ${round}/${rounds}  ${contestant.label}`);
      try {
        result.runs.push(await runUndisturbed(work, contestant, settings));
      } catch (error) {
        result.error = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return { work, contestants: results };
}

/**
 * The items of the first round as they are, of the second one from the second on, …: a
 * disk goes on with what the one before has left, and that is not to be the same one.
 */
export function rotated<T>(items: T[], round: number): T[] {
  const at = (round - 1) % Math.max(items.length, 1);
  return [...items.slice(at), ...items.slice(0, at)];
}

/** How many rounds a work has where others have `rounds`. */
export function roundsOf(work: Work, rounds: number): number {
  return Math.min(rounds, work.rounds_max ?? Infinity);
}

function isWriting({ operation }: Work): boolean {
  return operation === "write" || operation === "append";
}

/** The last try counts, disturbed or not. */
async function runUndisturbed(
  work: Work,
  contestant: Contestant,
  settings: RunSettings,
): Promise<Run> {
  let run = await runOnce(work, contestant, settings);
  for (let left = settings.retries; left > 0 && isDisturbed(run); left--) {
    await setTimeout(RETRY_MS);
    run = await runOnce(work, contestant, settings);
  }
  return run;
}

async function runOnce(
  work: Work,
  contestant: Contestant,
  settings: RunSettings,
): Promise<Run> {
  const { directory, cgroups } = settings;
  const [path, fileBytes] = await fileFor(work, settings);
  const seconds = work.seconds ?? settings.seconds;
  const task: Task = {
    ...work,
    path,
    fileBytes,
    seconds,
    rampSeconds: work.constraint === undefined
      ? Math.min(RAMP_SECONDS, seconds)
      : FREE_SECONDS + RAMP_SECONDS,
    variant: "",
  };
  await flush(path);
  if (isWriting(work)) await setTimeout(SETTLE_MS);
  if (work.operation === "append") {
    const scratch = await mkdtemp(`${directory}/append-`);
    try {
      return await start(
        contestant,
        { ...task, path: `${scratch}/log` },
        cgroups,
      );
    } finally {
      await rm(scratch, { recursive: true });
    }
  }
  await prepareCache(task);
  const run = await start(contestant, task, cgroups);
  checkDiskShare(work, run);
  return run;
}

/** The file that a work is done on, and how large it is. */
async function fileFor(
  { cold, consumer }: Work,
  { path, fileBytes, coldPath, coldFileBytes }: RunSettings,
): Promise<[path: string, bytes: number]> {
  if (cold) return [coldPath, coldFileBytes];
  if (consumer === undefined) return [path, fileBytes];
  const sample = `${path}.${consumer}`;
  if (!existsSync(sample)) await makeSample(consumer, sample);
  // Offsets are numbers of operations, of which there is no end.
  return [sample, fileBytes];
}

async function prepareCache({ cold, direct, path, fileBytes }: Task) {
  if (cold === "half") dropHalfFromCache(path, fileBytes);
  else if (cold === "all" || direct) dropFromCache(path);
  else await warm(path);
}

/** Throws if the page cache had more or less of the file than the work says. */
export function checkDiskShare(
  { cold }: Pick<Work, "cold">,
  { disk_share }: Pick<Run, "disk_share">,
) {
  if (cold === undefined || typeof disk_share !== "number") return;
  const meant = cold === "half" ? 0.5 : 1;
  if (Math.abs(disk_share - meant) <= DISK_SHARE_TOLERANCE) return;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  throw new Error(
    `${percent(disk_share)} of what was read came from the disk instead of ` +
      percent(meant),
  );
}

async function start(
  contestant: Contestant,
  task: Task,
  cgroups: Cgroups | undefined,
): Promise<Run> {
  const timeout_ms = GRACE_MS +
    (task.operations ? OPERATIONS_TIMEOUT_MS : task.seconds * 1000);
  using constrained = await constrain(
    task.constraint,
    cgroups,
    timeout_ms / 1000,
  );
  const { program, args, env } = contestant.command(task);
  const cpu_before_us = await childrenCpu_us();
  const time_before = await processorTime();
  const process = new Deno.Command(program, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(timeout_ms),
  }).spawn();
  const free = globalThis.setTimeout(
    () => constrained.apply(process.pid),
    FREE_SECONDS * 1000,
  );
  const { success, code, stdout, stderr } = await process.output();
  clearTimeout(free);
  const text = new TextDecoder();
  if (!success) {
    const reason = text.decode(stderr).trim().split("\n")
      .find((line) => /error/i.test(line)) ?? "";
    throw new Error(`exit status ${code}. ${reason}`.trim());
  }
  const run: Run = contestant.parse
    ? contestant.parse(text.decode(stdout), task)
    : JSON.parse(text.decode(stdout));
  run.stolen = stolenShare(time_before, await processorTime());
  // Who does not know its own processor time is charged with its whole life.
  const cpu_us = await childrenCpu_us() - cpu_before_us;
  run.cores ??= cpu_us / 1e6 / (task.seconds + task.rampSeconds);
  return run;
}

/** Processor time of all children that have ended; NaN where /proc is not. */
async function childrenCpu_us(): Promise<number> {
  const CUTIME = 13, CSTIME = 14; // counted from the state, see proc(5)
  const TICK_US = 10_000;
  try {
    const stat = await Deno.readTextFile("/proc/self/stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[CUTIME]) + Number(fields[CSTIME])) * TICK_US;
  } catch {
    return NaN;
  }
}
