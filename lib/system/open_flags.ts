/**
 * The flags that a descriptor was opened with, as `F_GETFL` has them.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import { EBADF, platform } from "./constants.ts";
import { statsOrErrno } from "./fs_descriptor.ts";

const { constants } = platform;

/** Whether a file that is opened with such flags can be written, or else read. */
export function isOpenFor(flags: number, isWrite: boolean): boolean {
  const { O_ACCMODE, O_RDONLY, O_WRONLY } = constants;
  return (flags & O_ACCMODE) !== (isWrite ? O_RDONLY : O_WRONLY);
}

/** Those of a descriptor of which nobody tells. It may append for all that is known. */
export const ASSUMED_FLAGS = constants.O_RDWR | constants.O_DSYNC;

/**
 * The flags that a descriptor was opened with, where the C library is not asked.
 *
 * @param fd The descriptor.
 * @param opened The flags, where they are known.
 * @returns -1 if it is not open. Where nobody tells, it is taken to be open for
 * reading and writing, and synchronous: then its writes go one at a time, which does
 * no harm.
 */
export function flagsOfOpen(fd: number, opened?: number): number {
  if (!isOpen(fd)) return -1;
  return opened ?? flagsInProc(fd) ?? ASSUMED_FLAGS;
}

function isOpen(fd: number): boolean {
  return statsOrErrno(fd) !== EBADF;
}

/** Whether somebody tells the flags of a descriptor that the library did not open. */
export function tellsFlags(fd: number): boolean {
  return flagsInProc(fd) !== null;
}

/** As Linux tells them, if it may be asked. */
function flagsInProc(fd: number): number | null {
  if (platform.os !== "linux" || !runtime.readsSystemFiles) return null;
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const [, octal] = /^flags:\s*([0-7]+)/m.exec(text) ?? [];
    return octal === undefined ? null : parseInt(octal, 8);
  } catch {
    return null;
  }
}
