// Random programs, run by the library and checked against a model: whatever
// happens at the same time, every file and every buffer has to be explicable by
// the contract. See model/program.ts for what a program may do.
//
// A failure prints the seed and the shrunk program. To run it again:
//
//     TORTURE_SEED=<seed> TORTURE_PATH=<path> deno test -A tests/torture/model_test.ts

import { assert } from "@std/assert";
import fc from "fast-check";
import {
  Directory,
  hasDirectTransfers,
  test,
  timeLimit,
} from "../helpers/mod.ts";
import { Machine } from "./model/machine.ts";
import { type Program, program } from "./model/program.ts";
import { isLong, limit_ms, replay, scaled } from "./scale.ts";

const PROGRAMS = scaled(100, 10_000);
/** The short form ends here: a slow machine runs fewer, but never too few. */
const SHORT_MS = timeLimit(4_000);
const PROGRAMS_MIN = scaled(25, PROGRAMS);
/** What takes longer than this hangs. */
const PATIENCE_MS = 30_000;
/** Many programs are tried until a failure is small, and each may hang. */
const PATIENCE_WHEN_SHRINKING_MS = 3_000;
/** Files in memory make no disk wait; it is there on Linux. */
const MEMORY = "/dev/shm";

/** Runs programs; one that is not explicable throws. Returns how many ran. */
async function runPrograms(change: Partial<Program>): Promise<number> {
  using disk = new Directory();
  using memory = new Directory(isThere(MEMORY) ? MEMORY : undefined);
  const places = {
    memory: memory.path,
    disk: disk.path,
    takesDirect: hasDirectTransfers(),
  };
  const end_ms = isLong ? Infinity : performance.now() + SHORT_MS;
  let programs = 0;
  let hasFailed = false;
  const property = fc.asyncProperty(program, async (program) => {
    const isLate = programs >= PROGRAMS_MIN && performance.now() > end_ms;
    if (isLate && !hasFailed) return;
    programs++;
    const patience_ms = hasFailed ? PATIENCE_WHEN_SHRINKING_MS : PATIENCE_MS;
    try {
      await new Machine({ ...program, ...change }, places, patience_ms).run();
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  });
  await fc.assert(property, { numRuns: PROGRAMS, ...replay });
  return programs;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

// The number of lanes cannot be left to the engine again once it was set.
for (
  const [lanes, change] of [
    ["as many lanes as the engine likes", { lanes: null }],
    ["a number of lanes", {}],
  ] as const
) {
  test(`any program does what the model says, with ${lanes}`, {
    limit_ms,
    onFirstThread: import.meta.url,
  }, async () => {
    const programs = await runPrograms(change);
    // What is repeated begins at the program that failed.
    const least = replay.path === undefined ? PROGRAMS_MIN : 1;
    assert(programs >= least, `only ${programs} programs ran`);
  });
}
