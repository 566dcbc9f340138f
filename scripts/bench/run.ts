/** Runs contestants, each in a process of its own, one after another. */

import { mkdtemp, rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { Contestant } from "./contestant.ts";
import type { ContestantResult, WorkResult } from "./results.ts";
import { isDisturbed, processorTime, stolenShare } from "./stolen.ts";
import { dropFromCache, flush, warm } from "./test_file.ts";
import type { Run, Task, Work } from "./workloads.ts";

export interface RunSettings {
  path: string;
  fileBytes: number;
  directory: string;
  rounds: number;
  seconds: number;
  /** How often a disturbed run is made again. */
  retries: number;
}

/** Beyond the time a run is given: a peer that hangs must not stop the rest. */
const GRACE_MS = 60_000;
const OPERATIONS_TIMEOUT_MS = 600_000;
const RAMP_SECONDS = 0.5;
/** Processors that are taken away are seldom taken away for long. */
const RETRY_MS = 2000;
/** Disks go on working for a while after a sync has returned. */
const SETTLE_MS = 500;

/** Round after round, every contestant in turn. */
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
  const rounds = work.rounds ?? settings.rounds;
  for (let round = 1; round <= rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
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
  const { path, directory, fileBytes } = settings;
  const seconds = work.seconds ?? settings.seconds;
  const task: Task = {
    ...work,
    path,
    fileBytes,
    seconds,
    rampSeconds: Math.min(RAMP_SECONDS, seconds),
    variant: "",
  };
  await flush(path);
  if (isWriting(work)) await setTimeout(SETTLE_MS);
  if (work.operation === "append") {
    const scratch = await mkdtemp(`${directory}/append-`);
    try {
      return await start(contestant, { ...task, path: `${scratch}/log` });
    } finally {
      await rm(scratch, { recursive: true });
    }
  }
  await (work.direct ? dropFromCache : warm)(path);
  return await start(contestant, task);
}

async function start(contestant: Contestant, task: Task): Promise<Run> {
  const { program, args, env } = contestant.command(task);
  const cpu_before_us = await childrenCpu_us();
  const time_before = await processorTime();
  const process = new Deno.Command(program, {
    args,
    env: { NO_COLOR: "1", ...env },
    // For the idle work: a pipe that stays empty and open.
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(
      GRACE_MS +
        (task.operations ? OPERATIONS_TIMEOUT_MS : task.seconds * 1000),
    ),
  }).spawn();
  const { success, code, stdout, stderr } = await process.output();
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
