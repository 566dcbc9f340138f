/**
 * What the system knows of a file, and its size: asking for it and setting it.
 *
 * @module
 */
import { type BigIntStats, fstat, fstatSync, ftruncate, stat } from "node:fs";
import { promisify } from "node:util";
import { runtime } from "../../ffi/current.ts";
import type { Librt } from "../../ffi/librt.ts";
import { exactStatusOf, sizeNowOf, sizeOfRegular } from "../../ffi/statx.ts";
import { EFBIG, platform } from "./constants.ts";
import { statsOf } from "./descriptor.ts";
import { AioError, fromSystemError } from "./error.ts";
import { callOrFallBack, isUnknown } from "./fallback_call.ts";
import { endByFs, endNowByFs } from "./fs_descriptor.ts";
import { accessHint, closedHint, fileName, type NamedFile } from "./hints.ts";
import { librt, reasonAgainst } from "./librt.ts";
import { isServedByFs } from "./settings.ts";
import { onThread, resultOnThread } from "./slow_calls.ts";

// Made once: to make one takes as long as a good part of its call.
const fstatPromised = promisify(fstat);
const statPromised = promisify(stat);
const ftruncatePromised = promisify(ftruncate);

// The same everywhere.
const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_END = 2;

/**
 * The size of a file.
 *
 * @throws {AioError} If the system cannot tell.
 */
export async function sizeOf(file: NamedFile): Promise<number> {
  const { fd } = file;
  if (isLocksAtStake()) {
    const size = await onThread(fd, () => sizeOfRegular(fd));
    if (size !== null) return size;
  }
  return await callOrFallBack(
    async () => {
      const stats = await fstatPromised(fd);
      // The size of a block device is 0 in fstat().
      if (!stats.isBlockDevice()) return stats.size;
      return isServedByFs() ? await endByFs(fd) : endOf(librt("lseek"), fd);
    },
    (native) => sizeBySystem(native, fd),
    (errno) =>
      `Cannot get the size of ${fileName(file)}${closedHint(fd, errno)}`,
    "fstat",
    file,
  );
}

/** Whether `node:fs` would have the process lose its record locks on a file. */
function isLocksAtStake(): boolean {
  return runtime.duplicatesDescriptors && !isServedByFs();
}

/**
 * What the system knows of a file.
 *
 * @throws {AioError} If it does not tell; `ENOTSUP` where the runtime does not ask for
 * a descriptor that it has not opened.
 */
export async function statOf(file: NamedFile): Promise<BigIntStats> {
  const { fd } = file;
  const particulars = { syscall: "fstat", ...file };
  const what = (errno: number) =>
    `Cannot get the status of ${fileName(file)}${closedHint(fd, errno)}`;
  try {
    return exact(fd, await runtimeStatusOf(fd));
  } catch (error) {
    const failure = fromSystemError(error, what, particulars);
    if (!isUnknown(failure, fd)) throw failure;
  }
  const stats = await systemStatusOf(fd);
  if (stats !== null) return exact(fd, stats);
  const { ENOTSUP: errno } = platform.errno;
  const why = ", which the runtime has not opened";
  throw new AioError(what(errno) + why, { errno, ...particulars });
}

/** By the name that the system has for a descriptor, if it may be asked. */
async function systemStatusOf(fd: number): Promise<BigIntStats | null> {
  if (!runtime.readsSystemFiles) return null;
  try {
    return await statPromised(`/proc/self/fd/${fd}`, { bigint: true });
  } catch {
    return null;
  }
}

async function runtimeStatusOf(fd: number): Promise<BigIntStats> {
  const options = { bigint: true } as const;
  if (!isLocksAtStake()) return await fstatPromised(fd, options);
  // A file system of a network is asked on a thread, and its answer kept for a while.
  await onThread(fd, () => sizeOfRegular(fd));
  return fstatSync(fd, options);
}

