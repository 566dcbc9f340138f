/**
 * Deno, where it has the package from npm.
 *
 * @module
 */
import process from "node:process";

/** Deno's version; `undefined` on Node and Bun. */
export const denoVersion: string | undefined = process.versions.deno;

/** Whether this is Deno: its `node:fs` has limits of its own. */
export const isDeno: boolean = denoVersion !== undefined;
