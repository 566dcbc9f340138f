/**
 * Prints the last part of files, and what is appended to them, as tail(1) does.
 *
 * ```sh
 * deno run --allow-ffi --allow-read examples/tail.ts -F /var/log/syslog app.log
 * ```
 *
 * The last lines are found from the end of the file backwards, a block at a time, so
 * that the length of the file does not matter. What comes later is told by the
 * system's notifications, and by a look now and then where there are none.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type BigIntStats, fstatSync, watch, writeSync } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { AioFile, allocatePinned } from "../mod.ts";

const NEWLINE = 10;
const BLOCK_BYTES = 64 << 10;
const LINES_DEFAULT = 10;
const INTERVAL_S_DEFAULT = 1;
const STANDARD_INPUT = "-";

/** Which part of a file: from a place at its beginning, or the last so many. */
export interface Part {
  unit: "lines" | "bytes";
  /** Counts from the beginning, and the first is number 1. */
  isFromStart: boolean;
  count: number;
}

/**
 * Finds where the last lines of a file begin, reading as few blocks as it can.
 *
 * @param file The file.
 * @param end Where its last line ends, in bytes.
 * @param lines How many lines; the last one may lack its end.
 * @returns Where the first of them begins, in bytes.
 */
export async function startOfLastLines(
  file: AioFile,
  end: number,
  lines: number,
): Promise<number> {
  if (lines === 0) return end;
  const block = allocatePinned(BLOCK_BYTES);
  let left = lines;
  // The end of the last line is not the beginning of another.
  for (let blockEnd = end - 1; blockEnd > 0;) {
    const start = Math.max(0, blockEnd - BLOCK_BYTES);
    const wanted = block.subarray(0, blockEnd - start);
    const bytes = wanted.subarray(0, await file.readAt(wanted, start));
    let at = bytes.length;
    while ((at = bytes.subarray(0, at).lastIndexOf(NEWLINE)) >= 0) {
      if (--left === 0) return start + at + 1;
    }
    blockEnd = start;
  }
  return 0;
}

/** Takes the beginning off what comes in blocks. */
class Skipper {
  #left: number;
  readonly #unit: Part["unit"];

  constructor({ unit, count }: Part) {
    this.#unit = unit;
    this.#left = Math.max(0, count - 1);
  }

  /** What is left of the next block. */
  take(block: Uint8Array): Uint8Array {
    let start = 0;
    if (this.#unit === "bytes") {
      start = Math.min(this.#left, block.length);
      this.#left -= start;
    }
    while (this.#unit === "lines" && this.#left > 0) {
      const end = block.indexOf(NEWLINE, start);
      if (end < 0) return block.subarray(block.length);
      start = end + 1;
      this.#left--;
    }
    return block.subarray(start);
  }
}

/** Keeps the last part of what comes in blocks and cannot be read again. */
class Keeper {
  readonly #blocks: { bytes: Uint8Array; lines: number }[] = [];
  #bytes = 0;
  #lines = 0;
  readonly #part: Part;

  constructor(part: Part) {
    this.#part = part;
  }

  add(bytes: Uint8Array): void {
    const lines = linesIn(bytes);
    this.#blocks.push({ bytes, lines });
    this.#bytes += bytes.length;
    this.#lines += lines;
    while (this.#isEnoughWithout(this.#blocks[0])) {
      const first = this.#blocks.shift()!;
      this.#bytes -= first.bytes.length;
      this.#lines -= first.lines;
    }
  }

  /** The part, now that it is known what is last. */
  last(): Uint8Array {
    const all = Buffer.concat(this.#blocks.map(({ bytes }) => bytes));
    const { unit, count } = this.#part;
    if (count === 0) return all.subarray(all.length);
    if (unit === "bytes") return all.subarray(Math.max(0, all.length - count));
    let start = Math.max(0, all.length - 1);
    for (let left = count; left > 0 && start >= 0; left--) {
      // From -1 on it would search from the end.
      start = start > 0 ? all.lastIndexOf(NEWLINE, start - 1) : -1;
    }
    return all.subarray(start + 1);
  }

  #isEnoughWithout(first: { bytes: Uint8Array; lines: number }): boolean {
    const { unit, count } = this.#part;
    if (this.#blocks.length === 1) return false;
    return unit === "bytes"
      ? this.#bytes - first.bytes.length >= count
      // The line before the first one ends it; the last one may lack its end.
      : this.#lines - first.lines > count;
  }
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = -1; (at = bytes.indexOf(NEWLINE, at + 1)) >= 0;) lines++;
  return lines;
}

/** Standard output takes no more. */
class OutputError extends Error {
  readonly isReaderGone: boolean;

  constructor(cause: Error) {
    super(`cannot write to standard output: ${cause.message}`, { cause });
    this.isReaderGone = (cause as { code?: string }).code === "EPIPE";
  }
}

/** Writes blocks of several files, with a header where the file changes. */
class Output {
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
    this.#write(Buffer.from(`${gap}==> ${source.title} <==\n`));
  }

