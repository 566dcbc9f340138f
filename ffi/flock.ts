/**
 * Locks on ranges of an open file: `fcntl(F_OFD_SETLK)` with a `struct flock`.
 *
 * @module
 */
import { runtime } from "./current.ts";
import { writeOffset } from "./layout.ts";
import { librt } from "./librt.ts";
import { KeptMemory } from "./memory.ts";

/** Offsets of `struct flock` on Linux, in bytes. */
export const FLOCK = {
  size: 32,
  type: 0,
  whence: 2,
  start: 8,
  len: 16,
  pid: 24,
};

const kept = new KeptMemory(FLOCK.size);

/**
 * Takes a lock, or gives it up. It never waits.
 *
 * @param fd A descriptor of the open file.
 * @param type `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
 * @param start From which byte on.
 * @param length How many bytes; 0: all that follow, however long the file becomes.
 * @returns 0, or why not: an error number.
 */
export function setLock(
  fd: number,
  type: number,
  start: number | bigint,
  length: number | bigint,
): number {
  const { fcntl_flock, platform } = librt();
  const memory = kept.get();
  if (memory === null) return platform.errno.ENOMEM;
  const { bytes, pointer, view } = memory;
  // The whence is SEEK_SET, and the process is to be 0: it is not its owner.
  bytes.fill(0);
  view.setInt16(FLOCK.type, type, true);
  writeOffset(view, FLOCK.start, start);
  writeOffset(view, FLOCK.len, length);
  const { F_OFD_SETLK } = platform.constants;
  return fcntl_flock(fd, F_OFD_SETLK, pointer) === -1 ? runtime.errno() : 0;
}
