/**
 * Runs requests of every kind while the system refuses something.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Directory, report } from "../helpers/mod.ts";
import { limit_ms, tell } from "./scale.ts";

/** What is refused, and what may come of it. */
export interface Refusal {
  /** The library to preload. */
  faults: string;
  /** The call, as `faults.c` knows it. */
  call: "dup" | "thread" | "aligned_alloc" | "submission_alloc";
  error: string;
  /** With which code requests may fail then. */
  codes: readonly string[];
  /** Whether requests of promises and queues may fail as well as blocks. */
  mayFilesFail: boolean;
}

/** Refuses at each of the positions, and tells what came of it. */
export async function starveAt(
  where: string[],
  refusal: Refusal,
): Promise<void> {
  let refused = 0;
  let failed = 0;
  for (const position of where) {
    const [hits, failures] = await starve(refusal, position);
    refused += hits;
    failed += failures;
  }
  tell(`${where.length} cases: ${refused} refused, ${failed} failed`);
}

/**
 * Asserts that nothing hangs, that errors are those that may be, and that
 * everything works as before when nothing is refused any more.
 *
 * @param position `"7"`: only the seventh call; `"from 7"`: all from there on, for
 * a while.
 * @returns How many calls were refused, and how many kinds of requests failed.
 */
async function starve(
  { faults, call, error, codes, mayFilesFail }: Refusal,
  position: string,
): Promise<[number, number]> {
  using directory = new Directory();
  const { hits, refused, then, left } = await report(
    "../torture/programs/starved",
    {
      args: [directory.path, call, error, position],
      env: { LD_PRELOAD: faults },
      pageCache: false,
      limit_ms,
    },
  );
  const what = `${error} of ${call}, ${position}`;
  assert(hits > 0, `${what}: nothing was refused`);
  const failed = Object.entries(refused).filter(([, code]) => code !== "done");
  for (const [kind, code] of failed) {
    const isPermitted = codes.includes(code as string) &&
      (mayFilesFail || kind.includes("blocks"));
    assert(isPermitted, `${what}: ${kind} ended with ${code}`);
  }
  const notDone = Object.entries(then).filter(([, code]) => code !== "done");
  assertEquals(notDone, [], `${what}: when nothing was refused any more`);
  assertEquals(left, [0, 0], what);
  return [hits, failed.length];
}

/** So many numbers from 1 on. */
export function first(count: number, step = 1): number[] {
  return Array.from({ length: count }, (_, at) => at * step + 1);
}

/** Positions: the first calls, then some, alone and from there on. */
export function positions(alone: number[], lasting: number[]): string[] {
  return [...alone.map(String), ...lasting.map((first) => `from ${first}`)];
}
