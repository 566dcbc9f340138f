/**
 * What is asked of open descriptors, and duplicating them. It goes through `node:fs`
 * where that can do it, so that the runtime's own permissions decide.
 *
 * @module
 */
import { fstatSync, type Stats } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import { EBADF, platform } from "./constants.ts";
import { AioError, errnoOf } from "./error.ts";
import { fileName, type NamedFile } from "./hints.ts";
import { librt } from "./librt.ts";
import { flagsOfOpen } from "./open_flags.ts";
import { isServedByFs } from "./settings.ts";

const { constants } = platform;

// The same everywhere.
const SEEK_SET = 0;
const SEEK_CUR = 1;

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
