/**
 * A part of the tool `tail.ts`: a file that it prints and follows.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type BigIntStats, fstatSync, readSync } from "node:fs";
import * as fs from "node:fs/promises";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { AioFile, allocatePinned } from "../../mod.ts";
import { complain as complainAs, print } from "../shared/tool.ts";
import {
  BLOCK_BYTES,
  Keeper,
  type Part,
  Skipper,
  startOfLastLines,
} from "./part.ts";

/** The name that standard input has among files. */
export const STANDARD_INPUT = "-";

/** Of so many bytes it is known whether they are what was printed. */
const RECENT_BYTES = 4096;

/** Writes blocks of several files, with a header where the file changes. */
export class Output {
  readonly #hasHeaders: boolean;
  #current: Source | null = null;

  constructor(hasHeaders: boolean) {
    this.#hasHeaders = hasHeaders;
  }

  /** What follows is of this file. */
  begin(source: Source): void {
    if (source === this.#current) return;
    const gap = this.#current === null ? "" : "\n";
    this.#current = source;
    if (!this.#hasHeaders) return;
    print(`${gap}==> ${source.title} <==\n`);
  }

  write(source: Source, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.begin(source);
    print(bytes);
  }
}

/** Tells on standard error. */
export function complain(error: unknown): void {
  complainAs("tail", error);
}

/** A file that is named on the command line. */
export class Source {
  readonly path: string;
  readonly #output: Output;
  readonly #block: Uint8Array = allocatePinned(BLOCK_BYTES);
  /** Aborted when there may be something new. */
  #news = new AbortController();
  #file: AioFile | null = null;
  #stats: BigIntStats | null = null;
  /** Whether that was told. */
  #isMissing = true;
  /** Where the next bytes are read. */
  #offset = 0;
  /** The bytes before that, as they were. */
  #recent: Buffer = Buffer.alloc(0);

  constructor(path: string, output: Output) {
    this.path = path;
    this.#output = output;
  }

  get title(): string {
    return this.path === STANDARD_INPUT ? "standard input" : this.path;
  }

  get isOpen(): boolean {
    return this.#file !== null;
  }

  /** What comes through a pipe ends with it. */
  get mayGrow(): boolean {
    return this.path !== STANDARD_INPUT || (this.#stats?.isFile() ?? false);
  }

  /** A file that was open before begins where others have left off reading. */
  get #hasPosition(): boolean {
    return this.path === STANDARD_INPUT && this.#stats!.isFile();
  }

  wake(): void {
    this.#news.abort();
  }

  async open(): Promise<void> {
    this.#file = this.path === STANDARD_INPUT
      ? AioFile.adopt(process.stdin.fd, { closeFd: false })
      : await AioFile.open(this.path);
    this.#stats = fstatSync(this.#file.fd, { bigint: true });
    this.#moveTo(0);
    this.#isMissing = false;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  /** Prints a part, up to the end that the file has now. */
  async print(part: Part): Promise<void> {
    if (this.#hasPosition) return await this.#printRest(part);
    const size = Number(this.#stats!.size);
    // Before anything is printed: what is written over meanwhile is printed twice, not never.
    const recent = await this.#readLast(size);
    this.#output.begin(this);
    if (recent === null) {
      return await this.#readOn(part, () => this.#readNext());
    }
    const start = await this.#startOf(part, 0, size);
    if (start > size) this.#moveTo(start);
    else this.#moveTo(size, recent);
    await this.#printFrom(start, size, part);
  }

  /** Prints what is appended, until that fails. */
  async follow(isByName: boolean, interval_ms: number): Promise<never> {
    for (;;) {
      if (isByName) await this.#reopenIfReplaced();
      if (this.#file !== null) await this.#printNew();
      await this.#wait(interval_ms);
    }
  }

  /** Resolves when there may be something new, also since the last time. */
  async #wait(timeout_ms: number): Promise<void> {
    const { signal } = this.#news;
    await delay(timeout_ms, undefined, { signal }).catch(() => {});
    this.#news = new AbortController();
  }

  /** Where a part begins, as far as that is known without reading all before. */
  async #startOf(part: Part, begin: number, end: number): Promise<number> {
    const { unit, isFromStart, count } = part;
    if (isFromStart) return unit === "bytes" ? Math.max(0, count - 1) : 0;
    if (unit === "bytes") return Math.max(begin, end - count);
    return await startOfLastLines(this.#file!, end, count, begin);
  }

  async #printFrom(start: number, end: number, part: Part): Promise<void> {
    const length = Math.max(0, end - start);
    const isSkipping = part.isFromStart && part.unit === "lines";
    const skipper = isSkipping ? new Skipper(part) : null;
    const blocks = this.#file!.readable({ offset: start, length });
    for await (const block of blocks) {
      this.#output.write(this, skipper?.take(block) ?? block);
    }
  }

  /** Prints a part of what is behind the position, which only a read moves and respects. */
  async #printRest(part: Part): Promise<void> {
    this.#output.begin(this);
    const last = await this.#readLast(Number(this.#stats!.size));
    // What can be read again need not be kept to find where the last part begins.
    const isReadAgain = last !== null && !part.isFromStart;
    let end = 0;
    await this.#readOn(isReadAgain ? null : part, async () => {
      let bytes = readSync(process.stdin.fd, this.#block);
      if (bytes === 0) {
        end = await this.#file!.size();
        // What was appended before that.
        bytes = readSync(process.stdin.fd, this.#block);
      }
      return this.#block.subarray(0, bytes);
    });
    const begin = Math.max(0, end - this.#offset);
    // There was nothing to read behind it: this is where the position has come to.
    if (last !== null) this.#moveTo(end, this.#recent);
    if (!isReadAgain) return;
    await this.#printFrom(await this.#startOf(part, begin, end), end, part);
  }

  async #readNext(): Promise<Uint8Array> {
    const bytes = await this.#file!.readAt(this.#block, this.#offset);
    return this.#block.subarray(0, bytes);
  }

  /** Reads until the end, and prints a part of that, or nothing. */
  async #readOn(
    part: Part | null,
    readNext: () => Promise<Uint8Array>,
  ): Promise<void> {
    const skipper = part?.isFromStart ? new Skipper(part) : null;
    const keeper = part?.isFromStart === false ? new Keeper(part) : null;
    for (;;) {
      const block = await readNext();
      if (block.length === 0) break;
      this.#moveBy(block);
      if (skipper !== null) this.#output.write(this, skipper.take(block));
      keeper?.add(block.slice());
    }
    if (keeper !== null) this.#output.write(this, keeper.last());
  }

  async #printNew(): Promise<void> {
    const file = this.#file!;
    for (;;) {
      const bytes = await file.readAt(this.#block, this.#offset);
      // Not before: what is written over meanwhile would pass for appended.
      const changed = this.#stats!.isFile()
        ? await this.#howChanged(bytes)
        : null;
      if (changed !== null) {
        this.#beginAnew(changed);
        continue;
      }
      if (bytes === 0) return;
      const block = this.#block.subarray(0, bytes);
      this.#moveBy(block);
      this.#output.write(this, block);
    }
  }

  /**
   * What became of the bytes that were read; `null` if they are still there.
   *
   * @param bytes How many were read behind them.
   */
  async #howChanged(bytes: number): Promise<"truncated" | "rewritten" | null> {
    const size = await this.#file!.size();
    // Of files of /proc and /sys, the system does not know the size.
    const isUnknown = size === 0
      ? (await this.#readBefore(1, 1)).length > 0
      : bytes === 0 && size > this.#offset;
    if (isUnknown) return null;
    if (size < this.#offset) return "truncated";
    // Other bytes may be where the last ones were: the size may be the same.
    const { length } = this.#recent;
    const now = await this.#readBefore(this.#offset, length);
    if (this.#recent.equals(now)) return null;
    // Since its size was asked, it may have become shorter.
    return now.length < length ? "truncated" : "rewritten";
  }

  /** The last bytes; `null` if the system does not know where they are. */
  async #readLast(size: number): Promise<Buffer | null> {
    // Files of /proc claim to be empty, and pipes have no size.
    if (!this.#stats!.isFile() || size === 0) return null;
    const last = await this.#readBefore(size, RECENT_BYTES);
    // Files of /sys claim to have a page.
    return last.length === Math.min(size, RECENT_BYTES) ? last : null;
  }

  async #readBefore(end: number, length: number): Promise<Buffer> {
    const start = Math.max(0, end - length);
    if (start === end) return Buffer.alloc(0);
    const bytes = Buffer.alloc(end - start);
    return bytes.subarray(0, await this.#file!.readAt(bytes, start));
  }

  #beginAnew(what: string): void {
    complain(`${this.path}: file ${what}`);
    this.#moveTo(0);
  }

  #moveTo(offset: number, recent: Buffer = Buffer.alloc(0)): void {
    this.#offset = offset;
    this.#recent = recent;
  }

  #moveBy(block: Uint8Array): void {
    const last = [this.#recent, block.subarray(-RECENT_BYTES)];
    const recent = Buffer.concat(last).subarray(-RECENT_BYTES);
    this.#moveTo(this.#offset + block.length, recent);
  }

  /** Another file may have the name now, or none; then the old one is kept. */
  async #reopenIfReplaced(): Promise<void> {
    const stats = await fs.stat(this.path, { bigint: true }).catch(() => null);
    const isSame = this.#file !== null && stats?.ino === this.#stats!.ino &&
      stats.dev === this.#stats!.dev;
    if (isSame) {
      this.#isMissing = false;
      return;
    }
    const replaced = this.#file;
    // Its last words.
    if (replaced !== null) await this.#printNew();
    try {
      // Opening a pipe would wait for its other end, though the name is a file's again.
      if (stats === null || stats.isDirectory() || stats.isFIFO()) throw null;
      await this.open();
    } catch {
      if (!this.#isMissing) complain(`${this.path} has become inaccessible`);
      this.#isMissing = true;
      return;
    }
    await replaced?.close();
    const what = replaced === null ? "appeared" : "been replaced";
    complain(`${this.path} has ${what}; following the new file`);
  }
}
