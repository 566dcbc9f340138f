/**
 * A module to take into a project: a write-ahead log. Records are on disk when `append`
 * has resolved, and are there after a crash, in order and whole. `wal.ts` beside it is a
 * tool around it.
 *
 * Appends that come together share one `fdatasync`, which is what makes a log with
 * many writers fast: 64 that wait for their own record each pay for one or two.
 *
 * ## What is in the file
 *
 * A header, then frames one after another. All numbers are little-endian.
 *
 * | header |                          | frame |                                   |
 * | ------ | ------------------------ | ----- | --------------------------------- |
 * | 0      | `AIOWAL2\n`              | 0     | CRC-32 of the head's rest, salted |
 * | 8      | first sequence number    | 4     | CRC-32 of the record              |
 * | 16     | salt, a random number    | 8     | length of the record in bytes     |
 * | 20     | CRC-32 of the 20 bytes   | 12    | sequence number                   |
 * |        |                          | 20    | the last one that was on disk     |
 * |        |                          | 28    | the record                        |
 *
 * Two kinds of frames have no record. A seal is what `close` leaves at the end: it knows
 * its own number to be on disk. A gap, with a length of 2 ** 32 - 1, is what `open` leaves
 * in the place of a tail that it has cut off. It takes up the numbers, to its own, that
 * somebody may have been told of, so that none of them is ever given to another record.
 *
 * ## A torn tail, and damage
 *
 * The last field of a frame's head is what tells them apart. Behind a frame that cannot
 * be read there may be others. If one of them knew that one to be on disk, a record that
 * was acknowledged is damaged, and the log refuses to open. If none did, it may be that
 * a crash has torn it, and all of them go. The head alone is enough to tell: it has a
 * checksum of its own, so that what is looked at for it, at every offset, is short.
 *
 * What no log can see in itself: that the last records were cut off cleanly, or that
 * those were damaged which no later frame knows of, although they were acknowledged
 * (after a crash, the last ones that were acknowledged together). Of these only the
 * numbers show: they are missing.
 *
 * On macOS, `fdatasync` leaves records in the drive's cache: there they outlive a crash
 * of the process or the system, and not always a loss of power.
 *
 * It needs `node:zlib` with `crc32`: Node 20.15 or 22.2, any Deno and Bun.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { AioFile, allocatePinned } from "../mod.ts";

const MAGIC = new TextEncoder().encode("AIOWAL2\n");
const HEADER_BYTES = 24;
const FRAME_HEAD_BYTES = 28;
const CHECKSUM_BYTES = 4;
/** Instead of a length: there is no record, and no number up to this frame's. */
const GAP = 2 ** 32 - 1;
/** Each is in memory as a whole, when it is written and when it is read. */
const RECORD_BYTES_MAX = 256 << 20;
/** What a scan reads at once, unless a record is longer. */
const WINDOW_BYTES = 1 << 20;
/** How often a lock is taken that somebody removes meanwhile. */
const LOCK_TRIES_MAX = 100;
/**
 * The byte that is locked in the log itself. No log has it: on file systems where nobody
 * can read what is locked, readers go on.
 */
const LOCKED_OFFSET = 2n ** 62n;
/**
 * How often a scan takes the checksum of a byte at most, whatever the bytes are. In the
 * torn tail: once in a frame that cannot be read, once where the head of a frame should
 * be, and in the heads that may begin at any of the offsets before it.
 */
const CHECKSUMS_PER_BYTE_MAX = 2 + FRAME_HEAD_BYTES - CHECKSUM_BYTES;

/** What can be wrong with a log; see {@linkcode LogError}. */
export type LogErrorCode =
  /** A record that was acknowledged cannot be read. */
  | "DAMAGED"
  /** A write or a synchronization failed, and what is on disk is not known. */
  | "FAILED"
  /** Another process has it open. */
  | "IN_USE"
  | "CLOSED"
  | "NOT_A_LOG";