  write(source: Source, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.begin(source);
    this.#write(bytes);
  }

  /** Waits until it is written: nobody should read late what has happened. */
  #write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) {
        at += writeSync(process.stdout.fd, bytes, at);
      }
    } catch (error) {
      throw new OutputError(error as Error);
    }
  }
}

function complain(message: string): void {
  console.error(`tail: ${message}`);
}

/** Something that is waited for, for a while. */
class Waker {
  #wake: (() => void) | null = null;
  #isWoken = false;

  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Resolves when woken, also if that was before, and at the latest then. */
  async wait(timeout_ms: number): Promise<void> {
    if (!this.#isWoken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeout_ms);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
      this.#wake = null;
    }
    this.#isWoken = false;
  }
}

/** A file that is named on the command line. */
class Source {
  readonly path: string;
  readonly #output: Output;
  readonly #block: Uint8Array = allocatePinned(BLOCK_BYTES);
  readonly #waker = new Waker();
  #file: AioFile | null = null;
  #stats: BigIntStats | null = null;
  /** Whether that was told. */
  #isMissing = true;
  /** Where the next bytes are read. */
  #offset = 0;

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

  wake(): void {
    this.#waker.wake();
  }

  async open(): Promise<void> {
    this.#file = this.path === STANDARD_INPUT
      ? AioFile.adopt(process.stdin.fd, { closeFd: false })
      : await AioFile.open(this.path);
    this.#stats = fstatSync(this.#file.fd, { bigint: true });
    this.#offset = 0;
    this.#isMissing = false;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  /** Prints a part, up to the end that the file has now. */
  async print(part: Part): Promise<void> {
    this.#output.begin(this);
    // Files of /proc claim to be empty, and pipes have no size.
    const size = this.#stats!.isFile() ? Number(this.#stats!.size) : 0;
    if (size === 0) await this.#printSequentially(part);
    else await this.#printFrom(await this.#startOf(part, size), part, size);
  }

  /** Prints what is appended, until that fails. */
  async follow(isByName: boolean, interval_ms: number): Promise<never> {
    for (;;) {
      if (isByName) await this.#reopenIfReplaced();
      if (this.#file !== null) await this.#printNew();
      await this.#waker.wait(interval_ms);
    }
  }

  /** Where a part begins, as far as that is known without reading all before. */
  async #startOf(part: Part, size: number): Promise<number> {
    const { unit, isFromStart, count } = part;
    if (isFromStart) return unit === "bytes" ? Math.max(0, count - 1) : 0;
    if (unit === "bytes") return Math.max(0, size - count);
    return await startOfLastLines(this.#file!, size, count);
  }

  async #printFrom(start: number, part: Part, size: number): Promise<void> {
    this.#offset = Math.max(start, size);
    const length = this.#offset - start;
    const isSkipping = part.isFromStart && part.unit === "lines";
    const skipper = isSkipping ? new Skipper(part) : null;
    const blocks = this.#file!.readable({ offset: start, length });
    for await (const block of blocks) {
      this.#output.write(this, skipper?.take(block) ?? block);
    }
  }

  async #printSequentially(part: Part): Promise<void> {
    const skipper = new Skipper(part);
    const keeper = new Keeper(part);
    for (;;) {
      const bytes = await this.#file!.readAt(this.#block, this.#offset);
      if (bytes === 0) break;
      this.#offset += bytes;
      const block = this.#block.subarray(0, bytes);
      if (part.isFromStart) this.#output.write(this, skipper.take(block));
      else keeper.add(block.slice());
    }
    if (!part.isFromStart) this.#output.write(this, keeper.last());
  }

