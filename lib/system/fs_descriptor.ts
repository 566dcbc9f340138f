/**
 * What is asked of descriptors, and done with them, by `node:fs` alone: where the C
 * library may not or cannot be called.
 *
 * @module
 */
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  read,
  readSync,
} from "node:fs";
import { promisify } from "node:util";
import { runtime } from "../../ffi/current.ts";
import { EBADF, platform } from "./constants.ts";
import { AioError, errnoOf } from "./error.ts";
import { allocateOwn } from "./pinned.ts";

const { errno: errnos } = platform;
const readPromised = promisify(read);

/** So much is read at once to find the end of a device, also of one that is direct. */
const BLOCK_BYTES = 4096;

/** Exact numbers, as those of Windows are long; or why nobody tells. */
export function statsOrErrno(fd: number): BigIntStats | number {
  try {
    return fstatSync(fd, { bigint: true });
  } catch (error) {
    // Without descriptors, an old Deno has no number for what is not open.
    const errno = errnoOf(error) ?? EBADF;
    // Deno for Windows has other errors for pipes and devices.
    const isOwn = errno === EBADF || platform.os !== "windows";
    return isOwn ? errno : errnos.ENOTSUP;
  }
}

/**
 * Opens the file of a descriptor a second time: by its number where the system can
 * do that, else by the path that it was opened by, if it is the same file still.
 *
 * @param fd The descriptor.
 * @param path The path, if the library opened it.
 * @param flags The flags, none of which creates or empties a file.
 * @returns The new descriptor, or a negative error number.
 */
export function reopenByFs(
  fd: number,
  path: string | undefined,
  flags: number,
): number {
  const stats = statsOrErrno(fd);
  if (typeof stats === "number") return -stats;
  const isByNumber = platform.os === "linux" && runtime.readsSystemFiles;
  const names = [isByNumber ? `/proc/self/fd/${fd}` : undefined, path];
  let errno = errnos.ENOTSUP;
  for (const name of names) {
    if (name === undefined) continue;
    const opened = openSame(name, flags, stats);
    if (opened >= 0) return opened;
    errno = -opened;
  }
  return -errno;
}

/** Opens a file if it is a certain one. Returns a negative error number if not. */
function openSame(name: string, flags: number, wanted: BigIntStats): number {
  let fd: number;
  try {
    fd = openSync(name, flags);
  } catch (error) {
    const errno = errnoOf(error) ?? errnos.EACCES;
    return -(isGone(errno) ? errnos.ENOTSUP : errno);
  }
  const found = statsOrErrno(fd);
  const isFailed = typeof found === "number";
  if (!isFailed && found.ino === wanted.ino && found.dev === wanted.dev) {
    return fd;
  }
  closeQuietly(fd);
  return -(isFailed ? found : errnos.ENOTSUP);
}

/** Closes a descriptor that has nothing to lose: no error of that matters. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Whatever that was, it is not open any more.
  }
}

/** Whether a path leads to nothing any more: the file may have another one. */
function isGone(errno: number): boolean {
  return errno === errnos.ENOENT || errno === errnos.ENOTDIR;
}

/**
 * The end of a block device, whose size `fstat()` does not report, by reading.
 *
 * @throws {AioError} `ENOTSUP` if that would move the position of what is in flight;
 * and what `node:fs` throws.
 */
export async function endByFs(fd: number): Promise<number> {
  const search = searchForEnd(fd);
  const memory = allocateOwn(BLOCK_BYTES);
  let step = search.next();
  while (!step.done) {
    const at = step.value;
    const { bytesRead } = await readPromised(fd, memory, 0, BLOCK_BYTES, at);
    step = search.next(bytesRead);
  }
  return step.value;
}

/** The same at once. */
export function endNowByFs(fd: number): number {
  const search = searchForEnd(fd);
  const memory = allocateOwn(BLOCK_BYTES);
  let step = search.next();
  while (!step.done) {
    step = search.next(readSync(fd, memory, 0, BLOCK_BYTES, step.value));
  }
  return step.value;
}

/** Yields offsets of blocks, is told how many bytes are there, and returns the end. */
function* searchForEnd(fd: number): Generator<number, number, number> {
  if (runtime.movesPosition) {
    const { ENOTSUP: errno } = errnos;
    const what = `Cannot find the end of descriptor ${fd} by reading`;
    throw new AioError(what, { errno, syscall: "read", fd });
  }
  let before = 0;
  let behind = Math.floor(Number.MAX_SAFE_INTEGER / BLOCK_BYTES);
  while (before < behind) {
    const middle = Math.floor((before + behind) / 2);
    if ((yield middle * BLOCK_BYTES) === BLOCK_BYTES) before = middle + 1;
    else behind = middle;
  }
  return before * BLOCK_BYTES + (yield before * BLOCK_BYTES);
}
