/**
 * `node:fs` with calls that fail as on a broken disk, in the place of the real one.
 *
 * @module
 */
import * as fs from "node:fs";

export * from "node:fs";

/** Which call fails, and how many of it succeed before that one. */
export const failing: { call: string; after: number } = { call: "", after: 0 };

/** Throws what `node:fs` throws, if it is the turn of that. */
function mayFail(call: string): void {
  if (failing.call !== call || failing.after-- !== 0) return;
  const error = new Error(`EIO: i/o error, ${call}`);
  throw Object.assign(error, { code: "EIO", errno: -5, syscall: call });
}

export function fstatSync(
  fd: number,
  options?: fs.StatOptions,
): fs.Stats | fs.BigIntStats {
  mayFail("fstat");
  return fs.fstatSync(fd, options);
}

/** It is not open any more, whatever it reports. */
export function closeSync(fd: number): void {
  fs.closeSync(fd);
  mayFail("close");
}
