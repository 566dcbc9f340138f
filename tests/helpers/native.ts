/**
 * The C sources of the torture tests, compiled to be preloaded into a program
 * under test: what goes wrong in a system, and who watches over its memory.
 *
 * @module
 */
import { engineHere, type EngineName } from "./engines.ts";
import { Directory } from "./files.ts";
import { isEmulated, isLinux, succeeds } from "./system.ts";

let directory: Directory | null = null;

/** Where the libraries are, until the process ends. */
function librariesDirectory(): Directory {
  if (directory === null) {
    const made = directory = new Directory();
    addEventListener("unload", () => made[Symbol.dispose]());
  }
  return directory;
}

/**
 * Compiles a library that takes the place of librt.so.1: the library under test
 * looks there first, and finds the rest in the C library behind it.
 *
 * @param names Of the sources, without their ending.
 * @returns The path of the library; `null` where it cannot be had or used.
 */
export function preload(...names: string[]): string | null {
  if (!isLinux) return null;
  const path = librariesDirectory().at(`${names.join("_")}.so`);
  const source = (file: string) =>
    new URL(`../torture/${file}`, import.meta.url).pathname;
  const isCompiled = succeeds(
    "cc",
    "-shared",
    "-fPIC",
    "-O1",
    "-Wall",
    "-Wl,-soname,librt.so.1",
    `-Wl,--version-script=${source("librt.map")}`,
    "-o",
    path,
    ...names.map((name) => source(`${name}.c`)),
  );
  return isCompiled && canBePreloaded(path) ? path : null;
}

function canBePreloaded(path: string): boolean {
  const { success } = new Deno.Command("true", { env: { LD_PRELOAD: path } })
    .outputSync();
  return success;
}

/**
 * What makes system calls fail, see `faults.c`, also where a ring makes none, see
 * `rings.c`: the path of the library; `null` where it cannot be had, or seccomp(2)
 * is missing, as in an emulator.
 */
export function preloadFaults(): string | null {
  return isEmulated ? null : preload("faults", "rings");
}

/** What is wrong with rings, see `rings.c`. */
export type RingFaults = Partial<
  Record<
    | "RINGS_SETUP"
    | "RINGS_ENTRIES_MAX"
    | "RINGS_COMPLETIONS"
    | "RINGS_ENTER"
    | "RINGS_TAKEN"
    | "RINGS_SHORT"
    | "RINGS_CALLS",
    string
  >
>;

/** As many threads as make calls in the place of a ring. */
const CALLING_THREADS = "8";

/**
 * What has an engine serve files with system calls that can be looked at: an
 * environment; `null` where that is not possible.
 *
 * @param engine The one that is asked for; that of these tests unless given.
 */
export function visibleCalls(
  engine: EngineName | "auto" = engineHere(),
): RingFaults & { LD_PRELOAD?: string } | null {
  if (engine === "librt") return {};
  const LD_PRELOAD = preload("rings");
  if (LD_PRELOAD === null) return null;
  return { LD_PRELOAD, RINGS_CALLS: CALLING_THREADS };
}
