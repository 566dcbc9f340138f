/**
 * Finds the C functions in a platform's libraries.
 *
 * @module
 */
import type { Platform } from "./platform.ts";
import type { NativeFunctions } from "./runtime.ts";
import {
  type FunctionName,
  type Signature,
  SIGNATURE_ROWS,
} from "./signatures.ts";

/** A function whose signature only the table knows. */
export type Native = (...args: unknown[]) => unknown;

/** Functions by their names in the table; `null` as well where there is none. */
export type FoundFunctions = { [Name in FunctionName]?: Native | null };

/** What a function is called in the libraries of a platform. */
export function symbolOf(
  name: FunctionName,
  { symbol }: Signature,
  { symbols }: Platform,
): string {
  return symbols[name] ?? symbol ?? name;
}

/**
 * Takes each function from the first library that has it: on FreeBSD it takes two
 * to have all.
 *
 * @param platform Names the libraries.
 * @param functionsIn What a library has.
 * @returns `null` if one is missing that every system has to have.
 */
export function bindFunctions(
  platform: Platform,
  functionsIn: (library: string) => FoundFunctions,
): NativeFunctions | null {
  const found: FoundFunctions = {};
  for (const library of platform.libraries) {
    const functions = functionsIn(library);
    for (const [name] of SIGNATURE_ROWS) found[name] ??= functions[name];
  }
  for (const [name, { optional }] of SIGNATURE_ROWS) {
    found[name] ??= null;
    if (found[name] === null && !optional) return null;
  }
  return found as NativeFunctions;
}
