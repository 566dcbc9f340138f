/**
 * Opening, asking and closing of file descriptors. It goes through `node:fs`,
 * so that the runtime's own permissions decide.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  close,
  constants as fsConstants,
  fstat,
  fstatSync,
  ftruncate,
  open,
} from "node:fs";
import { fileURLToPath, URL as NodeURL } from "node:url";
import { promisify } from "node:util";
import type { Librt } from "../../ffi/librt.ts";
import { freeNative } from "../../ffi/memory.ts";
import { runtime } from "../../ffi/current.ts";
import {
  assertFlag,
  assertObject,
  atMost,
  nonNegative,
} from "../checks/arguments.ts";
import { getterOf, nameOf } from "../checks/bytes.ts";
import { EBADF, platform } from "./constants.ts";
import {
  AioError,
  allocateFor,
  fromSystemError,
  librt,
  withCallerFirst,
} from "./error.ts";
import { accessHint, closedHint, fileName, type NamedFile } from "./hints.ts";

const { constants } = platform;
const DEFAULT_MODE = 0o666;
const MODE_MAX = 0o7777;

// The same everywhere.
const SEEK_SET = 0;
const SEEK_CUR = 1;
const SEEK_END = 2;

/**
 * How {@linkcode AioFile.open} opens a file, as `Deno.OpenOptions`, and more.
 *
 * @example A new file, every write of which is on disk when it is done
 * ```ts
 * import { AioFile, type OpenOptions } from "@posix/aio";
 * import { rmSync } from "node:fs";
 *
 * const path = "open_options.example";
 * const options: OpenOptions = {
 *   write: true,
 *   createNew: true,
 *   mode: 0o600,
 *   synchronous: "data",
 * };
 * {
 *   await using file = await AioFile.open(path, options);
 *   await file.writeAt(new Uint8Array(512), 0);
 * }
 * rmSync(path);
 * ```
 */
export interface OpenOptions {
  /** For reading; the default unless `write` or `append` is set. */
  read?: boolean;
  /** For writing. */
  write?: boolean;
  /** For writing at the end: `O_APPEND`. */
  append?: boolean;
  /** Empty the file first; needs `write`. */
  truncate?: boolean;
  /** Create the file if there is none; needs `write` or `append`. */
  create?: boolean;
  /** Create the file, and fail if there is one; needs `write` or `append`. */
  createNew?: boolean;
  /**
   * Permissions of a new file, before the process's umask.
   *
   * @default {0o666}
   */
  mode?: number;
  /**
   * Transfer past the page cache: `O_DIRECT`, on macOS `F_NOCACHE`. Offsets,
   * lengths and addresses must then be multiples of the device's block size.
   */
  direct?: boolean;
  /** Every write is on disk before it is done: `O_DSYNC` or `O_SYNC`. */
  synchronous?: "data" | "full";
}

/** A test runner's realm may have another `URL` than Node's, or none. */
const hrefGetters = [NodeURL, globalThis.URL ?? NodeURL]
  .map(({ prototype }) => getterOf<string>(prototype, "href"));

/** @throws {TypeError} Unless it is a path, or the URL of a file. */
export function pathOf(path: string | URL): string {
  if (typeof path === "string") return path;
  const url = urlOf(path);
  if (url === null) {
    throw new TypeError(
      `The path must be a string or a URL, but is ${nameOf(path)}`,
    );
  }
  if (url.protocol === "file:") return fileURLToPath(url);
  throw new TypeError(
    `The path must be a URL of a file, but is ${nameOf(url.href)}`,
  );
}

/** A copy that has only what a URL has, or `null` if it is none. */
function urlOf(value: URL): URL | null {
  for (const getHref of hrefGetters) {
    try {
      // Throws for what only has the prototype of one.
      return new NodeURL(getHref.call(value));
    } catch {
      // It may be one of the other class.
    }
  }
  return null;
}

/**
 * Opens a file.
 *
 * @returns The descriptor.
 * @throws {AioError} If the system refuses.
 * @throws The runtime's own error if it does not permit it.
 */
export async function openFile(
  path: string,
  options: OpenOptions,
): Promise<number> {
  const checked = checkedOptions(options);
  const flags = flagsOf(checked);
  const { direct, mode = DEFAULT_MODE } = checked;
  let fd;
  try {
    fd = await promisify(open)(path, flags, mode);
  } catch (error) {
    const how = direct ? " for direct I/O" : "";
    const what = (errno: number) =>
      `Cannot open ${JSON.stringify(path)}${how}${openHint(path, errno)}`;
    const failure = fromSystemError(error, what, { syscall: "open", path });
    throw withCallerFirst(failure, openFile);
  }
  if (direct && constants.F_NOCACHE !== 0) {
    librt().fcntl(fd, constants.F_NOCACHE, 1);
  }
  return fd;
}

/** A string is a path, as everywhere, also one that looks like a URL. */
function openHint(path: string, errno: number): string {
  const isUrl = errno === platform.errno.ENOENT && path.startsWith("file:");
  return isUrl ? " (a string is a path; for a URL, give a URL object)" : "";
}

/** What the options are at this moment, if each is of its type. */
function checkedOptions(options: OpenOptions): OpenOptions {
  assertObject(options, "options");
  const { read, write, append, truncate, create, createNew, direct } = options;
  const flags = { read, write, append, truncate, create, createNew, direct };
  for (const [name, flag] of Object.entries(flags)) assertFlag(flag, name);
  const { mode, synchronous } = options;
  if (mode !== undefined) atMost(nonNegative(mode, "mode"), MODE_MAX, "mode");
  if (
    synchronous !== undefined && synchronous !== "data" &&
    synchronous !== "full"
  ) {
    throw new TypeError(
      `synchronous must be "data" or "full", but is ${nameOf(synchronous)}`,
    );
  }
  return { ...flags, mode, synchronous };
}

