/**
 * What a file takes of its file system, and what the system is to do with its pages:
 * `fallocate`, `posix_fallocate`, `posix_fadvise`.
 *
 * @module
 */
import type { Librt } from "../../ffi/librt.ts";
import { EBADF, platform } from "./constants.ts";
import { AioError } from "./error.ts";
import { accessHint, fileName, type NamedFile } from "./hints.ts";
import {
  nativeFor,
  notSupported,
  onThread,
  resultOnThread,
} from "./slow_calls.ts";

const { constants } = platform;

/** A range of a file. */
interface Range {
  readonly offset: number | bigint;
  /** 0: to the end of the file. */
  readonly length: number;
}

/**
 * Has the file system set space aside.
 *
 * Linux has two calls for it. With `posix_fallocate` glibc writes into the file where
 * the file system cannot, beside whoever writes at the same time: so it is the other
 * one.
 *
 * @param file The file.
 * @param fd By which descriptor to change it.
 * @param range Where.
 * @throws {AioError} If the system refuses; `ENOTSUP` where it, or the file system,
 * cannot.
 */
export async function allocateSpace(
  file: NamedFile,
  fd: number,
  range: Range,
): Promise<void> {
  const { offset, length } = range;
  const what = `Cannot allocate ${inWords(range)} of`;
  const name = `${what} ${fileName(file)}`;
  const native = nativeFor(name, "fallocate", file);
  const result = await fallocateOnThread(native, file, fd, 0, range);
  if (result !== null) return check(what, "fallocate", file, -result);
  const { posix_fallocate } = native;
  if (posix_fallocate === null) {
    throw notSupported(name, "posix_fallocate", file);
  }
  const errno = await onThread(
    file.fd,
    () => posix_fallocate(fd, offset, length),
  );
  check(what, "posix_fallocate", file, errno);
}

/**
 * Gives space back to the file system; what was there reads as zeros.
 *
 * @param file The file.
 * @param fd By which descriptor to change it.
 * @param range Where.
 * @throws {AioError} If the system refuses; `ENOTSUP` where it, or the file system,
 * cannot.
 */
export async function punchHole(
  file: NamedFile,
  fd: number,
  range: Range,
): Promise<void> {
  const what = `Cannot punch a hole of ${inWords(range)} into`;
  const name = `${what} ${fileName(file)}`;
  const native = nativeFor(name, "fallocate", file);
  const { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } = constants;
  const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
  const result = await fallocateOnThread(native, file, fd, mode, range);
  if (result === null) throw notSupported(name, "fallocate", file);
  check(what, "fallocate", file, -result);
}

/**
 * Tells the system how a file is going to be read.
 *
 * @param advice One of `POSIX_FADV_NORMAL` and the others.
 * @throws {AioError} If the system refuses; `ENOTSUP` where it takes none.
 */
export async function advise(
  file: NamedFile,
  { offset, length }: Range,
  advice: number,
): Promise<void> {
  const what = "Cannot advise the system about";
  const name = `${what} ${fileName(file)}`;
  const { posix_fadvise } = nativeFor(name, "posix_fadvise", file);
  if (posix_fadvise === null) throw notSupported(name, "posix_fadvise", file);
  const errno = await onThread(
    file.fd,
    () => posix_fadvise(file.fd, offset, length, advice),
  );
  check(what, "posix_fadvise", file, errno, false);
}

/** Returns 0 or a negative error number; `null` where there is no such function. */
async function fallocateOnThread(
  { fallocate, fallocate_nonblocking }: Librt,
  file: NamedFile,
  fd: number,
  mode: number,
  { offset, length }: Range,
): Promise<number | null> {
  if (fallocate === null || fallocate_nonblocking === null) return null;
  return await resultOnThread(
    file.fd,
    () => fallocate_nonblocking(fd, mode, offset, length),
    () => fallocate(fd, mode, offset, length),
  );
}

function inWords({ offset, length }: Range): string {
  return `${length} bytes at offset ${offset}`;
}

/** @throws {AioError} Unless the error number is 0. */
function check(
  what: string,
  syscall: string,
  file: NamedFile,
  errno: number,
  isWrite = true,
): void {
  if (errno <= 0) return;
  const hint = errno === EBADF ? accessHint(file, isWrite) : "";
  const particulars = { errno, syscall, ...file };
  throw new AioError(`${what} ${fileName(file)}${hint}`, particulars);
}