/** What is wrong with a log. */
export class LogError extends Error {
  override name = "LogError";
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A record of a log. */
export interface LogRecord {
  /** Its number: one more than that of the record before, unless those are lost. */
  sequence: number;
  data: Uint8Array<ArrayBuffer>;
  /** Where in the file its frame begins, in bytes. */
  offset: number;
}

/** What there is in a log. */
export interface LogSummary {
  /** The first record's number; of an empty log, the one the next record gets. */
  first: number;
  /** The last record's number; of an empty log, one less than `first`. */
  last: number;
  /** The number that the next record gets: none that may have been told before. */
  next: number;
  /** How long the file is without a torn tail. */
  bytes: number;
  /** How long the torn tail is: a write that was cut short, or records that are damaged. */
  tornBytes: number;
  /**
   * How many records of the torn tail may have been acknowledged, and are lost then; the
   * last of their numbers is `next - 1`.
   */
  tornRecords: number;
  /** Whether it was closed, and not left by a crash. */
  isClosed: boolean;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// Numbers up to 2 ** 53: BigInt would cost more than all the rest of a frame.
function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

function getUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

interface Header {
  /** The sequence number of the first frame. */
  first: number;
  /** Keeps frames of other logs, inside a record or not, from being taken for its own. */
  salt: number;
}

function encodeHeader({ first, salt }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  setUint64(view, 8, first);
  view.setUint32(16, salt, true);
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true);
  return bytes;
}

function decodeHeader(bytes: Uint8Array): Header | null {
  if (bytes.length < HEADER_BYTES) return null;
  if (MAGIC.some((byte, at) => byte !== bytes[at])) return null;
  const view = viewOf(bytes);
  if (view.getUint32(20, true) !== crc32(bytes.subarray(0, 20))) return null;
  return { first: getUint64(view, 8), salt: view.getUint32(16, true) };
}

const NO_RECORD = new Uint8Array(0);

function encodeFrame(
  salt: number,
  sequence: number,
  durable: number,
  record: Uint8Array,
  length = record.length,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + record.length);
  const view = viewOf(bytes);
  view.setUint32(4, crc32(record), true);
  view.setUint32(8, length, true);
  setUint64(view, 12, sequence);
  setUint64(view, 20, durable);
  bytes.set(record, FRAME_HEAD_BYTES);
  const head = bytes.subarray(CHECKSUM_BYTES, FRAME_HEAD_BYTES);
  view.setUint32(0, crc32(head, salt), true);
  return bytes;
}

interface Frame {
  offset: number;
  end: number;
  sequence: number;
  durable: number;
  isGap: boolean;
  /** In the window of the scan: valid until the next frame is asked for. */
  data: Uint8Array;
}

/** A frame of a record cannot know that one to be on disk: this is of `close`. */
function isSeal({ sequence, durable }: Frame): boolean {
  return sequence === durable;
}

/** Where a frame ends, by its head. */
function frameEnd(offset: number, head: Uint8Array): number {
  const length = viewOf(head).getUint32(8, true);
  return offset + FRAME_HEAD_BYTES + (length === GAP ? 0 : length);
}

/** Goes through a log from its beginning. */
class Scan implements AsyncDisposable {
  readonly header: Header;
  readonly size: number;
  /** The last number so far that is taken: by a record, or by a gap. */
  last: number;
  /** Where the last whole frame ends. */
  end = HEADER_BYTES;
  /** Up to here a later frame knows everything to be on disk, or more. */
  syncedEnd = HEADER_BYTES;
  /** The last number that some frame knew to be on disk. */
  durable: number;
  /** The next place that `syncedEnd` moves on to. */
  #mark: { sequence: number; end: number };
  readonly #path: string;
  readonly #file: AioFile;
  #firstRecord: number | null = null;
  #lastRecord: number | null = null;
  #isSealed = false;
  /** Where the last gap ends. */
  #gapEnd = 0;
  #checksummedBytes = 0;
  /** How many records of the torn tail may have been acknowledged. */
  tornRecords = 0;
  #window: Uint8Array;
  #windowStart = 0;
  #windowLength = 0;

  private constructor(
    path: string,
    file: AioFile,
    size: number,
    header: Header,
  ) {
    this.#path = path;
    this.#file = file;
    this.size = size;
    this.header = header;
    this.#window = allocatePinned(Math.min(Math.max(size, 1), WINDOW_BYTES));
    this.last = this.durable = header.first - 1;
    this.#mark = { sequence: this.last, end: this.end };
  }

