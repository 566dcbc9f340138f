/**
 * Runs files with tests in processes of their own, as many at once as there are
 * processors: an emulated one makes use of little more than one.
 *
 * @module
 */
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import pMap from "p-map";

/** What weighs more than any file. */
const LONGEST = Number.MAX_SAFE_INTEGER;

/** The results of tests. */
export interface Results {
  passed: number;
  failed: number;
}

/**
 * The files with tests in a directory, and below it; anything else, whose tests
 * are the examples in it, stays what it is.
 *
 * @param ignored Files, and directories, to leave out.
 */
export function testFilesIn(target: string, ignored: string[]): string[] {
  if (!statSync(target).isDirectory()) return [target];
  const files = readdirSync(target, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("_test.ts"))
    .map((path) => join(target, path))
    .filter((path) => !ignored.some((one) => isIn(one, path)));
  return files.length > 0 ? files : [target];
}

/**
 * Runs the tests of each file, and prints what they print as soon as all of its
 * are done.
 *
 * @param spawn Starts the tests of a file, its output piped.
 * @param options.first Files, or directories of such, that take longer than
 * their size tells.
 * @param options.print Is used for the output.
 * @param options.signal Ends it, so that no other file is begun.
 * @returns The results of all; a process that fails without failed tests counts
 * as one.
 */
export async function runTestFiles(
  files: string[],
  spawn: (file: string) => Promise<Deno.ChildProcess>,
  { first = [], print = printAll, signal }: {
    first?: string[];
    print?: (output: Uint8Array) => void;
    signal?: AbortSignal;
  } = {},
): Promise<Results> {
  // What takes longest goes first, so that nothing waits for it in the end.
  const isFirst = (file: string) => first.some((path) => isIn(path, file));
  const weighed = (file: string) => isFirst(file) ? LONGEST : weightOf(file);
  const sorted = files.map((file) => ({ file, weight: weighed(file) }))
    .sort((a, b) => b.weight - a.weight);
  const results = await pMap(sorted, async ({ file }) => {
    const child = await spawn(file);
    const { code, stdout, stderr } = await child.output();
    print(stderr);
    print(stdout);
    const { passed, failed } = resultsIn(new TextDecoder().decode(stdout));
    return { passed, failed: code === 0 ? failed : Math.max(failed, 1) };
  }, { concurrency: navigator.hardwareConcurrency, signal });
  return results.reduce((all, { passed, failed }) => ({
    passed: all.passed + passed,
    failed: all.failed + failed,
  }));
}

/** Whether a path is another one, or in that directory. */
function isIn(other: string, path: string): boolean {
  return path === other || path.startsWith(`${other}/`);
}

/** A guess at how long the tests of a file, or of all in a directory, take. */
function weightOf(path: string): number {
  const stat = statSync(path);
  return stat.isDirectory() ? LONGEST : stat.size;
}

function printAll(output: Uint8Array): void {
  writeFileSync(1, output);
}

/** The results that `deno test` prints in its last line. */
function resultsIn(output: string): Results {
  const line = stripVTControlCharacters(output)
    .match(/^(?:ok|FAILED) \| (\d+) passed.* \| (\d+) failed/m);
  return { passed: Number(line?.[1] ?? 0), failed: Number(line?.[2] ?? 0) };
}
