/**
 * Runs that do not have the machine to themselves: beside busy processes, with a share
 * of a processor, or with the lowest priority.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { setPriority } from "node:os";
import process from "node:process";
import type { Constraint } from "./workloads.ts";

/** A hierarchy of cgroups that divides processor time. */
export interface Cgroups {
  path: string;
  version: 1 | 2;
}

/** What is there for a run until it is disposed of. */
export interface Constrained extends Disposable {
  /** From now on a process that runs, with all its threads, gets no more. */
  apply(pid: number): void;
}

/** Of the time in which a cgroup may use its share: the kernel's default. */
const PERIOD_US = 100_000;
/** Processes that were killed take a moment to be gone. */
const REMOVE_TRIES = 200, REMOVE_PAUSE_MS = 10;

/** What is there now, and how to remove it. */
const removals = new Set<() => void>();
let cgroupsMade = 0;

/** Removes all that is there, for the end of a benchmark that is interrupted. */
export function removeConstraints(): void {
  for (const remove of [...removals].reverse()) remove();
}

/**
 * Makes what a run needs.
 *
 * @param constraint What a work wants; absent: nothing.
 * @param cgroups From {@linkcode findCgroups}, for a share of a processor.
 * @param seconds After how long busy processes end, should nobody end them.
 * @returns What constrains a process, once that has warmed up: a compiler that gets a
 * hundredth of a processor takes longer than a run.
 */
export async function constrain(
  constraint: Constraint = {},
  cgroups: Cgroups | undefined,
  seconds: number,
): Promise<Constrained> {
  const { isBesideBusy, processors, niceness } = constraint;
  using stack = new DisposableStack();
  let procs: string | undefined;
  if (processors !== undefined) {
    if (cgroups === undefined) throw new Error("There is no cgroup to be had");
    const directory = makeCgroup(cgroups, processors);
    stack.defer(removal(() => removeCgroup(directory)));
    procs = `${directory}/cgroup.procs`;
  }
  if (isBesideBusy) {
    for (let i = 0; i < navigator.hardwareConcurrency; i++) {
      const busy = startBusyProcess(seconds);
      stack.defer(removal(() => kill(busy.pid)));
      await isRunning(busy);
    }
  }
  const kept = stack.move();
  return {
    apply: (pid) =>
      unlessGone(() => {
        if (procs !== undefined) writeControl(procs, String(pid));
        if (niceness !== undefined) makeNice(pid, niceness);
      }),
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** Puts it among what is there; it happens once. */
function removal(remove: () => void): () => void {
  const once = () => {
    if (removals.delete(once)) remove();
  };
  removals.add(once);
  return once;
}

/** A process or a thread that has ended needs no constraint. */
function unlessGone(apply: () => void): void {
  try {
    apply();
  } catch (error) {
    if (!["ESRCH", "ENOENT"].includes(codeOf(error) ?? "")) throw error;
  }
}

/** On Linux, each thread has a niceness; those that it makes have the same. */
function makeNice(pid: number, niceness: number): void {
  const tasks = `/proc/${pid}/task`;
  const ids = existsSync(tasks) ? readdirSync(tasks) : [pid];
  for (const id of ids) unlessGone(() => setPriority(Number(id), niceness));
}

/** It says that it has begun, and ends by itself: its parent may be killed. */
function startBusyProcess(seconds: number): Deno.ChildProcess {
  const program = `console.log("busy");
    const end_ms = Date.now() + ${1000 * seconds};
    while (Date.now() < end_ms);`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

async function isRunning({ stdout }: Deno.ChildProcess): Promise<void> {
  const reader = stdout.getReader();
  const { done } = await reader.read();
  if (done) throw new Error("A busy process did not start");
  await reader.cancel();
}

function kill(pid: number): void {
  unlessGone(() => process.kill(pid, "SIGKILL"));
}

/**
 * Looks where a cgroup with a share of a processor can be made.
 *
 * @returns `undefined` where none can: for want of root, or in most containers.
 */
export function findCgroups(): Cgroups | undefined {
  let mounts: string;
  try {
    mounts = readFileSync("/proc/mounts", "utf8");
  } catch {
    return undefined; // not on Linux
  }
  return parseMounts(mounts).find((cgroups) => {
    try {
      removeCgroup(makeCgroup(cgroups, 0.5));
      return true;
    } catch {
      return false;
    }
  });
}

/** The hierarchies in a text like `/proc/mounts`, the newer kind first. */
export function parseMounts(text: string): Cgroups[] {
  return text.split("\n").flatMap((line): Cgroups[] => {
    const [, path, type, options = ""] = line.split(" ");
    if (type === "cgroup2") return [{ path, version: 2 }];
    const isForCpu = type === "cgroup" && options.split(",").includes("cpu");
    return isForCpu ? [{ path, version: 1 }] : [];
  }).sort((a, b) => b.version - a.version);
}

/** Makes one that is nobody else's; nothing is left where that fails. */
function makeCgroup({ path, version }: Cgroups, processors: number): string {
  const directory = `${path}/posix-aio-bench-${process.pid}-${cgroupsMade++}`;
  const quota_us = Math.round(processors * PERIOD_US);
  mkdirSync(directory);
  try {
    if (version === 2) {
      writeControl(`${directory}/cpu.max`, `${quota_us} ${PERIOD_US}`);
    } else {
      writeControl(`${directory}/cpu.cfs_period_us`, `${PERIOD_US}`);
      writeControl(`${directory}/cpu.cfs_quota_us`, `${quota_us}`);
    }
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
  return directory;
}

/** Only the kernel makes these files: where one is not, the cgroup has no such control. */
function writeControl(path: string, value: string): void {
  statSync(path);
  writeFileSync(path, value);
}

/** Whoever is in it is killed: only runs of the benchmark are. */
function removeCgroup(directory: string): void {
  for (let tries = 0;; tries++) {
    const pids = readFileSync(`${directory}/cgroup.procs`, "utf8");
    for (const pid of pids.split("\n")) if (pid !== "") kill(Number(pid));
    try {
      return rmdirSync(directory);
    } catch (error) {
      if (codeOf(error) !== "EBUSY" || tries === REMOVE_TRIES) throw error;
    }
    pause(REMOVE_PAUSE_MS);
  }
}

/** For a signal's handler, which cannot wait otherwise. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Of the system's errors; those of `node:os` have it one level down. */
function codeOf(error: unknown): string | undefined {
  const { code, info } = error as { code?: string; info?: { code?: string } };
  return info?.code ?? code;
}
