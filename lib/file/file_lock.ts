/** `AioFile.lock()`, `tryLock()` and `unlock()`. */
import {
  clearTimeout,
  setImmediate,
  setTimeout,
} from "../../ffi/event_loop.ts";
import {
  assertSignal,
  isAborted,
  listen,
  reasonOf,
  unlisten,
} from "../checks/abort_signal.ts";
import { assertFlag, assertObject, positive } from "../checks/arguments.ts";
import { nameOf } from "../checks/bytes.ts";
import { exactOffset, fileOffset } from "../checks/offset.ts";
import type { OpenFile } from "../requests/open_file.ts";
import { END_MAX, type LockRange } from "../requests/range_locks.ts";

/** How long to wait before the system is asked again. */
const AGAIN_MS_MIN = 1;
const AGAIN_MS_MAX = 64;

/**
 * Options of {@linkcode AioFile.prototype.lock | AioFile.lock}.
 *
 * @example A header that many read and few write
 * ```ts
 * import { AioFile, type LockOptions } from "@posix/aio";
 *
 * const options: LockOptions = { shared: true, offset: 0, length: 512 };
 * if (Deno.build.os === "linux") {
 *   await using file = await AioFile.open("deno.json");
 *   using lock = await file.lock(options);
 *   console.log(lock.length); // 512
 * }
 * ```
 */
export interface LockOptions {
  /**
   * Whether others may lock the same bytes, if they share as well. That needs a file that
   * is open for reading, any other lock one that is open for writing.
   *
   * @default {false}
   */
  shared?: boolean | undefined;
  /**
   * From which byte on.
   *
   * @default {0}
   */
  offset?: number | bigint | undefined;
  /** How many bytes; all that follow, however long the file becomes, unless given. */
  length?: number | undefined;
  /** Ends the waiting: the call then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

let newLock: (file: OpenFile, range: LockRange) => FileLock;
/** What a lock is on; `null` if it is none. */
let heldBy: (lock: FileLock) => OpenFile | null;

/**
 * A lock on bytes of a file, from {@linkcode AioFile.prototype.lock | AioFile.lock}. It
 * is given up at the end of its block, by
 * {@linkcode AioFile.prototype.unlock | AioFile.unlock}, and when the file is closed.
 *
 * @example
 * ```ts
 * import { AioFile, type FileLock } from "@posix/aio";
 *
 * if (Deno.build.os === "linux") {
 *   await using file = await AioFile.open("deno.json");
 *   const lock: FileLock = await file.lock({ shared: true });
 *   await file.unlock(lock);
 * }
 * ```
 */
export class FileLock implements Disposable {
  /** Whether others may share it. */
  readonly shared: boolean;
  /** From which byte on it is. */
  readonly offset: number | bigint;
  /** How many bytes it has; `Infinity` if all that follow. */
  readonly length: number;

  readonly #file: OpenFile;
  readonly #range: LockRange;

  static {
    newLock = (file, range) => new FileLock(file, range);
    heldBy = (lock) =>
      typeof lock === "object" && lock !== null && #file in lock
        ? lock.#file
        : null;
  }

  /** Locks come from `AioFile.lock()`. */
  private constructor(file: OpenFile, range: LockRange) {
    const { begin, end, isShared } = range;
    this.#file = file;
    this.#range = range;
    this.shared = isShared;
    this.offset = exactOffset(begin);
    this.length = end === END_MAX ? Infinity : Number(end - begin);
  }

  /**
   * Gives the lock up, if it is held.
   *
   * @throws {AioError} If the system refuses.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * if (Deno.build.os === "linux") {
   *   await using file = await AioFile.open("deno.json");
   *   {
   *     using _lock = await file.lock({ shared: true });
   *     // Nobody writes here who asks for a lock.
   *   }
   * }
   * ```
   */
  [Symbol.dispose](): void {
    this.#file.locks.unlock(this.#range);
  }
}

/** See {@linkcode AioFile.lock}. */
export async function lock(
  file: OpenFile,
  options: LockOptions,
): Promise<FileLock> {
  const { range, signal } = checked(options);
  let pause_ms = AGAIN_MS_MIN;
  for (;;) {
    if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    file.assertOpen("fcntl");
    if (file.locks.tryLock(range)) return newLock(file, range);
    await pause(pause_ms, signal);
    pause_ms = Math.min(2 * pause_ms, AGAIN_MS_MAX);
  }
}

/** See {@linkcode AioFile.tryLock}. */
export async function tryLock(
  file: OpenFile,
  options: LockOptions,
): Promise<FileLock | null> {
  const { range, signal } = checked(options);
  if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
  if (file.locks.tryLock(range)) return newLock(file, range);
  // Who tries again and again leaves its holder a turn.
  await new Promise((next) => setImmediate(next));
  return null;
}

/** See {@linkcode AioFile.unlock}. */
export function unlock(file: OpenFile, lock: FileLock): void {
  const holder = heldBy(lock);
  if (holder === null) {
    throw new TypeError(`lock must be a FileLock, but is ${nameOf(lock)}`);
  }
  if (holder !== file) {
    throw new TypeError("lock must be one of this file, but is of another one");
  }
  lock[Symbol.dispose]();
}

/** What is asked for, if it can be. */
function checked(
  options: LockOptions,
): { range: LockRange; signal: AbortSignal | undefined } {
  assertObject(options, "options");
  const { shared, offset = 0, length = Infinity, signal } = options;
  assertFlag(shared, "shared");
  const begin = BigInt(fileOffset("lock", offset));
  if (length !== Infinity) positive(length, "length");
  if (signal !== undefined) assertSignal(signal);
  const end = length === Infinity ? END_MAX : begin + BigInt(length);
  const range = {
    begin,
    end: end < END_MAX ? end : END_MAX,
    isShared: shared === true,
  };
  return { range, signal };
}

/** Waits for so long, or until the signal is aborted. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const listener = {
      aborted() {
        clearTimeout(timer);
        resolve();
      },
    };
    const timer = setTimeout(() => {
      if (signal !== undefined) unlisten(signal, listener);
      resolve();
    }, ms);
    if (signal !== undefined) listen(signal, listener);
  });
}
