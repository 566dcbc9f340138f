/**
 * What is asked of open descriptors, duplicating and closing them. It goes through
 * `node:fs` where that can do it, so that the runtime's own permissions decide.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  type BigIntStats,
  close,
  fstat,
  fstatSync,
  ftruncate,
  stat,
  type Stats,
} from "node:fs";
import { promisify } from "node:util";
import type { Librt } from "../../ffi/librt.ts";
import { freeNative, tryAllocateNative } from "../../ffi/memory.ts";
import { runtime } from "../../ffi/current.ts";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { exactStatusOf, sizeNowOf, sizeOfRegular } from "../../ffi/statx.ts";
import { EBADF, EFBIG, EIO, platform } from "./constants.ts";
import { AioError, errnoOf, fromSystemError } from "./error.ts";
import { librt, reasonAgainst } from "./librt.ts";
import { isServedByFs } from "./settings.ts";
import {
  endByFs,
  endNowByFs,
  flagsOfOpen,
  isOpenFor,
  reopenByFs,
  tellsFlags,
} from "./fs_descriptor.ts";
import { accessHint, closedHint, fileName, type NamedFile } from "./hints.ts";
import { onThread, resultOnThread } from "./slow_calls.ts";

const { constants } = platform;

// Made once: to make one takes as long as a good part of its call.
const fstatPromised = promisify(fstat);
const statPromised = promisify(stat);
const ftruncatePromised = promisify(ftruncate);
const closePromised = promisify(close);

// The same everywhere.
const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_END = 2;

/** What is to be known of a descriptor. */
export interface DescriptorStatus {
  /** The flags it was opened with, as `F_GETFL` has them. */
  readonly flags: number;
  /** Whether it has offsets: regular files and block devices. */
  readonly isSeekable: boolean;
  /** Whether it is a block device, as far as the runtime tells. */
  readonly isBlockDevice: boolean;
}

/**
 * Asks what a descriptor is.
 *
 * @param file The descriptor, with the flags it was opened with if the library did
 * that.
 * @throws {AioError} `EBADF` if it is not open, and the system's error where it does
 * not tell.
 */
export function statusOf(file: NamedFile): DescriptorStatus {
  const { fd, flags: opened } = file;
  const isByFs = isServedByFs();
  const flags = isByFs
    ? flagsOfOpen(fd, opened)
    : librt("fcntl").fcntl(fd, constants.F_GETFL, 0);
  if (flags === -1) {
    const why = isByFs ? "node:fs does not know" : "is not open";
    throw new AioError(`Cannot use descriptor ${fd}, which ${why}`, {
      errno: isByFs ? EBADF : runtime.errno(),
      syscall: isByFs ? "fstat" : "fcntl",
      fd,
    });
  }
  const stats = statsOf(file);
  const isBlockDevice = stats?.isBlockDevice() ?? false;
  const isSeekable = isBlockDevice ||
    (stats?.isFile() ?? (!isByFs && hasPosition(fd)));
  return { flags, isSeekable, isBlockDevice };
}

/**
 * Whether the position of a descriptor is one in what it leads to. Some devices
 * have none, and yet do not refuse `lseek(2)`: to them every position is right.
 */
export function hasPosition(fd: number): boolean {
  const { lseek } = librt("lseek");
  return lseek(fd, 0, SEEK_CUR) !== -1 && lseek(fd, -1, SEEK_SET) === -1;
}

/** Standard input, output and error stay what they are. */
const FIRST_FD = 3;

/**
 * Duplicates a descriptor; other programs do not inherit the duplicate.
 *
 * @returns The duplicate, or -1 and `errno`.
 */
export function duplicateDescriptor(fd: number): number {
  return librt("fcntl").fcntl(fd, constants.F_DUPFD_CLOEXEC, FIRST_FD);
}

/** The flags that matter to transfers; none that creates or empties a file. */
const REOPEN_FLAGS = constants.O_ACCMODE | constants.O_APPEND |
  constants.O_DIRECT | constants.O_SYNC | constants.O_DSYNC |
  constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens the file of a descriptor a second time: unlike a duplicate, the new one
 * has flags, and errors of write-back, of its own.
 *
 * @param fd The descriptor.
 * @param flags The flags of `open(2)`; those that create or empty a file are left
 * out.
 * @returns The new descriptor, or a negative error number: where the system opens
 * no descriptor by its name, where the descriptor is a socket, and where the
 * process may not open the file again.
 */
export function reopenDescriptor(fd: number, flags: number): number {
  if (platform.os !== "linux") return -platform.errno.ENOTSUP;
  const name = Buffer.from(`/proc/self/fd/${fd}`);
  return openNatively(name, flags & REOPEN_FLAGS, 0);
}

/** The same by `node:fs` where that serves, by the path if there is no other way. */
export function reopenFile({ fd, path }: NamedFile, flags: number): number {
  return isServedByFs()
    ? reopenByFs(fd, path, flags & REOPEN_FLAGS)
    : reopenDescriptor(fd, flags);
}

/**
 * Opens a file by a native call, which asks nobody for a permission. Other programs
 * do not inherit the descriptor.
 *
 * @param path The path, without null bytes.
 * @param flags The flags of `open(2)`.
 * @param mode Permissions of a new file.
 * @returns The descriptor, or a negative error number.
 */
export function openNatively(
  path: Uint8Array,
  flags: number,
  mode: number,
): number {
  const memory = tryAllocateNative(path.byteLength + 1);
  if (memory === null) return -platform.errno.ENOMEM;
  memory.bytes.set(path);
  memory.bytes[path.byteLength] = 0;
  const fd = librt("open").open(
    memory.pointer,
    flags | constants.O_CLOEXEC,
    mode,
  );
  const errno = fd === -1 ? runtime.errno() : 0;
  freeNative(memory);
  return fd === -1 ? -errno : fd;
}