  static async open(path: string): Promise<Scan> {
    await assertFile(path);
    const file = await AioFile.open(path);
    try {
      const size = await file.size();
      const bytes = new Uint8Array(HEADER_BYTES);
      const length = await file.readAt(bytes, 0);
      // An empty file is a log that is still to be begun.
      const header = size === 0
        ? { first: 1, salt: 0 }
        : decodeHeader(bytes.subarray(0, length));
      if (header !== null) return new Scan(path, file, size, header);
      throw new LogError("NOT_A_LOG", `${path} is not a write-ahead log`);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get tornBytes(): number {
    return Math.max(this.size - this.end, 0);
  }

  /** The number of the next record. */
  get next(): number {
    return this.last + this.tornRecords + 1;
  }

  get summary(): LogSummary {
    const { next, tornBytes, tornRecords } = this;
    return {
      first: this.#firstRecord ?? next,
      last: this.#lastRecord ?? next - 1,
      next,
      bytes: Math.min(this.end, this.size),
      tornBytes,
      tornRecords,
      isClosed: this.size <= this.end &&
        (this.#isSealed || this.end === HEADER_BYTES),
    };
  }

  /**
   * The frames of records.
   *
   * @throws {LogError} If what stops it is damage for sure, and not a torn tail.
   */
  async *frames(): AsyncGenerator<Frame, void> {
    for (;;) {
      const frame = await this.#frameAt(this.end);
      if (frame === null || this.#isLeftOver(frame)) break;
      if (!this.#follows(frame)) {
        // After a write that failed, one later than the next may be in its place.
        if (frame.sequence > this.last) break;
        throw this.#damaged(`record ${frame.sequence} is there again`);
      }
      this.#advance(frame);
      if (!frame.isGap && !isSeal(frame)) yield frame;
    }
    const witness = await this.#findWitness();
    if (witness !== null) {
      throw this.#damaged(`record ${witness} shows that it was on disk`);
    }
    this.tornRecords = await this.#countTorn();
  }

  /** What is in the file from an offset on, as it is. */
  from(offset: number): ReadableStream<Uint8Array> {
    return this.#file.readable({ offset, length: this.size - offset });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** The tail that a gap stands for may be behind it still: `open` did not get further. */
  #isLeftOver({ durable }: Frame): boolean {
    return this.end === this.#gapEnd && durable < this.last;
  }

  #follows(frame: Frame): boolean {
    const { sequence, durable, isGap } = frame;
    if (isSeal(frame)) return sequence === this.last;
    if (isGap) return durable === this.last && sequence > this.last;
    return sequence === this.last + 1 && durable < sequence;
  }

  #advance(frame: Frame): void {
    const { sequence, durable, offset, end, isGap } = frame;
    this.#isSealed = isSeal(frame);
    if (isGap || this.#isSealed) {
      this.syncedEnd = offset;
      this.#mark = { sequence, end };
    } else {
      this.#firstRecord ??= sequence;
      this.#lastRecord = sequence;
      if (durable >= this.#mark.sequence) {
        this.syncedEnd = this.#mark.end;
        this.#mark = { sequence, end };
      }
    }
    if (isGap) this.#gapEnd = end;
    this.durable = durable;
    this.last = sequence;
    this.end = end;
  }

  /** The whole frame at an offset, or `null` if there is none. */
  async #frameAt(offset: number): Promise<Frame | null> {
    const head = await this.#view(offset, FRAME_HEAD_BYTES);
    if (!this.#isHead(head)) return null;
    const end = frameEnd(offset, head);
    const bytes = await this.#view(offset, end - offset);
    if (bytes.length < end - offset) return null;
    const view = viewOf(bytes);
    const data = bytes.subarray(FRAME_HEAD_BYTES);
    if (view.getUint32(4, true) !== this.#checksum(data)) return null;
    return {
      offset,
      end,
      sequence: getUint64(view, 12),
      durable: getUint64(view, 20),
      isGap: view.getUint32(8, true) === GAP,
      data,
    };
  }

  /** Whether these bytes are a frame's head, as it was written. */
  #isHead(bytes: Uint8Array): boolean {
    if (bytes.length < FRAME_HEAD_BYTES) return false;
    const checked = bytes.subarray(CHECKSUM_BYTES, FRAME_HEAD_BYTES);
    return viewOf(bytes).getUint32(0, true) ===
      this.#checksum(checked, this.header.salt);
  }

  #checksum(bytes: Uint8Array, salt = 0): number {
    this.#checksummedBytes += bytes.length;
    if (this.#checksummedBytes <= CHECKSUMS_PER_BYTE_MAX * this.size) {
      return crc32(bytes, salt);
    }
    throw new Error(`The scan of ${this.#path} takes too many checksums`);
  }

  /**
   * The number of a later frame that knows the next record to be on disk. Its head has
   * to be whole, and its record need not be.
   */
  async #findWitness(): Promise<number | null> {
    const missing = this.last + 1;
    for (let offset = this.end; offset < this.size;) {
      const bytes = await this.#view(offset, WINDOW_BYTES);
      const view = viewOf(bytes);
      const heads = bytes.length - FRAME_HEAD_BYTES + 1;
      for (let at = 0; at < heads; at++) {
        // Cheaper than a checksum, and enough for nearly all that is no head.
        const durable = getUint64(view, at + 20);
        if (durable < missing || durable > Number.MAX_SAFE_INTEGER) continue;
        const sequence = getUint64(view, at + 12);
        if (sequence < durable || sequence > Number.MAX_SAFE_INTEGER) continue;
        if (this.#isHead(bytes.subarray(at))) return sequence;
      }
      if (heads <= 0) break;
      offset += heads;
    }
    return null;
  }

  /** Counts the frames of the torn tail: behind a head that is not whole, any number. */
  async #countTorn(): Promise<number> {
    let count = 0;
    for (let offset = this.end;; count++) {
      const head = await this.#view(offset, FRAME_HEAD_BYTES);
      if (!this.#isHead(head)) {
        const left = Math.max(this.size - offset, 0);
        return count + Math.floor(left / FRAME_HEAD_BYTES);
      }
      offset = frameEnd(offset, head);
      // The file was never as long as to have it: it was cut short.
      if (offset > this.size) return count;
    }
  }

