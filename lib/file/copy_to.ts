/** `AioFile.copyTo()`: bytes from one file to another, with its holes. */
import { runtime } from "../../ffi/current.ts";
import {
  type AbortListener,
  assertSignal,
  isAborted,
  reasonOf,
} from "../checks/abort_signal.ts";
import { assertObject, nonNegative } from "../checks/arguments.ts";
import { sliceOf } from "../checks/bytes.ts";
import { fileOffset, offsetAfter } from "../checks/offset.ts";
import type { OpenFile } from "../requests/open_file.ts";
import type { RequestQueue } from "../requests/request.ts";
import { EBADF, ECANCELED, EINVAL, EOVERFLOW } from "../system/constants.ts";
import { copyRange, nextData, tellsHoles } from "../system/copy_range.ts";
import { AioError } from "../system/error.ts";
import { accessHint, fileName } from "../system/hints.ts";
import { reasonAgainst } from "../system/librt.ts";
import { allocateOwn } from "../system/pinned.ts";
import { punchHole } from "../system/space.ts";
import { DIRECT_BYTES, roundedUp } from "./read.ts";
import { transfer } from "./transfers.ts";

/**
 * How much the system copies before somebody looks whether it is to go on, and before
 * others have the thread, such as `size()`.
 */
const PIECE_BYTES = 8 * 1024 * 1024;
/** How much a read and a write have at a time, and how many there are. */
const CHUNK_BYTES = 1024 * 1024;
const DEPTH = 4;

/**
 * Options of {@linkcode AioFile.prototype.copyTo | AioFile.copyTo}.
 *
 * @example A part of a file at the begin of another one
 * ```ts
 * import { AioFile, type CopyOptions } from "@posix/aio";
 *
 * const path = await Deno.makeTempFile();
 * {
 *   const options: CopyOptions = { offset: 16, length: 64, to: 0 };
 *   await using source = await AioFile.open("deno.json");
 *   await using target = await AioFile.open(path, "w");
 *   console.log(await source.copyTo(target, options)); // 64
 * }
 * await Deno.remove(path);
 * ```
 */
export interface CopyOptions {
  /**
   * Where to begin in this file, in bytes.
   *
   * @default {0}
   */
  offset?: number | bigint | undefined;
  /** How many bytes to copy at most; to the end of the file unless given. */
  length?: number | undefined;
  /**
   * Where in the other file they go, in bytes.
   *
   * @default {0}
   */
  to?: number | bigint | undefined;
  /** Ends the copy, of which a part is done: it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** See {@linkcode AioFile.copyTo}. */
export function copyTo(
  source: OpenFile,
  target: OpenFile,
  options: CopyOptions,
): Promise<number> {
  assertObject(options, "options");
  const { offset = 0, length = Infinity, to = 0, signal } = options;
  const from = fileOffset("read", offset);
  if (length !== Infinity) nonNegative(length, "length");
  const at = fileOffset("write", to);
  if (signal !== undefined) assertSignal(signal);
  const copy = new Copy(source, from, target, at, signal);
  return source.during(target.changing((fd) => copy.run(fd, length)));
}

/** A copy under way. Places are counted from where it began, in both files. */
class Copy implements AbortListener {
  readonly #source: OpenFile;
  readonly #from: number | bigint;
  readonly #target: OpenFile;
  readonly #to: number | bigint;
  readonly #signal: AbortSignal | undefined;
  /** Those that a cancellation of either file cancels. */
  readonly #requests = new Set<AbortListener>();
  #isCanceled = false;
  /** By which descriptor the system changes the target. */
  #targetFd = -1;
  /** How far the target went before. */
  #targetEnd = 0;
  /** Whether holes can stay holes. */
  #isSparse: boolean;
  /** Whether the system copies. */
  #isNative: boolean;
  /** How many chunks may be written in any order. */
  readonly #depth: number;

  constructor(
    source: OpenFile,
    from: number | bigint,
    target: OpenFile,
    to: number | bigint,
    signal: AbortSignal | undefined,
  ) {
    this.#source = source;
    this.#from = from;
    this.#target = target;
    this.#to = to;
    this.#signal = signal;
    const { traits } = target;
    // Direct transfers cannot write a last byte, nor can what appends leave a hole.
    this.#isSparse = source.isSeekable && traits.isSeekable &&
      !source.traits.isDirect && !traits.isDirect && !target.mayAppend;
    this.#depth = traits.isSeekable && !target.mayAppend ? DEPTH : 1;
    // There each write is a synchronization, which reports what is lost only once.
    this.#isNative = this.#isSparse && !traits.isSynchronous;
  }

