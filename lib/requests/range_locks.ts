/**
 * The locks of one open file. To the system all of them have one owner, so here is
 * decided which of them exclude each other.
 *
 * @module
 */
import { setLock } from "../../ffi/flock.ts";
import { EAGAIN, EBADF, platform } from "../system/constants.ts";
import { AioError, withCallerFirst } from "../system/error.ts";
import { accessHint, fileName, type NamedFile } from "../system/hints.ts";
import { nativeFor, notSupported } from "../system/slow_calls.ts";

const { constants, errno: { EACCES } } = platform;

/** Where a range ends that has no end. */
export const END_MAX = 2n ** 63n;

/** Bytes of a file that are locked, or are to be. */
export interface LockRange {
  readonly begin: bigint;
  /** The byte behind the last one; {@linkcode END_MAX} if there is no last one. */
  readonly end: bigint;
  /** Whether others may lock the same bytes, if they share as well. */
  readonly isShared: boolean;
}

/** See the module's documentation. */
export class RangeLocks {
  readonly #file: NamedFile;
  readonly #held = new Set<LockRange>();

  constructor(file: NamedFile) {
    this.#file = file;
  }

  /**
   * Locks a range if nobody has a lock that excludes it.
   *
   * It is asked at once: the system answers from memory, but for a file system of a
   * network.
   *
   * @returns Whether it is locked.
   * @throws {AioError} If the system refuses; `ENOTSUP` where it has no such locks.
   */
  tryLock(range: LockRange): boolean {
    const what = `Cannot lock ${fileName(this.#file)}`;
    nativeFor(what, "fcntl", this.#file);
    if (constants.F_OFD_SETLK === 0) {
      const reason = `${platform.os} has no locks of open files`;
      throw notSupported(what, "fcntl", this.#file, reason);
    }
    for (const held of this.#held) if (excludes(held, range)) return false;
    const { F_RDLCK, F_WRLCK } = constants;
    const errno = this.#set(range.isShared ? F_RDLCK : F_WRLCK, range);
    if (errno === EAGAIN || errno === EACCES) return false;
    if (errno !== 0) {
      const hint = errno === EBADF
        ? accessHint(this.#file, !range.isShared)
        : "";
      throw this.#error(what + hint, errno, this.tryLock);
    }
    this.#held.add(range);
    return true;
  }

  /**
   * Gives a lock up, but for those bytes of it that another one shares.
   *
   * @throws {AioError} If the system refuses.
   */
  unlock(range: LockRange): void {
    if (!this.#held.delete(range)) return;
    for (const piece of without(range, this.#held)) {
      const errno = this.#set(constants.F_UNLCK, piece);
      if (errno === 0) continue;
      const what = `Cannot unlock ${fileName(this.#file)}`;
      throw this.#error(what, errno, this.unlock);
    }
  }

  /** Gives all of them up: the descriptor may stay open. */
  unlockAll(): void {
    // If that fails the descriptor is gone, and closing it reports so.
    for (const range of this.#held) this.#set(constants.F_UNLCK, range);
    this.#held.clear();
  }

  // deno-lint-ignore ban-types
  #error(what: string, errno: number, of: Function): unknown {
    const particulars = { errno, syscall: "fcntl", ...this.#file };
    return withCallerFirst(new AioError(what, particulars), of);
  }

  #set(type: number, { begin, end }: Pick<LockRange, "begin" | "end">): number {
    const length = end === END_MAX ? 0 : end - begin;
    return setLock(this.#file.fd, type, begin, length);
  }
}

function excludes(one: LockRange, other: LockRange): boolean {
  const isOverlapping = one.begin < other.end && other.begin < one.end;
  return isOverlapping && !(one.isShared && other.isShared);
}

/** What is left of a range without others. */
function without(
  range: LockRange,
  others: Iterable<LockRange>,
): Pick<LockRange, "begin" | "end">[] {
  let pieces = [{ begin: range.begin, end: range.end }];
  for (const { begin, end } of others) {
    pieces = pieces.flatMap((piece) => [
      { begin: piece.begin, end: piece.end < begin ? piece.end : begin },
      { begin: piece.begin > end ? piece.begin : end, end: piece.end },
    ]).filter((piece) => piece.begin < piece.end);
  }
  return pieces;
}
