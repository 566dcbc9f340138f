/**
 * Runs requests of every kind while the system refuses something.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Directory, report } from "../helpers/mod.ts";
import { limit_ms } from "./scale.ts";

/** What is refused, and what may come of it. */
export interface Refusal {
  /** The library to preload. */
  faults: string;
  /** The call, as `faults.c` knows it. */
  call: "dup" | "thread" | "aligned_alloc" | "submission_alloc";
  error: string;
  /** `"7"`: only the seventh call; `"from 7"`: all from there on, for a while. */
  position: string;
  /** With which code requests may fail then. */
  codes: string[];
  /** Whether requests of promises and queues may fail as well as blocks. */
  mayFilesFail: boolean;
}

/**
 * Asserts that nothing hangs, that errors are those that may be, and that
 * everything works as before when nothing is refused any more.
 *
 * @returns How many calls were refused, and how many kinds of requests failed.
 */
export async function starve(refusal: Refusal): Promise<[number, number]> {
  const { faults, call, error, position, codes, mayFilesFail } = refusal;
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

/** Positions: the first calls, then some, alone and from there on. */
export function positions(alone: number[], lasting: number[]): string[] {
  return [...alone.map(String), ...lasting.map((first) => `from ${first}`)];
}