const NS_PER_MS = 1_000_000n;

/** What the runtime has rounded, as the system has it if that can be asked. */
function exact(fd: number, stats: BigIntStats): BigIntStats {
  if (!runtime.roundsStatus || reasonAgainst() !== null) return stats;
  const status = exactStatusOf(fd);
  if (status === null) return stats;
  const { size, blocks, birthtimeNs, ...times } = status;
  stats.size = size;
  stats.blocks = blocks;
  setTime(stats, "atime", times.atimeNs);
  setTime(stats, "mtime", times.mtimeNs);
  setTime(stats, "ctime", times.ctimeNs);
  if (birthtimeNs !== null) setTime(stats, "birthtime", birthtimeNs);
  return stats;
}

function setTime(
  stats: BigIntStats,
  name: "atime" | "mtime" | "ctime" | "birthtime",
  time_ns: bigint,
): void {
  const time_ms = time_ns / NS_PER_MS;
  stats[`${name}Ns`] = time_ns;
  stats[`${name}Ms`] = time_ms;
  // Deno has no birthtime.
  stats[name]?.setTime(Number(time_ms));
}

/**
 * The size of a file, by a call that a network's file system may take its time for.
 *
 * @throws {AioError} If the system cannot tell.
 */
export function sizeNow(file: NamedFile): number {
  const { fd, path } = file;
  const what = (errno: number) =>
    `Cannot get the size of ${fileName(file)}${closedHint(fd, errno)}`;
  const particulars = { syscall: "fstat", fd, path };
  if (isServedByFs()) {
    try {
      const stats = fstatSync(fd);
      return stats.isBlockDevice() ? endNowByFs(fd) : stats.size;
    } catch (error) {
      throw fromSystemError(error, what, particulars);
    }
  }
  const stats = statsOf(file);
  if (stats !== null && !stats.isBlockDevice()) return stats.size;
  const size = stats === null
    ? sizeBySystem(librt("lseek"), fd)
    : endOf(librt("lseek"), fd);
  if (size !== -1) return size;
  const errno = runtime.errno();
  throw new AioError(what(errno), { ...particulars, errno });
}

/**
 * The size of what the runtime has not opened, or -1. To seek the end of a directory
 * leads to no number of bytes.
 */
function sizeBySystem(native: Librt, fd: number): number {
  return sizeNowOf(fd) ?? endOf(native, fd);
}

/** The offset behind the last byte, or -1; the position stays as it is. */
function endOf(native: Librt, fd: number): number {
  const position = native.lseek(fd, 0, SEEK_CUR);
  const end = native.lseek(fd, 0, SEEK_END);
  return position === -1 || native.lseek(fd, position, SEEK_SET) === -1
    ? -1
    : end;
}

/**
 * Gives a file another size.
 *
 * @throws {AioError} If the system refuses.
 */
export async function truncateFile(
  file: NamedFile,
  fd: number,
  length: number,
): Promise<void> {
  const syscall = "ftruncate";
  const what = () => {
    const hint = accessHint(file, true);
    const name = hint === "" ? fileName(file) : `${fileName(file)}${hint},`;
    return `Cannot truncate ${name} to ${length} bytes`;
  };
  const isTooLong = length > runtime.truncatedBytesMax;
  if (isTooLong && isServedByFs()) {
    throw new AioError(what(), { syscall, ...file, errno: EFBIG });
  }
  if (isTooLong || isLocksAtStake()) {
    const native = librt(syscall);
    const errno = -await resultOnThread(
      file.fd,
      () => native.ftruncate_nonblocking(fd, length),
      () => native.ftruncate(fd, length),
    );
    if (errno > 0) throw new AioError(what(), { syscall, ...file, errno });
    return;
  }
  await callOrFallBack(
    () => ftruncatePromised(fd, length),
    (native) => native.ftruncate(fd, length),
    what,
    syscall,
    file,
  );
}
