/** What takes part in the benchmark, and what it takes to find out. */

import { fileURLToPath } from "node:url";
import type { Run, Task, Work } from "./workloads.ts";

export interface Command {
  program: string;
  args: string[];
  env?: Record<string, string>;
}

export interface Contestant {
  /** Stable, for JSON files and requirements. */
  key: string;
  /** For people. */
  label: string;
  offers(work: Work): boolean;
  command(task: Task): Command;
  /** Absent: the process prints a {@linkcode Run} as one line of JSON. */
  parse?(stdout: string, task: Task): Run;
}

export interface Missing {
  what: string;
  how: string;
}

export interface Machine {
  contestants: Contestant[];
  missing: Missing[];
  versions: Record<string, string>;
}

const LARGE_BYTES = 64 * 1024;

export const isRandomRead = (work: Work): boolean =>
  work.operation === "read" && work.order === "random";

/** Transfers as fast as they can be, whatever they are beside. */
export const isTransfer = (work: Work): boolean =>
  ["main", "cold", "constrained"].includes(work.group);

/** What the engine on `node:fs` is compared by with `node:fs` itself. */
export const isForFs = (work: Work): boolean =>
  work.group === "main" && (isRandomRead(work) || work.operation === "append");

/** Of a size at which it matters how the memory came about. */
export const isLargeCachedRead = (work: Work): boolean =>
  work.group === "main" && work.operation === "read" && !work.direct &&
  work.blockBytes >= LARGE_BYTES;

/** Calls that block have one at a time, and are not for a disk. */
export const isOneCachedRead = (work: Work): boolean =>
  work.group === "main" && isRandomRead(work) && !work.direct &&
  work.depth === 1;

/** Packages that read files of their formats, by one way to read files. */
export function consumer(
  key: string,
  label: string,
  variant: string,
  command: (task: Task, variant: string) => Command,
): Contestant {
  return {
    key,
    label,
    offers: ({ group }) => group === "consumers",
    command: (task) => command(task, variant),
  };
}

/** The path of a file of this directory. */
export const here = (path: string): string =>
  fileURLToPath(new URL(path, import.meta.url));

/** Standard output of a command, or undefined if it is missing or fails. */
export async function output(
  program: string,
  args: string[],
  timeout_ms = 10_000,
): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args,
      stderr: "null",
      signal: AbortSignal.timeout(timeout_ms),
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