  #damaged(evidence: string): LogError {
    return new LogError(
      "DAMAGED",
      `${this.#path} is damaged at byte ${this.end}, where record ` +
        `${this.last + 1} should be: ${evidence}`,
    );
  }

  /** Bytes of the file; fewer at its end. Valid until the next call. */
  async #view(offset: number, length: number): Promise<Uint8Array> {
    length = Math.max(0, Math.min(length, this.size - offset));
    const isThere = offset >= this.#windowStart &&
      offset + length <= this.#windowStart + this.#windowLength;
    if (!isThere) {
      if (length > this.#window.length) this.#window = allocatePinned(length);
      this.#windowStart = offset;
      this.#windowLength = await this.#file.readAt(this.#window, offset);
    }
    const at = offset - this.#windowStart;
    return this.#window.subarray(at, Math.min(at + length, this.#windowLength));
  }
}

/**
 * Reads a log without changing it, from its first record or a later one to the last
 * whole one.
 *
 * @param path Where it is.
 * @param from The number of the first record to give.
 * @returns The records; behind them, what there is in the log.
 * @throws {LogError} `DAMAGED` after the last record before the damage; `NOT_A_LOG`.
 * @throws {AioError} If it cannot be read.
 */
export async function* readLog(
  path: string,
  from = 0,
): AsyncGenerator<LogRecord, LogSummary> {
  await using scan = await Scan.open(path);
  for await (const frame of scan.frames()) {
    if (frame.sequence >= from) yield recordOf(frame);
  }
  return scan.summary;
}

function recordOf({ sequence, data, offset }: Frame): LogRecord {
  return { sequence, data: data.slice(), offset };
}

