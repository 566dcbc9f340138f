/**
 * The C sources beside these tests, compiled to be preloaded into a program
 * under test: what goes wrong in a system, and who watches over its memory.
 *
 * @module
 */
import { Directory, isEmulated, isLinux, succeeds } from "../helpers/mod.ts";

const directory = new Directory();
addEventListener("unload", () => directory[Symbol.dispose]());

/**
 * Compiles a library that takes the place of librt.so.1: the library under test
 * looks there first, and finds the rest in the C library behind it.
 *
 * @param name Of the source, without its ending.
 * @returns The path of the library; `null` where it cannot be had or used.
 */
export function preload(name: string): string | null {
  if (!isLinux) return null;
  const path = directory.at(`${name}.so`);
  const source = (file: string) =>
    new URL(`./${file}`, import.meta.url).pathname;
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
    source(`${name}.c`),
  );
  return isCompiled && canBePreloaded(path) ? path : null;
}

function canBePreloaded(path: string): boolean {
  const { success } = new Deno.Command("true", { env: { LD_PRELOAD: path } })
    .outputSync();
  return success;
}

/**
 * What makes system calls fail, see `faults.c`: the path of the library; `null`
 * where it cannot be had, or seccomp(2) is missing, as in an emulator.
 */
export const faults: string | null = isEmulated ? null : preload("faults");