  async #printNew(): Promise<void> {
    const file = this.#file!;
    if (this.#stats!.isFile() && await file.size() < this.#offset) {
      complain(`${this.path}: file truncated`);
      this.#offset = 0;
    }
    for (;;) {
      const bytes = await file.readAt(this.#block, this.#offset);
      if (bytes === 0) return;
      this.#offset += bytes;
      this.#output.write(this, this.#block.subarray(0, bytes));
    }
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
      if (stats === null || stats.isDirectory()) throw null;
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

const HELP = `Prints the last part of files, and what is appended to them.

usage: tail.ts [options] [FILE...]

With several files, or with --verbose, a line with its name goes before each.
Without a file, or for "-", standard input is read.

  -n, --lines N       the last N lines (default ${LINES_DEFAULT});
                      +N: from the line N of the file on
  -c, --bytes N       the last N bytes; +N: from the byte N of the file on
  -f, --follow        go on with what is appended, also if the file is renamed
  -F, --follow-name   go on with the file that has the name: wait for it if there is
                      none, and take the new one if it is replaced
  -s, --interval N    seconds between two looks at a file of which the system does
                      not tell (default ${INTERVAL_S_DEFAULT})
  -q, --quiet         print no names
  -v, --verbose       always print names
  -h, --help          print this

N can have a unit: 64K, 4M, 1G. A file that becomes shorter is printed from its
beginning.

Exit status: 0 printed, 1 a file could not be read, 2 wrong usage, 141 if nobody
reads the output.`;

const SIGPIPE = 13;

const UNITS: Record<string, number> = {
  "": 1,
  K: 1 << 10,
  M: 1 << 20,
  G: 1 << 30,
};

class UsageError extends Error {}

function parseCommandLine(args: string[]) {
  const { values, positionals } = parse(args);
  if (values.help) return null;
  const { lines, bytes, interval } = values;
  if (lines !== undefined && bytes !== undefined) {
    throw new UsageError("--lines and --bytes exclude each other");
  }
  if (!/^\d+(\.\d+)?$/.test(interval)) {
    throw new UsageError(`--interval cannot be "${interval}"`);
  }
  const paths = positionals.length > 0 ? positionals : [STANDARD_INPUT];
  if (values["follow-name"] && paths.includes(STANDARD_INPUT)) {
    throw new UsageError("standard input has no name to follow");
  }
  return {
    paths,
    part: bytes === undefined
      ? parsePart("lines", lines ?? String(LINES_DEFAULT))
      : parsePart("bytes", bytes),
    isFollowing: (values.follow || values["follow-name"]) ?? false,
    isByName: values["follow-name"] ?? false,
    interval_ms: Number(interval) * 1000,
    hasHeaders: values.verbose || !values.quiet && paths.length > 1,
  };
}

function parse(args: string[]) {
  const flag = { type: "boolean" } as const;
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        "lines": { ...text, short: "n" },
        "bytes": { ...text, short: "c" },
        "follow": { ...flag, short: "f" },
        "follow-name": { ...flag, short: "F" },
        "interval": {
          ...text,
          short: "s",
          default: String(INTERVAL_S_DEFAULT),
        },
        "quiet": { ...flag, short: "q" },
        "verbose": { ...flag, short: "v" },
        "help": { ...flag, short: "h" },
      },
    });
  } catch (error) {
    // What parseArgs() says after its first sentence is advice to programmers.
    const [sentence] = (error as Error).message.split(/\.\s/);
    throw new UsageError(sentence);
  }
}

function parsePart(unit: Part["unit"], text: string): Part {
  const match = /^(\+?)(\d+)([KMG]?)$/i.exec(text);
  if (match === null) throw new UsageError(`--${unit} cannot be "${text}"`);
  const count = Number(match[2]) * UNITS[match[3].toUpperCase()];
  return { unit, isFromStart: match[1] === "+", count };
}

/** Tells of changes in the directories of files, where the system can. */
async function watchDirectories(sources: Source[]): Promise<void> {
  const watched = new Map<string, Source[]>();
  for (const source of sources) {
    const { path } = source;
    const real = await fs.realpath(path).catch(() => path);
    for (const directory of new Set([dirname(path), dirname(real)])) {
      watched.set(directory, [...watched.get(directory) ?? [], source]);
    }
  }
  for (const [directory, sources] of watched) {
    try {
      const wake = () => sources.forEach((source) => source.wake());
      // Without notifications there is still the look now and then.
      watch(directory, wake).on("error", () => {});
    } catch {
      continue;
    }
  }
}

/** Reports what is wrong with one file; the others are none the worse for it. */
async function isDone(action: Promise<void>): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (error) {
    if (error instanceof OutputError || !(error instanceof Error)) throw error;
    complain(error.message);
    return false;
  }
}

async function tail(
  settings: NonNullable<ReturnType<typeof parseCommandLine>>,
): Promise<number> {
  const { paths, part, isFollowing, isByName, interval_ms } = settings;
  const isNothing = part.count === 0 && !part.isFromStart;
  if (isNothing && !isFollowing) return 0;
  const output = new Output(settings.hasHeaders);
  const sources = paths.map((path) => new Source(path, output));
  if (isFollowing) await watchDirectories(sources);
  let status = 0;
  for (const source of sources) {
    if (await isDone(source.open()) && await isDone(source.print(part))) {
      if (!isFollowing || !source.mayGrow) await source.close();
      continue;
    }
    await source.close();
    status = 1;
  }
  if (!isFollowing) return status;
  const followed = sources.filter((source) => isByName || source.isOpen);
  if (followed.length === 0 && status === 0) return 0;
  await Promise.all(
    followed.map((source) => isDone(source.follow(isByName, interval_ms))),
  );
  complain("no files remaining");
  return 1;
}

async function main(args: string[]): Promise<number> {
  try {
    const settings = parseCommandLine(args);
    if (settings !== null) return await tail(settings);
    console.log(HELP);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${error.message} (--help tells the usage)`);
      return 2;
    }
    // What a filter does when nobody reads on is to end without a word.
    if (error instanceof OutputError && error.isReaderGone) {
      return 128 + SIGPIPE;
    }
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