/** The flags of `open(2)`, with the rules of `Deno.open` for combinations. */
function flagsOf(options: OpenOptions): number {
  const { write, append, truncate, create, createNew, synchronous } = options;
  const writes = write || append;
  const read = options.read ?? !writes;
  if (!read && !writes) {
    throw new TypeError(
      "A file must be opened for reading, writing or appending",
    );
  }
  if (truncate && (!write || append)) {
    throw new TypeError(
      "truncate needs write, and cannot be together with append",
    );
  }
  if ((create || createNew) && !writes) {
    throw new TypeError("create and createNew need write or append");
  }
  let flags = !writes
    ? constants.O_RDONLY
    : read
    ? constants.O_RDWR
    : constants.O_WRONLY;
  if (append) flags |= constants.O_APPEND;
  if (truncate) flags |= fsConstants.O_TRUNC;
  if (create || createNew) flags |= fsConstants.O_CREAT;
  if (createNew) flags |= fsConstants.O_EXCL;
  if (options.direct) flags |= constants.O_DIRECT;
  if (synchronous === "data") flags |= constants.O_DSYNC;
  if (synchronous === "full") flags |= constants.O_SYNC;
  return flags;
}

/** What is to be known of a descriptor. */
export interface DescriptorStatus {
  /** The flags it was opened with, as `F_GETFL` has them. */
  readonly flags: number;
  /** Whether it has offsets: regular files and block devices. */
  readonly isSeekable: boolean;
}

/**
 * Asks what a descriptor is.
 *
 * @throws {AioError} `EBADF` if it is not open.
 */
export function statusOf(fd: number): DescriptorStatus {
  const flags = librt("fcntl").fcntl(fd, constants.F_GETFL, 0);
  if (flags === -1) {
    throw new AioError(`Cannot use descriptor ${fd}, which is not open`, {
      errno: runtime.errno(),
      syscall: "fcntl",
      fd,
    });
  }
  return { flags, isSeekable: hasOffsets(fd) };
}

function hasOffsets(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFile() || stats.isBlockDevice();
  } catch {
    // The runtime knows only descriptors that it has opened itself.
    return hasPosition(fd);
  }
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
  if (platform.os !== "linux") return -platform.errno.EOPNOTSUPP;
  const name = Buffer.from(`/proc/self/fd/${fd}\0`);
  const memory = allocateFor("open", name.byteLength);
  memory.bytes.set(name);
  const reopened = librt("open").open(
    memory.pointer,
    flags & REOPEN_FLAGS | constants.O_CLOEXEC,
  );
  const errno = reopened === -1 ? runtime.errno() : 0;
  freeNative(memory);
  return reopened === -1 ? -errno : reopened;
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
  const { O_ACCMODE, O_APPEND, O_RDONLY, O_WRONLY } = constants;
  const what = `Cannot append to ${fileName(file)}, which is open `;
  const particulars = { syscall: "open", fd, path };
  if ((flags & O_ACCMODE) === O_RDONLY) {
    throw new AioError(`${what}for reading only`, {
      ...particulars,
      errno: EBADF,
    });
  }
  const kept = flags & ~(O_ACCMODE | constants.O_NONBLOCK);
  const appending = reopenDescriptor(fd, kept | O_WRONLY | O_APPEND);
  if (appending >= 0) return appending;
  statusOf(fd); // Not open any more: EBADF says more than ENOENT.
  throw new AioError(`${what}without append`, {
    ...particulars,
    errno: -appending,
  });
}

/**
 * The size of a file.
 *
 * @throws {AioError} If the system cannot tell.
 */
export function sizeOf(file: NamedFile): Promise<number> {
  const { fd } = file;
  return call(
    async () => {
      const stats = await promisify(fstat)(fd);
      // What fstat() tells of a block device is 0.
      return stats.isBlockDevice() ? endOf(librt("lseek"), fd) : stats.size;
    },
    (native) => endOf(native, fd),
    (errno) =>
      `Cannot get the size of ${fileName(file)}${closedHint(fd, errno)}`,
    "fstat",
    file,
  );
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
  length: number,
): Promise<void> {
  const { fd } = file;
  await call(
    () => promisify(ftruncate)(fd, length),
    (native) => native.ftruncate(fd, length),
    () => {
      const hint = accessHint(fd, true);
      const name = hint === "" ? fileName(file) : `${fileName(file)}${hint},`;
      return `Cannot truncate ${name} to ${length} bytes`;
    },
    "ftruncate",
    file,
  );
}

/**
 * Closes a descriptor.
 *
 * @throws {AioError} If the system reports an error.
 */
export async function closeDescriptor(file: NamedFile): Promise<void> {
  const { fd } = file;
  await call(
    () => promisify(close)(fd),
    (native) => native.close(fd),
    (errno) => `Cannot close ${fileName(file)}${closedHint(fd, errno)}`,
    "close",
    file,
  );
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
    const isUnknown = failure instanceof AioError && failure.errno === EBADF;
    const native = librt(syscall);
    if (!isUnknown || native.fcntl(fd, constants.F_GETFL, 0) === -1) {
      throw failure;
    }
    const outcome = ofSystem(native);
    if (outcome !== -1) return outcome;
    const errno = runtime.errno();
    throw new AioError(what(errno), { ...particulars, errno });
  }
}
