/**
 * Deno, where it has the package from npm.
 *
 * @module
 */
import process from "node:process";
import { FFI_REFUSED, isGranted } from "../permissions.ts";

/** Deno's version; `undefined` on Node and Bun. */
export const denoVersion: string | undefined = process.versions.deno;

/** Whether this is Deno: its `node:fs` has limits of its own. */
export const isDeno: boolean = denoVersion !== undefined;

/**
 * What is missing for Deno to load koffi without asking anybody; `null` if nothing is,
 * as on Node and Bun.
 */
export function whyKoffiIsForbidden(): string | null {
  if (!isGranted({ name: "ffi" })) return FFI_REFUSED;
  // It looks there which C library Linux has.
  const { platform, execPath: path } = process;
  if (platform !== "linux" || isGranted({ name: "read", path })) return null;
  return "The package koffi, which calls the C library, reads Deno's own file: " +
    `run again with --allow-read=${path}`;
}