  async run(targetFd: number, length: number): Promise<number> {
    this.#targetFd = targetFd;
    const files = [this.#source, this.#target];
    for (const { cancelListeners } of files) cancelListeners.add(this);
    try {
      return await this.#run(length);
    } catch (error) {
      this.#assertWanted();
      throw error;
    } finally {
      for (const { cancelListeners } of files) cancelListeners.delete(this);
    }
  }

  /** One of the files cancels everything: nothing waits for the other one. */
  aborted(): void {
    this.#isCanceled = true;
    for (const request of this.#requests) request.aborted();
  }

  async #run(length: number): Promise<number> {
    this.#assertWanted();
    const known = await this.#knownBytes(length);
    this.#assertOpenFor("read", known);
    this.#assertOpenFor("write", known);
    let most = length;
    // What it writes itself is not to be copied again.
    if (this.#source.isSeekable && await this.#isSameFile(known)) most = known;
    // Where the data are is not exact beyond.
    if (!Number.isSafeInteger(Number(this.#from) + known)) {
      this.#isSparse = false;
    }
    if (this.#isSparse) {
      this.#targetEnd = await bytesBehind(this.#target, this.#to);
    }
    // Throws, if it does, before anything is written.
    this.#queueOfWrite(known, this.#to);
    if (known > 0) return await this.#copyKnown(known);
    // Files of /proc do not tell, and pipes cannot.
    return await this.#readAndWrite(0, most, 1);
  }

  /** How much there is, of what was asked for; 0 as well where nobody knows. */
  async #knownBytes(length: number): Promise<number> {
    if (!this.#source.isSeekable) return 0;
    const there = await bytesBehind(this.#source, this.#from);
    const known = Math.min(length, Math.max(there, 0));
    this.#assertCountable(known);
    return known;
  }

  /** Copies what the file is known to have. Returns how much it had. */
  async #copyKnown(known: number): Promise<number> {
    let end = known;
    let done = 0;
    while (done < end) {
      this.#assertWanted();
      const data = this.#nextData(done);
      if (data === null) {
        // It may have become shorter.
        const there = await bytesBehind(this.#source, this.#from);
        end = Math.max(done, Math.min(end, there));
      }
      const holeEnd = Math.min(data?.begin ?? end, end);
      if (holeEnd > done) await this.#leaveHole(done, holeEnd, end);
      if (data === null || holeEnd === end) return end;
      const dataEnd = Math.min(data.end, end);
      done = holeEnd + await this.#copyData(holeEnd, dataEnd);
      if (done < dataEnd) return done; // It has become shorter.
    }
    return done;
  }

  #nextData(begin: number): { begin: number; end: number } | null {
    const unknown = { begin, end: Infinity };
    if (!this.#isSparse || !tellsHoles()) return unknown;
    const { fdOfHoles } = this.#source;
    if (fdOfHoles < 0) return unknown;
    const from = Number(this.#from);
    const data = nextData(fdOfHoles, from + begin);
    return data && { begin: data.begin - from, end: data.end - from };
  }

  /** Has the target read as zeros, without space of its own if that is possible. */
  async #leaveHole(begin: number, holeEnd: number, end: number): Promise<void> {
    const there = Math.min(holeEnd, this.#targetEnd);
    if (begin < there) await this.#clear(begin, there);
    if (holeEnd < end || holeEnd <= this.#targetEnd) return;
    // Not by its size, which somebody else may have changed meanwhile.
    await this.#transfer("write", new Uint8Array(1), holeEnd - 1);
  }

  async #clear(begin: number, end: number): Promise<void> {
    const offset = offsetAfter(this.#to, begin);
    try {
      const range = { offset, length: end - begin };
      await punchHole(this.#target.named, this.#targetFd, range);
    } catch {
      await this.#readAndWrite(begin, end); // A hole reads as zeros.
    }
  }

  /** Returns how much there was. */
  async #copyData(begin: number, end: number): Promise<number> {
    let at = begin;
    while (at < end && this.#isNative) {
      this.#assertWanted();
      const bytes = await copyRange(
        {
          fd: this.#source.named.fd,
          offset: offsetAfter(this.#from, at),
        },
        { fd: this.#targetFd, offset: offsetAfter(this.#to, at) },
        Math.min(end - at, PIECE_BYTES),
      );
      // Reads and writes say why not, if they cannot either; some systems say that
      // there is no more when there is.
      if (bytes === 0) this.#isNative = false;
      at += bytes;
    }
    return at - begin + await this.#readAndWrite(at, end);
  }

  /**
   * Copies by requests.
   *
   * @param end Where to stop, if the file goes so far.
   * @param depth How many at a time: one where nobody knows how far it goes.
   * @returns How much there was.
   */
  async #readAndWrite(
    begin: number,
    end: number,
    depth = this.#depth,
  ): Promise<number> {
    const length = Math.min(end - begin, CHUNK_BYTES);
    const { isDirect, isSeekable } = this.#source.traits;
    const multiple = isDirect && isSeekable ? DIRECT_BYTES : 1;
    let next = begin;
    let stop = end;
    const work = async () => {
      const buffer = allocateOwn(roundedUp(length, multiple));
      while (next < stop) {
        const at = next;
        const wanted = Math.min(length, stop - at);
        const chunk = sliceOf(buffer, 0, roundedUp(wanted, multiple));
        next += wanted;
        const read = await this.#transfer("read", chunk, at);
        const bytes = Math.min(read, wanted);
        if (bytes < wanted) {
          // A pipe gives what it has.
          if (!this.#source.isSeekable && bytes > 0) next = at + bytes;
          else stop = Math.min(stop, at + bytes);
        }
        if (bytes === 0) return;
        await this.#transfer("write", sliceOf(chunk, 0, bytes), at);
      }
    };
    const workers = Math.min(depth, Math.ceil((end - begin) / CHUNK_BYTES));
    const outcomes = await Promise.allSettled(
      Array.from({ length: workers }, () =>
        work().catch((error) => {
          stop = begin;
          throw error;
        })),
    );
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
    return Math.min(next, stop) - begin;
  }

  async #transfer(
    operation: "read" | "write",
    view: Uint8Array,
    at: number,
  ): Promise<number> {
    this.#assertWanted();
    const isRead = operation === "read";
    const offset = offsetAfter(isRead ? this.#from : this.#to, at);
    const queue = isRead
      ? this.#source.queueWithin("read")
      : this.#queueOfWrite(view.byteLength, offset);
    const options = { signal: this.#signal };
    let request: AbortListener | null = null;
    const submitted = (made: AbortListener) => {
      request = made;
      this.#requests.add(made);
    };
    try {
      return await transfer(
        queue,
        operation,
        view,
        offset,
        options,
        submitted,
      );
    } finally {
      if (request !== null) this.#requests.delete(request);
    }
  }

  /** A direct transfer can be of whole blocks only. */
  #queueOfWrite(length: number, offset: number | bigint): RequestQueue {
    const target = this.#target;
    const { isDirect, isSeekable, isAppending } = target.traits;
    const isWhole = length % DIRECT_BYTES === 0 &&
      (isAppending || BigInt(offset) % BigInt(DIRECT_BYTES) === 0n);
    // To a pipe it is something else: packets.
    return isDirect && isSeekable && !isWhole
      ? target.cachedQueue()
      : target.queueWithin("write");
  }

  /**
   * Whether both are the same file.
   *
   * @throws {AioError} `EINVAL` if the ranges overlap then.
   */
  async #isSameFile(length: number): Promise<boolean> {
    const [one, other] = await Promise.all([
      this.#source.stat(),
      this.#target.stat(),
    ]);
    if (one.ino !== other.ino || one.dev !== other.dev) return false;
    // What appends writes behind all that there is.
    if (this.#target.traits.isAppending) return true;
    const [from, to] = [BigInt(this.#from), BigInt(this.#to)];
    const bytes = BigInt(length);
    if (from < to + bytes && to < from + bytes) {
      const what = `Cannot copy ${length} bytes of ` +
        `${
          fileName(this.#source.named)
        } from offset ${from} to ${to}, because ` +
        "they overlap";
      const particulars = { errno: EINVAL, syscall: "copy_file_range" };
      throw new AioError(what, { ...particulars, ...this.#source.named });
    }
    return true;
  }

  /**
   * @throws {AioError} `EBADF` if a file is not open for it: as the system says it, which
   * is not asked where there is nothing.
   */
  #assertOpenFor(operation: "read" | "write", length: number): void {
    const isRead = operation === "read";
    const { named } = isRead ? this.#source : this.#target;
    const hint = accessHint(named, !isRead);
    if (hint === "") return;
    const offset = isRead ? this.#from : this.#to;
    const what = `Cannot ${operation} ${length} bytes at offset ${offset} of ` +
      fileName(named) + hint;
    throw new AioError(what, {
      errno: EBADF,
      syscall: `aio_${operation}`,
      offset,
      bytesTransferred: 0,
      ...named,
    });
  }

  /** @throws {AioError} `EOVERFLOW` if there are more bytes than a number tells. */
  #assertCountable(length: number): void {
    if (length <= Number.MAX_SAFE_INTEGER) return;
    const what = `Cannot copy ${fileName(this.#source.named)} from offset ` +
      `${this.#from} to its end, which is more than 2 ** 53 - 1 bytes: ` +
      "give a length";
    const particulars = { errno: EOVERFLOW, syscall: "copy_file_range" };
    throw new AioError(what, { ...particulars, ...this.#source.named });
  }

  /** @throws The signal's reason, or `ECANCELED` if one of the files canceled. */
  #assertWanted(): void {
    const signal = this.#signal;
    if (signal !== undefined && isAborted(signal)) throw reasonOf(signal);
    if (!this.#isCanceled) return;
    throw new AioError("The copy was canceled", {
      errno: ECANCELED,
      syscall: "copy_file_range",
    });
  }
}

/**
 * How many bytes a file has behind an offset, less than none if it ends before. It is
 * 0, as of a file that does not tell, where the runtime rounds and nothing native can
 * be asked.
 */
async function bytesBehind(
  file: OpenFile,
  offset: number | bigint,
): Promise<number> {
  const size = await file.size();
  if (Number.isSafeInteger(size)) return size - Number(offset);
  if (runtime.roundsStatus && reasonAgainst() !== null) return 0;
  return Number((await file.stat()).size - BigInt(offset));
}
