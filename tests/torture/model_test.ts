// Random programs, run by the library and checked against a model: whatever
// happens at the same time, every file and every buffer has to be explicable by
// the contract. See model/program.ts for what a program may do.
//
// A failure prints the seed and the shrunk program. To run it again:
//
//     TORTURE_SEED=<seed> TORTURE_PATH=<path> deno test -A tests/torture/model_test.ts

import fc from "fast-check";
import { AioError, AioFile } from "../../mod.ts";
import { Directory, timeLimit } from "../helpers.ts";
import { Machine } from "./model/machine.ts";
import { type Program, program } from "./model/program.ts";
import { isLong, replay, scaled, timeout } from "./scale.ts";
import { testsOnFirstThread } from "../first_thread.ts";

const testOnFirstThread = testsOnFirstThread(import.meta.url);

const PROGRAMS = scaled(150, 10_000);
/** The short form ends here at the latest: a slow machine runs fewer. */
const SHORT_MS = timeLimit(6_000);
/** What takes longer than this hangs. */
const PATIENCE_MS = 30_000;
/** Many programs are tried until a failure is small, and each may hang. */
const PATIENCE_WHEN_SHRINKING_MS = 3_000;
/** Files in memory make no disk wait; it is there on Linux. */
const MEMORY = "/dev/shm";

async function runPrograms(change: Partial<Program>): Promise<number> {
  using disk = new Directory();
  using memory = new Directory(isThere(MEMORY) ? MEMORY : undefined);
  const places = {
    memory: memory.path,
    disk: disk.path,
    takesDirect: await takesDirect(disk.file()),
  };
  let programs = 0;
  let patience_ms = PATIENCE_MS;
  const property = fc.asyncProperty(program, async (program) => {
    programs++;
    try {
      await new Machine({ ...program, ...change }, places, patience_ms).run();
    } catch (error) {
      patience_ms = PATIENCE_WHEN_SHRINKING_MS;
      throw error;
    }
  });
  await fc.assert(property, {
    numRuns: PROGRAMS,
    ...replay,
    ...(!isLong && { interruptAfterTimeLimit: SHORT_MS }),
  });
  return programs;
}

/** Not every file system has direct transfers. */
async function takesDirect(path: string): Promise<boolean> {
  try {
    await using _ = await AioFile.open(path, { direct: true });
    return true;
  } catch (error) {
    if (error instanceof AioError && error.code === "EINVAL") return false;
    throw error;
  }
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
  testOnFirstThread({
    name: `any program does what the model says, with ${lanes}`,
    timeout,
    async fn() {
      const programs = await runPrograms(change);
      console.log(`${programs} programs`);
    },
  });
}