/**
 * Opens the file of a descriptor a second time, for appending. The descriptor's
 * own flag cannot be set instead: its duplicates share it, and a write with an
 * offset would append as well.
 *
 * @throws {AioError} `EBADF` if the descriptor is not open for writing, and the
 * system's error where it does not let a descriptor be opened by its name.
 */
export function reopenForAppending(file: NamedFile, flags: number): number {
  const { fd, path } = file;
  const { O_ACCMODE, O_APPEND, O_WRONLY } = constants;
  const what = `Cannot append to ${fileName(file)}, `;
  const particulars = { syscall: "open", fd, path };
  if (!isOpenFor(flags, true)) {
    throw new AioError(`${what}which is open for reading only`, {
      ...particulars,
      errno: EBADF,
    });
  }
  const kept = flags & ~(O_ACCMODE | constants.O_NONBLOCK);
  const wanted = kept | O_WRONLY | O_APPEND;
  const appending = reopenFile(file, wanted);
  if (appending >= 0) return appending;
  statusOf({ fd, path }); // Not open any more: EBADF says more than ENOENT.
  const isKnown = !isServedByFs() || path !== undefined || tellsFlags(fd);
  const why = isKnown
    ? "which is open without append"
    : "of which nobody tells whether it is open for append";
  throw new AioError(what + why, {
    ...particulars,
    errno: -appending,
  });
}

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
  return await call(
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
 * What the runtime knows of a descriptor; `null` if it has not opened that itself.
 *
 * @throws {AioError} If the system does not tell: what has offsets is not to be taken
 * for a pipe then.
 */
export function statsOf(file: NamedFile): Stats | null {
  const { fd, path } = file;
  try {
    return fstatSync(fd);
  } catch (error) {
    const errno = errnoOf(error) ?? EBADF;
    // Deno for Windows has other errors for pipes and devices.
    if (errno === EBADF || platform.os === "windows") return null;
    const what = `Cannot get the status of ${fileName(file)}`;
    throw new AioError(what, { errno, syscall: "fstat", fd, path });
  }
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
  await call(
    () => ftruncatePromised(fd, length),
    (native) => native.ftruncate(fd, length),
    what,
    syscall,
    file,
  );
}

/** An object of the runtime's that has a descriptor. */
export interface Handle {
  close(): Promise<unknown>;
}

/**
 * Closes a descriptor.
 *
 * @param file The descriptor.
 * @param handle What closes it, if the runtime has it in an object of its own.
 * @throws {AioError} If the system reports an error.
 */
export async function closeDescriptor(
  file: NamedFile,
  handle: Handle | null = null,
): Promise<void> {
  const { fd } = file;
  const what = (errno: number) =>
    `Cannot close ${fileName(file)}${closedHint(fd, errno)}`;
  if (handle !== null) {
    try {
      await handle.close();
    } catch (error) {
      throw fromSystemError(error, what, { syscall: "close", ...file });
    }
    return;
  }
  await call(
    () => closePromised(fd),
    (native) => native.close(fd),
    what,
    "close",
    file,
  );
}

/**
 * Closes without holding up the event loop. Tells why that failed, or 0; `null` if it
 * has not begun.
 */
type Close = (fd: number) => Promise<number | null>;

let closeByEngine: Close | null = null;

/** Has {@linkcode closeSecond} close by that. */
export function closeSecondsBy(close: Close): void {
  closeByEngine = close;
}

/**
 * Closes a descriptor that was opened beside the file's own. The file system may take
 * long for it, so it is no call on this thread where another one tells of the error.
 * In an isolate that may end before, nobody else would close it.
 *
 * @returns Why it failed, or 0.
 */
export async function closeSecond(fd: number): Promise<number> {
  if (isServedByFs()) return await closeByFs(fd);
  if (mayEndFirst()) return closeNow(fd);
  if (runtime.tellsCloseErrors) return await closeByFs(fd);
  return await closeByEngine?.(fd) ?? closeNow(fd);
}

async function closeByFs(fd: number): Promise<number> {
  try {
    await closePromised(fd);
    return 0;
  } catch (error) {
    return errnoOf(error) ?? EIO;
  }
}

function closeNow(fd: number): number {
  return librt().close(fd) === -1 ? runtime.errno() : 0;
}

/**
 * Calls the runtime's function, or the system's where the runtime does not know
 * the descriptor because it has not opened it.
 */
async function call<T>(
  ofRuntime: () => Promise<T>,
  ofSystem: (native: Librt) => number,
  what: (errno: number) => string,
  syscall: string,
  { fd, path }: NamedFile,
): Promise<T | number> {
  const particulars = { syscall, fd, path };
  try {
    return await ofRuntime();
  } catch (error) {
    const failure = fromSystemError(error, what, particulars);
    if (!isUnknown(failure, fd)) throw failure;
    const native = librt(syscall);
    const outcome = ofSystem(native);
    if (outcome !== -1) return outcome;
    const errno = runtime.errno();
    throw new AioError(what(errno), { ...particulars, errno });
  }
}

/** Whether a call failed because the runtime does not know a descriptor that is open. */
function isUnknown(failure: unknown, fd: number): boolean {
  return !isServedByFs() && failure instanceof AioError &&
    failure.errno === EBADF &&
    librt(failure.syscall).fcntl(fd, constants.F_GETFL, 0) !== -1;
}