/** aio_fsync() wants a descriptor open for writing, which a directory's never is. */
async function syncDirectoryOf(path: string): Promise<void> {
  await using directory = await fs.open(dirname(path), "r");
  await directory.sync();
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await fs.stat(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}

async function assertFile(path: string): Promise<void> {
  if ((await fs.stat(path)).isFile()) return;
  throw new LogError("NOT_A_LOG", `${path} is not a file`);
}

/** Writes a log beside the one at `path`. Returns its name. */
async function writeBeside(
  path: string,
  header: Header,
  frames?: ReadableStream<Uint8Array>,
): Promise<string> {
  const stats = await statOrNull(path);
  const written = join(dirname(path), `.${basename(path)}.new`);
  // A crash may have left one.
  await fs.rm(written, { force: true });
  const mode = (stats?.mode ?? 0o666) & 0o777;
  try {
    const how = { write: true, createNew: true, mode };
    await using file = await AioFile.open(written, how);
    if (stats !== null) await fs.chmod(written, mode);
    await file.writeAt(encodeHeader(header), 0);
    await frames?.pipeTo(file.writable({ offset: HEADER_BYTES }));
    await file.sync();
    return written;
  } catch (error) {
    await fs.rm(written, { force: true });
    throw error;
  }
}

/** After a crash the old one is there or the new one, whole. */
async function putInPlace(written: string, path: string): Promise<void> {
  await fs.rename(written, path);
  await syncDirectoryOf(path);
}

function inUse(path: string): LogError {
  return new LogError("IN_USE", `${path} is in use by another process`);
}

/** A file that is open, by this library or by Deno. */
interface Opened {
  stat(): Promise<{ ino: number | bigint | null; dev: number | bigint }>;
  close(): void | Promise<void>;
}

/** Whether a name is still that of a file which was opened by it. */
async function isStillNamed(file: Opened, path: string): Promise<boolean> {
  const own = await file.stat();
  const named = await statOrNull(path);
  return Number(own.ino) === named?.ino && Number(own.dev) === named.dev;
}

/** Opens what has a name, and locks it; `null` if somebody else has it locked. */
async function openNamed<T extends Opened>(
  path: string,
  open: () => Promise<T>,
  tryLock: (file: T) => Promise<boolean>,
): Promise<T | null> {
  for (let tries = 0; tries < LOCK_TRIES_MAX; tries++) {
    const file = await open();
    let isFree = false;
    let isNamed = false;
    try {
      isFree = await tryLock(file);
      isNamed = await isStillNamed(file, path);
    } finally {
      if (!isFree || !isNamed) await file.close();
    }
    if (!isFree) break;
    if (isNamed) return file;
    // It lost its name before it was locked: others would lock another file.
  }
  return null;
}

/**
 * Keeps other processes out, also while there is no log yet. Node has no function for it:
 * there, see to it yourself. {@linkcode openLocked} is not enough: of two processes that
 * make the same log, the second puts its own in the place of the first one's.
 */
async function lock(path: string): Promise<Disposable> {
  if (!("Deno" in globalThis)) return { [Symbol.dispose]() {} };
  const name = `${path}.lock`;
  const how = { write: true, create: true };
  const file = await openNamed(
    name,
    () => Deno.open(name, how),
    (file) => file.tryLock(true),
  );
  if (file !== null) return file;
  throw inUse(path);
}

/**
 * Opens a log for appending, and keeps out who opens it by another name, such as a hard
 * link. Only Linux has locks for that, and some file systems have not: there, the lock
 * on the name has to do.
 */
async function openLocked(path: string): Promise<AioFile> {
  await assertFile(path);
  const range = { offset: LOCKED_OFFSET, length: 1 };
  const file = await openNamed(
    path,
    () => AioFile.open(path, { append: true }),
    async (file) => await file.tryLock(range).catch(() => true) !== null,
  );
  if (file !== null) return file;
  throw inUse(path);
}

/** Has the records on disk, and cuts off a torn tail. Returns what there was. */
async function recover(path: string): Promise<Scan> {
  await using scan = await Scan.open(path);
  for await (const _ of scan.frames());
  await using file = await AioFile.open(path, { read: true, write: true });
  // A synchronization that failed may have left these in the page cache alone, marked
  // as written: another passes them over unless they are written again.
  const bytes = new Uint8Array(WINDOW_BYTES);
  for (let at = scan.syncedEnd; at < scan.end; at += bytes.length) {
    const part = bytes.subarray(0, scan.end - at);
    await file.readAt(part, at);
    await file.writeAt(part, at);
  }
  if (scan.tornBytes > 0) await cutOff(file, scan);
  await file.sync();
  return scan;
}

/** Puts a gap in the place of a torn tail, if anybody may have been told of its numbers. */
async function cutOff(file: AioFile, scan: Scan): Promise<void> {
  const { header: { salt }, last, next, end, tornRecords } = scan;
  if (tornRecords === 0) return await file.truncate(end);
  const gap = encodeFrame(salt, next - 1, last, NO_RECORD, GAP);
  // What is before a gap is on disk, and the gap is before the tail is gone: nothing
  // else would tell of the numbers.
  await file.sync();
  await file.writeAt(gap, end);
  await file.sync();
  await file.truncate(end + gap.length);
}

/**
 * A write-ahead log, open for appending. One process at a time has it open; on systems
 * other than Linux, another may have it open by the name of a hard link. From the next
 * checkpoint on, a hard link is the name of another log.
 *
 * @example
 * ```ts
 * await using log = await WriteAheadLog.open("orders.log");
 * for await (const { sequence, data } of log.records()) apply(sequence, data);
 * await log.append(new TextEncoder().encode("one more order")); // on disk now
 * ```
 */
export class WriteAheadLog implements AsyncDisposable {
  /** What was in the log when it was opened; the torn tail is gone since. */
  readonly recovered: LogSummary;
  readonly #path: string;
  readonly #lock: Disposable;
  readonly #salt: number;
  #file: AioFile;
  #first: number;
  #last: number;
  #durable: number;
  /** The last number that some frame in the file knows to be on disk. */
  #witnessed: number;
  readonly #commits = new Set<Promise<void>>();
  #replacing: Promise<void> | null = null;
  /** Has the appends enter that were called meanwhile, in their order. */
  #waiting: (() => void)[] = [];
  #failure: LogError | null = null;
  #closing: Promise<void> | null = null;

  private constructor(
    path: string,
    lock: Disposable,
    file: AioFile,
    scan: Scan,
  ) {
    this.recovered = scan.summary;
    this.#path = path;
    this.#lock = lock;
    this.#salt = scan.header.salt;
    this.#file = file;
    this.#first = this.recovered.first;
    this.#last = this.#durable = this.recovered.next - 1;
    this.#witnessed = scan.durable;
  }

  /**
   * Opens a log, making it if there is none. Of what a crash has left, records that
   * are whole are kept, acknowledged or not, and a torn tail is cut off. Its records, if
   * it had any, are lost, and their numbers are not given to others.
   *
   * @param path Where it is. `.lock` is added for the name of the lock.
   * @returns The log.
   * @throws {LogError} `DAMAGED` if a record is missing that is known to have been
   * acknowledged, and the file is left as it is; `IN_USE`; `NOT_A_LOG`.
   * @throws {AioError} If it cannot be read or written.
   */
  static async open(path: string): Promise<WriteAheadLog> {
    const isThere = await statOrNull(path) !== null;
    const real = isThere ? await fs.realpath(path) : resolve(path);
    if (isThere) {
      // So that no lock is left beside what is no log.
      await using _scan = await Scan.open(real);
    }
    const held = await lock(real);
    let file: AioFile | undefined;
    try {
      const stats = await statOrNull(real);
      if (stats === null || stats.isFile() && stats.size === 0) {
        const salt = randomBytes(4).readUInt32LE();
        await putInPlace(await writeBeside(real, { first: 1, salt }), real);
      }
      file = await openLocked(real);
      const scan = await recover(real);
      // The process that made the file may have died before it did this.
      await syncDirectoryOf(real);
      return new WriteAheadLog(real, held, file, scan);
    } catch (error) {
      try {
        await file?.close();
      } finally {
        held[Symbol.dispose]();
      }
      throw error;
    }
  }

  /** The number of the first record that is kept, or will be. */
  get first(): number {
    return this.#first;
  }

  /** The last number that is taken for sure: its record is on disk, or lost. */
  get durable(): number {
    return this.#durable;
  }

  /**
   * Appends a record. Records are numbered in the order of the calls.
   *
   * After an error nobody knows what is on disk, and an `fdatasync` that is tried again
   * succeeds without having written anything. So the log takes no more records then;
   * opening it again finds out what there is.
   *
   * @param record What to write, 256 MiB at most. It must not be changed before the
   * promise is settled.
   * @returns Its number, once it and all before it are on disk.
   * @throws {LogError} `FAILED` if this or an earlier write or synchronization failed:
   * the record may or may not be there when the log is opened again. `CLOSED`.
   * @throws {RangeError} If the record is too long.
   * @throws {TypeError} If it is not a `Uint8Array`.
   */
  async append(record: Uint8Array): Promise<number> {
    if (!(record instanceof Uint8Array)) {
      throw new TypeError("A record must be a Uint8Array");
    }
    if (record.length > RECORD_BYTES_MAX) {
      throw new RangeError(
        `A record can have ${RECORD_BYTES_MAX} bytes, not ${record.length}`,
      );
    }
    if (this.#replacing === null) return await this.#appendNow(record);
    return await new Promise((resolve) =>
      this.#waiting.push(() => resolve(this.#appendNow(record)))
    );
  }

  async #appendNow(record: Uint8Array): Promise<number> {
    this.#assertUsable();
    const sequence = this.#last + 1;
    const frame = this.#encode(sequence, record);
    this.#last = sequence;
    const commit = this.#commit(sequence, frame);
    this.#commits.add(commit);
    try {
      await commit;
    } finally {
      this.#commits.delete(commit);
    }
    return sequence;
  }

  /**
   * The records that are on disk at the time of the call, from the first or a later one.
   *
   * @param from The number of the first record to give.
   * @throws {LogError} `DAMAGED` if one of them cannot be read.
   */
  async *records(from = 0): AsyncGenerator<LogRecord, void> {
    const last = this.#durable;
    if (last < Math.max(from, this.#first)) return;
    await using scan = await Scan.open(this.#path);
    for await (const frame of scan.frames()) {
      if (frame.sequence > last) return;
      if (frame.sequence >= from) yield recordOf(frame);
      if (frame.sequence === last) return;
    }
    // They may have been forgotten meanwhile.
    if (scan.last >= last || this.#first > last) return;
    throw new LogError("DAMAGED", `${this.#path} ends before record ${last}`);
  }

  /**
   * Forgets records whose effects are safe elsewhere. The file is replaced by one with
   * the others; a crash leaves the old one or the new one.
   *
   * @param upTo The number of the last record to forget.
   * @throws {RangeError} If that is not on disk yet.
   * @throws {LogError} `FAILED` or `CLOSED`.
   */
  async checkpoint(upTo: number = this.#durable): Promise<void> {
    if (!Number.isSafeInteger(upTo) || upTo > this.#durable) {
      throw new RangeError(
        `Cannot forget up to record ${upTo}: ${this.#durable} is the last on disk`,
      );
    }
    while (this.#replacing !== null) await this.#replacing.catch(() => {});
    this.#assertUsable();
    if (upTo < this.#first) return;
    this.#replacing = this.#forget(upTo);
    try {
      await this.#replacing;
    } finally {
      this.#replacing = null;
      for (const enter of this.#waiting.splice(0)) enter();
    }
  }

  /** Waits for the appends in flight, and closes the log. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@linkcode WriteAheadLog.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#replacing?.catch(() => {});
      await Promise.allSettled(this.#commits);
      if (this.#failure === null && this.#durable > this.#witnessed) {
        const seal = this.#encode(this.#durable, NO_RECORD);
        await this.#commit(this.#durable, seal);
      }
    } finally {
      await this.#file.close().finally(() => this.#lock[Symbol.dispose]());
    }
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing === null) return;
    throw new LogError("CLOSED", `${this.#path} is closed`);
  }

  #encode(sequence: number, record: Uint8Array): Uint8Array {
    const frame = encodeFrame(this.#salt, sequence, this.#durable, record);
    this.#witnessed = this.#durable;
    return frame;
  }

  /** Writes a frame, and has it on disk with all before it. */
  async #commit(sequence: number, frame: Uint8Array): Promise<void> {
    try {
      await Promise.all([
        this.#file.append(frame),
        // Covers the append; it is the library that makes one of many.
        this.#file.syncData(),
      ]);
    } catch (error) {
      this.#fail(error);
    }
    // Of an earlier one too: behind a frame that is not whole, this one is lost.
    if (this.#failure !== null) throw this.#failure;
    this.#durable = Math.max(this.#durable, sequence);
  }

  #fail(error: unknown): void {
    this.#failure ??= new LogError(
      "FAILED",
      `${this.#path} takes no more records: ${(error as Error).message}`,
      error,
    );
  }

  async #forget(upTo: number): Promise<void> {
    await Promise.allSettled(this.#commits);
    if (this.#failure !== null) throw this.#failure;
    await using scan = await Scan.open(this.#path);
    // Numbers may be missing behind the last record to forget.
    let [first, begin] = [this.#last + 1, scan.size];
    for await (const { sequence, offset } of scan.frames()) {
      if (sequence <= upTo) continue;
      [first, begin] = [sequence, offset];
      break;
    }
    const header = { first, salt: this.#salt };
    const written = await writeBeside(this.#path, header, scan.from(begin));
    const replaced = this.#file;
    // Locked before it has the log's name: by then, another process may open it.
    const file = await openLocked(written);
    try {
      await putInPlace(written, this.#path);
    } catch (error) {
      await file.close();
      // Appends might go to a file that has lost its name.
      this.#fail(error);
      throw this.#failure;
    }
    this.#file = file;
    this.#first = first;
    await replaced.close();
  }
}
