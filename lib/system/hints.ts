/**
 * What the library knows more of an error than the system's own words say: why a
 * descriptor is a bad one, and what a direct transfer has to be a multiple of.
 * Asked only when something has failed.
 *
 * @module
 */
import { fstatSync } from "node:fs";
import { type DirectAlignment, directAlignmentOf } from "../../ffi/statx.ts";
import { EBADF, EINVAL, platform } from "./constants.ts";
import { librt } from "./librt.ts";
import { flagsOfOpen, isOpenFor } from "./open_flags.ts";
import { isServedByFs } from "./settings.ts";

const { constants, errno: { EACCES } } = platform;

const NOT_OPEN = ", which is not open";

/** What was asked of the system. */
export interface Asked {
  readonly isWrite: boolean;
  /** `null`: at the end of the file. */
  readonly offset: number | bigint | null;
  /** How many bytes. */
  readonly length: number;
  /** Of the caller's buffer; 0 where the library's own memory was used. */
  readonly address: number;
}

/** A descriptor, and how errors name the file. */
export interface NamedFile {
  readonly fd: number;
  readonly path?: string;
  /** Those that it was opened with, where they are known. */
  readonly flags?: number;
}

/** How an error names a file: by its path, or by the descriptor that was given. */
export function fileName({ fd, path }: NamedFile): string {
  return path === undefined ? `descriptor ${fd}` : JSON.stringify(path);
}

/**
 * Why the system refused a request, as the end of a sentence about the file.
 *
 * @param errno What the system says.
 * @param file The descriptor.
 * @param asked The transfer; `null` for a synchronization.
 * @returns Nothing if there is no more to say.
 */
export function hintOn(
  errno: number,
  file: NamedFile,
  asked: Asked | null,
): string {
  // POSIX has aio_fsync() want a descriptor that is open for writing.
  if (errno === EBADF) return accessHint(file, asked?.isWrite ?? true);
  // The system has no permission for that.
  if (errno === EACCES && asked === null) {
    return ", which Node forbids with --permission";
  }
  return errno === EINVAL && asked !== null
    ? misalignmentHint(file, asked)
    : "";
}

/**
 * For what a descriptor is not open, as the end of a sentence about the file.
 *
 * @param file The descriptor.
 * @param isWrite Whether it has to be open for writing rather than for reading.
 */
export function accessHint(file: NamedFile, isWrite: boolean): string {
  const flags = flagsOf(file);
  if (flags === -1) return NOT_OPEN;
  if (isOpenFor(flags, isWrite)) return "";
  return `, which is open for ${isWrite ? "reading" : "writing"} only`;
}

/** That a descriptor is not open, if that is what the system says. */
export function closedHint(fd: number, errno: number): string {
  return errno === EBADF && flagsOf({ fd }) === -1 ? NOT_OPEN : "";
}

/** What of a direct transfer has to be a multiple of something, and is none. */
function misalignmentHint(file: NamedFile, asked: Asked): string {
  const { fd } = file;
  const flags = flagsOf(file);
  if (flags === -1 || (flags & constants.O_DIRECT) === 0) return "";
  const wanted = alignmentOf(fd);
  if (wanted === null) return "";
  const { isWrite, offset } = asked;
  const isAppending = isWrite && (flags & constants.O_APPEND) !== 0;
  const parts: [name: string, value: number | bigint, multiple: number][] = [
    offset === null || isAppending
      ? ["size of the file", sizeOf(fd), wanted.offset]
      : ["offset", offset, wanted.offset],
    ["length", asked.length, wanted.offset],
    ["address of the buffer", asked.address, wanted.address],
  ];
  const wrong = parts
    .filter(([_, value, multiple]) => BigInt(value) % BigInt(multiple) !== 0n)
    .map(([name, _, multiple]) =>
      `the ${name} must be a multiple of ${multiple}`
    );
  return wrong.length === 0 ? "" : ` (direct I/O: ${wrong.join(", ")})`;
}

function flagsOf({ fd, flags }: NamedFile): number {
  if (isServedByFs()) return flagsOfOpen(fd, flags);
  return librt().fcntl(fd, constants.F_GETFL, 0);
}

/** What direct transfers of a file need, or `null` where nobody can tell. */
function alignmentOf(fd: number): DirectAlignment | null {
  const told = isServedByFs() ? null : directAlignmentOf(fd);
  if (told !== null) return told;
  try {
    // Enough for every file system; some need less.
    const { blksize } = fstatSync(fd);
    return { offset: blksize, address: blksize };
  } catch {
    // The runtime knows only descriptors that it has opened itself.
    return null;
  }
}

function sizeOf(fd: number): number {
  try {
    return fstatSync(fd).size;
  } catch {
    return 0;
  }
}
