/**
 * Prints or checks the checksums of files, as `sha256sum` does, several files and
 * several reads of each at a time.
 *
 * ```sh
 * deno run --allow-ffi --allow-read examples/checksum.ts FILE...
 * ```
 *
 * Devices and files of `/proc` need `deno run -A`.
 *
 * The reads of this thread go straight into memory that it shares with the threads
 * that hash, one for each processor. A block is read into again once it is hashed,
 * so the memory has a bound: files at a time, times reads in flight, times 1 MiB.
 *
 * @module
 */

import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs, promisify } from "node:util";
import { Worker } from "node:worker_threads";
// @ts-types="@types/cli-progress"
import { SingleBar } from "cli-progress";
import { pMapIterable } from "p-map";
import prettyBytes from "pretty-bytes";
import { AioFile } from "../mod.ts";
import type { HashAnswer, HashRequest } from "./checksum_worker.ts";

const BLOCK_BYTES = 1 << 20;
const JOBS_DEFAULT = 8;
const JOBS_MAX = 64;
const DEPTH_DEFAULT = 4;
const DEPTH_MAX = 64;
/** How many checksums may wait for the one of a large file before them. */
const RESULTS_MAX = 10_000;

/** The names of `node:crypto`, and those of lines such as `SHA256 (file) = …`. */
const ALGORITHMS = {
  md5: { tag: "MD5", hexDigits: 32 },
  sha1: { tag: "SHA1", hexDigits: 40 },
  sha224: { tag: "SHA224", hexDigits: 56 },
  sha256: { tag: "SHA256", hexDigits: 64 },
  sha384: { tag: "SHA384", hexDigits: 96 },
  sha512: { tag: "SHA512", hexDigits: 128 },
};

/** An algorithm that {@linkcode checksums} knows. */
export type Algorithm = keyof typeof ALGORITHMS;

/** How {@linkcode checksums} works. */
export interface ChecksumOptions {
  /** @default {"sha256"} */
  algorithm?: Algorithm;
  /**
   * How many files are read at a time.
   *
   * @default {8}
   */
  jobs?: number;
  /**
   * How many reads of 1 MiB of each file are in flight.
   *
   * @default {4}
   */
  depth?: number;
  /** Called when more bytes are hashed. */
  onBytes?: (bytes: number) => void;
}

/** The checksum of a file, or why there is none. */
export type Checksum =
  & { name: string }
  & ({ digest: string; error?: undefined } | { error: Error });

/** Hashes the first bytes of a block; after the last ones, the answer is the digest. */
type Hasher = (
  block: SharedArrayBuffer,
  bytes: number,
  isLast: boolean,
) => Promise<HashAnswer>;

/** A thread that hashes. */
class HashThread {
  readonly #worker = new Worker(
    new URL("./checksum_worker.ts", import.meta.url),
    // To hand over its own, Deno would have to ask for permission.
    { env: {} },
  );
  /** Answers come in the order of the requests. */
  readonly #waiting: PromiseWithResolvers<HashAnswer>[] = [];
  #failure: unknown = null;
  #files = 0;
  /** How many files it has begun and not ended. */
  busy = 0;

  constructor() {
    this.#worker.on(
      "message",
      (answer: HashAnswer) => this.#waiting.shift()!.resolve(answer),
    );
    this.#worker.on("error", (error) => {
      this.#failure = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  /** Begins a file. */
  begin(algorithm: Algorithm): Hasher {
    const file = this.#files++;
    return (block, bytes, isLast) => {
      // It is gone, and would never answer.
      if (this.#failure !== null) return Promise.reject(this.#failure);
      const waiting = Promise.withResolvers<HashAnswer>();
      this.#waiting.push(waiting);
      const request = { file, algorithm, block, bytes, isLast };
      this.#worker.postMessage(request satisfies HashRequest);
      return waiting.promise;
    };
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** No more than there are processors, and none before it is needed. */
class HashThreads {
  readonly #threads: HashThread[] = [];

  /** The thread that has least to do. */
  take(): HashThread {
    const free = this.#threads.find(({ busy }) => busy === 0);
    if (free !== undefined) return free;
    if (this.#threads.length < availableParallelism()) {
      const thread = new HashThread();
      this.#threads.push(thread);
      return thread;
    }
    return this.#threads.reduce((least, thread) =>
      thread.busy < least.busy ? thread : least
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

/** Where the bytes come from. */
interface Source {
  /** How many bytes may be read ahead; what comes after them is read in turn. */
  readonly size: number;
  /** Reads a block; it is not full only at the end. */
  read(into: Uint8Array, offset: number): Promise<number>;
}

/** Reads until the block is full, from what gives no more than it has now. */
async function fill(
  into: Uint8Array,
  readSome: (into: Uint8Array, length: number) => Promise<number>,
): Promise<number> {
  let length = 0;
  while (length < into.byteLength) {
    const bytes = await readSome(into.subarray(length), length);
    if (bytes === 0) break;
    length += bytes;
  }
  return length;
}

async function sourceOf(file: AioFile): Promise<Source> {
  const size = await file.size();
  if (size > 0) {
    return {
      size,
      read: (into, offset) => file.readAt(into, offset),
    };
  }
  // A pipe, or a file of /proc, which claim to be empty.
  return {
    size,
    read: (into, offset) =>
      fill(into, (rest, length) => file.readAt(rest, offset + length)),
  };
}

const readDescriptor = promisify(fs.read) as unknown as (
  fd: number,
  into: Uint8Array,
  offset: number,
  length: number,
  position: null,
) => Promise<{ bytesRead: number }>;

/** It has a position of its own, which only a read without an offset respects. */
const standardInput: Source = {
  size: 0,
  read: (into) =>
    fill(into, async (rest) => {
      const own = new Uint8Array(rest.byteLength);
      const { bytesRead } = await readDescriptor(0, own, 0, own.length, null);
      rest.set(own.subarray(0, bytesRead));
      return bytesRead;
    }),
};

/** Reads ahead into as many blocks as there are, and has them hashed in order. */
async function digestOf(
  source: Source,
  blocks: SharedArrayBuffer[],
  hash: Hasher,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const depth = blocks.length;
  const hashed = blocks.map((): Promise<unknown> => Promise.resolve());
  /** Reads a block as soon as the one before it in the same memory is hashed. */
  const read = (block: number) => {
    const slot = block % depth;
    const bytes = hashed[slot].then(() =>
      source.read(new Uint8Array(blocks[slot]), block * BLOCK_BYTES)
    );
    // It may fail before its turn comes to be awaited.
    bytes.catch(() => {});
    return bytes;
  };
  const readAhead = (block: number) =>
    block === 0 || block * BLOCK_BYTES < source.size ? read(block) : null;

  const reads = blocks.map((_, block) => readAhead(block));
  try {
    for (let block = 0;; block++) {
      signal.throwIfAborted();
      const slot = block % depth;
      const bytes = await (reads[slot] ?? read(block));
      const isLast = bytes < BLOCK_BYTES;
      const answer = hash(blocks[slot], bytes, isLast);
      hashed[slot] = answer.then(() => onBytes(bytes));
      hashed[slot].catch(() => {});
      if (isLast) return (await answer)!;
      reads[slot] = readAhead(block + depth);
    }
  } finally {
    // Another file is going to use the same memory.
    await Promise.allSettled([...reads, ...hashed]);
  }
}

/** The one that reads standard input now; the next waits for its end. */
let standardInputTurn: Promise<unknown> = Promise.resolve();

function inTurn<T>(act: () => Promise<T>): Promise<T> {
  const turn = standardInputTurn.then(act);
  standardInputTurn = turn.catch(() => {});
  return turn;
}

/**
 * Computes the checksums of files.
 *
 * @param names The files; `-` is standard input.
 * @param options How; see {@linkcode ChecksumOptions}.
 * @returns The checksums, in the order of the names.
 *
 * @example
 * ```ts ignore
 * for await (const { name, digest } of checksums(["mod.ts", "README.md"])) {
 *   console.log(digest, name);
 * }
 * ```
 */
export async function* checksums(
  names: Iterable<string>,
  {
    algorithm = "sha256",
    jobs = JOBS_DEFAULT,
    depth = DEPTH_DEFAULT,
    onBytes = () => {},
  }: ChecksumOptions = {},
): AsyncGenerator<Checksum> {
  const threads = new HashThreads();
  const left = new AbortController();
  const running = new Set<Promise<Checksum>>();
  const freeBlocks: SharedArrayBuffer[][] = [];

  async function hash(source: Source): Promise<string> {
    const thread = threads.take();
    const blocks = freeBlocks.pop() ??
      Array.from({ length: depth }, () => new SharedArrayBuffer(BLOCK_BYTES));
    thread.busy++;
    try {
      return await digestOf(
        source,
        blocks,
        thread.begin(algorithm),
        onBytes,
        left.signal,
      );
    } finally {
      thread.busy--;
      freeBlocks.push(blocks);
    }
  }

  async function compute(name: string): Promise<Checksum> {
    try {
      left.signal.throwIfAborted();
      if (name === "-") {
        return { name, digest: await inTurn(() => hash(standardInput)) };
      }
      await using file = await AioFile.open(name);
      return { name, digest: await hash(await sourceOf(file)) };
    } catch (error) {
      return { name, error: error as Error };
    }
  }

  function start(name: string): Promise<Checksum> {
    const checksum = compute(name);
    running.add(checksum);
    return checksum.finally(() => running.delete(checksum));
  }

  try {
    yield* pMapIterable(names, start, {
      concurrency: jobs,
      backpressure: RESULTS_MAX,
    });
  } finally {
    left.abort();
    const stopped = Promise.allSettled(running).then(() => threads.stop());
    // Who leaves early need not wait: a read of a pipe may take for ever.
    if (running.size === 0) await stopped;
  }
}

const HELP = `Prints or checks the checksums of files, as sha256sum does.

usage: checksum.ts [options] [FILE...]

Without FILE, or when it is -, standard input is read.

  -a, --algorithm NAME  ${Object.keys(ALGORITHMS).join(", ")} (default sha256)
  -b, --binary          put * before the names
  -t, --text            put a blank before the names (default)
      --tag             print lines as BSD does: SHA256 (FILE) = DIGEST
  -z, --zero            end lines with NUL, and do not escape names
      --jobs N          files at a time, 1 to ${JOBS_MAX} (default ${JOBS_DEFAULT})
      --depth N         reads of 1 MiB in flight for each, 1 to ${DEPTH_MAX} (default ${DEPTH_DEFAULT})
      --progress        show a bar on the terminal
      --help            print this

  -c, --check           read checksums from the files, and check them

With --check only:

      --ignore-missing  do not fail or report for files that are missing
      --quiet           print no OK for each file that is right
      --status          print nothing, the exit status tells
      --strict          fail for lines that are no checksums
  -w, --warn            report each line that is no checksum

The last of --quiet, --status and --warn counts.

Exit status: 0 all is right, 1 a file could not be read or differs, or wrong usage.`;

class UsageError extends Error {}

function parseNumber(option: string, text: string, max: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= 1 && number <= max) return number;
  throw new UsageError(`--${option} must be 1 to ${max}, not "${text}"`);
}

function parseCommandLine(args: string[]) {
  const flag = { type: "boolean" } as const;
  const { values, positionals, tokens } = parseArgs({
    args,
    allowPositionals: true,
    tokens: true,
    options: {
      "algorithm": { type: "string", short: "a", default: "sha256" },
      "binary": { ...flag, short: "b" },
      "text": { ...flag, short: "t" },
      "tag": flag,
      "zero": { ...flag, short: "z" },
      "jobs": { type: "string", default: String(JOBS_DEFAULT) },
      "depth": { type: "string", default: String(DEPTH_DEFAULT) },
      "progress": flag,
      "check": { ...flag, short: "c" },
      "ignore-missing": flag,
      "quiet": flag,
      "status": flag,
      "strict": flag,
      "warn": { ...flag, short: "w" },
      "help": { ...flag, short: "h" },
    },
  });
  if (values.help) return null;
  const lastOf = (...names: string[]) =>
    tokens.findLast((token) =>
      token.kind === "option" && names.includes(token.name)
    ) as { name: string } | undefined;
  if (!Object.hasOwn(ALGORITHMS, values.algorithm)) {
    throw new UsageError(`there is no algorithm "${values.algorithm}"`);
  }
  const marker = lastOf("binary", "text")?.name;
  if (values.tag && marker === "text") {
    throw new UsageError("--tag does not support --text mode");
  }
  const onlyOne = values.check
    ? ["zero", "tag", "binary", "text"] as const
    : ["ignore-missing", "quiet", "status", "strict", "warn"] as const;
  const wrong = onlyOne.find((name) => values[name]);
  if (wrong !== undefined) {
    throw new UsageError(
      `the --${wrong} option is meaning${
        values.check ? "less" : "ful only"
      } when verifying checksums`,
    );
  }
  return {
    ...values,
    algorithm: values.algorithm as Algorithm,
    jobs: parseNumber("jobs", values.jobs, JOBS_MAX),
    depth: parseNumber("depth", values.depth, DEPTH_MAX),
    isBinary: marker === "binary",
    verbosity: lastOf("quiet", "status", "warn")?.name,
    names: positionals.length > 0 ? positionals : ["-"],
  };
}

type Command = NonNullable<ReturnType<typeof parseCommandLine>>;

const REASONS: Record<string, string> = {
  EACCES: "Permission denied",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  EMFILE: "Too many open files",
  ENAMETOOLONG: "File name too long",
  ENOENT: "No such file or directory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  EPIPE: "Broken pipe",
};

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "";
}

function reasonOf(error: unknown): string {
  return REASONS[codeOf(error)] ?? (error as Error).message;
}

/** A name for a message: one that could be taken for more than it is, in quotes. */
function quoted(name: string): string {
  return /^[\p{L}\p{N}@%+,./_-]+$/u.test(name) ? name : JSON.stringify(name);
}

/** 0 where nobody knows. */
function sizeOf(name: string): number {
  try {
    return name === "-" ? 0 : fs.statSync(name).size;
  } catch {
    return 0;
  }
}

/** Where lines and the progress go. */
class Output {
  readonly #bar: SingleBar | null;
  readonly #startedAt = performance.now();
  #bytes = 0;
  #total = 0;

  constructor(hasProgress: boolean) {
    this.#bar = hasProgress && process.stderr.isTTY
      ? new SingleBar({
        stream: process.stderr,
        barsize: Math.min(
          40,
          Math.max(10, (process.stderr.columns ?? 80) - 40),
        ),
        barCompleteChar: "\u2588",
        barIncompleteChar: "\u2591",
        format: "{bar} {percentage} %  {amount}, {rate}",
        clearOnComplete: true,
      })
      : null;
  }

  /** Tells how much there is to do. */
  expect(names: string[]): void {
    if (this.#bar === null) return;
    for (const name of names) this.#total += sizeOf(name);
    if (this.#bar.isActive) this.#bar.setTotal(this.#total);
    else this.#bar.start(this.#total, 0, { amount: "", rate: "" });
  }

  onBytes = (bytes: number): void => {
    if (this.#bar === null) return;
    this.#bytes += bytes;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#bar.update(this.#bytes, {
      amount: prettyBytes(this.#bytes),
      rate: `${prettyBytes(this.#bytes / seconds)}/s`,
    });
  };

  /** Prints on standard output. */
  print(text: string): void {
    this.#clear();
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += fs.writeSync(1, bytes, at);
    } catch (error) {
      throw new Error(`write error: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Prints a message on standard error. */
  complain(message: string): void {
    this.#clear();
    console.error(`checksum: ${message}`);
  }

  stop(): void {
    this.#bar?.stop();
  }

  /** The bar draws itself again below what is printed now. */
  #clear(): void {
    if (this.#bar !== null) process.stderr.write("\r\x1b[K");
  }
}

const ESCAPES: Record<string, string> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
};
const CHARACTERS = Object.fromEntries(
  Object.entries(ESCAPES).map(([character, escape]) => [escape, character]),
);

/** Line ends and backslashes become escapes, which a backslash before all announces. */
function escaped(name: string): { prefix: string; name: string } {
  const text = name.replace(/[\\\n\r]/g, (character) => ESCAPES[character]);
  return { prefix: text === name ? "" : "\\", name: text };
}

/** @returns `null` if there is an escape that does not exist. */
function unescaped(text: string): string | null {
  if (!/^([^\\]|\\[\\nr])*$/.test(text)) return null;
  return text.replace(/\\./g, (escape) => CHARACTERS[escape]);
}

async function printAll(command: Command, output: Output): Promise<boolean> {
  const { algorithm, names, tag, zero, isBinary } = command;
  const end = zero ? "\0" : "\n";
  let isFine = true;
  output.expect(names);
  const { onBytes } = output;
  for await (const result of checksums(names, { ...command, onBytes })) {
    if (result.error !== undefined) {
      isFine = false;
      output.complain(`${quoted(result.name)}: ${reasonOf(result.error)}`);
      continue;
    }
    const { prefix, name } = zero
      ? { prefix: "", name: result.name }
      : escaped(result.name);
    output.print(
      prefix +
        (tag
          ? `${ALGORITHMS[algorithm].tag} (${name}) = ${result.digest}${end}`
          : `${result.digest} ${isBinary ? "*" : " "}${name}${end}`),
    );
  }
  return isFine;
}

/** What a line of a list says that a file should be. */
interface Expected {
  name: string;
  digest: string;
}

/** Reads lines in each of the formats that `sha256sum` reads. */
class LineParser {
  readonly #tagged: RegExp;
  readonly #plain: RegExp;
  /**
   * BSD's `-r` has a single blank before the name. Nobody can tell that from a
   * name with a blank before it, so a run has only one of both.
   */
  #hasSingleBlanks: boolean | null = null;

  constructor(algorithm: Algorithm) {
    const { tag, hexDigits } = ALGORITHMS[algorithm];
    const digest = `([0-9a-fA-F]{${hexDigits}})`;
    this.#tagged = RegExp(`^${tag} ?\\((.*)\\)[ \t]*=[ \t]*${digest}$`, "s");
    this.#plain = RegExp(`^${digest}[ \t](.+)$`, "s");
  }

  /** @returns `null` if it is no checksum of this algorithm. */
  parse(line: string): Expected | null {
    const [, escape, text] = /^[ \t]*(\\?)(.*)$/s.exec(line)!;
    const found = this.#split(text);
    if (found === null || escape === "") return found;
    const name = unescaped(found.name);
    return name === null ? null : { ...found, name };
  }

  #split(text: string): Expected | null {
    const tagged = this.#tagged.exec(text);
    if (tagged !== null) return { name: tagged[1], digest: tagged[2] };
    const plain = this.#plain.exec(text);
    if (plain === null) return null;
    const [, digest, rest] = plain;
    if (rest.length === 1 || !/^[ *]/.test(rest)) {
      if (this.#hasSingleBlanks === false) return null;
      this.#hasSingleBlanks = true;
    } else if (this.#hasSingleBlanks !== true) {
      this.#hasSingleBlanks = false;
      return { name: rest.slice(1), digest };
    }
    return { name: rest, digest };
  }
}

async function readList(name: string): Promise<string> {
  if (name !== "-") return await fs.promises.readFile(name, "utf8");
  const decoder = new TextDecoder();
  const block = new Uint8Array(BLOCK_BYTES);
  return await inTurn(async () => {
    let text = "";
    for (;;) {
      const bytes = await standardInput.read(block, 0);
      text += decoder.decode(block.subarray(0, bytes), { stream: true });
      if (bytes < block.length) return text + decoder.decode();
    }
  });
}

/** What a line says, `null` if it is no checksum. */
interface Line {
  number: number;
  expected: Expected | null;
}

function parseList(
  text: string,
  parse: (line: string) => Expected | null,
): Line[] {
  return text.split("\n").flatMap((line, index) => {
    const content = line.replace(/\r$/, "");
    if (content === "" || line.startsWith("#")) return [];
    return [{ number: index + 1, expected: parse(content) }];
  });
}

/** What has become of the lines of a list. */
interface Tally {
  matched: number;
  different: number;
  unreadable: number;
  malformed: number;
}

async function verify(
  lines: Line[],
  listName: string,
  command: Command,
  output: Output,
): Promise<Tally> {
  const { algorithm, verbosity, "ignore-missing": ignoreMissing } = command;
  const { tag } = ALGORITHMS[algorithm];
  const report = (name: string, verdict: string) => {
    if (verbosity === "status") return;
    const { prefix, name: text } = escaped(name);
    output.print(`${prefix}${text}: ${verdict}\n`);
  };
  const tally = { matched: 0, different: 0, unreadable: 0, malformed: 0 };
  const names = lines.flatMap(({ expected }) => expected?.name ?? []);
  const { onBytes } = output;
  output.expect(names);
  await using results = checksums(names, { ...command, onBytes });
  for (const { number, expected } of lines) {
    if (expected === null) {
      tally.malformed++;
      if (verbosity !== "warn") continue;
      output.complain(
        `${listName}: ${number}: improperly formatted ${tag} checksum line`,
      );
      continue;
    }
    const { name, digest } = expected;
    const result: Checksum = (await results.next()).value;
    if (result.error !== undefined) {
      if (ignoreMissing && codeOf(result.error) === "ENOENT") continue;
      tally.unreadable++;
      output.complain(`${quoted(name)}: ${reasonOf(result.error)}`);
      report(name, "FAILED open or read");
    } else if (result.digest === digest.toLowerCase()) {
      tally.matched++;
      if (verbosity !== "quiet") report(name, "OK");
    } else {
      tally.different++;
      report(name, "FAILED");
    }
  }
  return tally;
}

function counted(count: number, one: string, many: string): string[] {
  return count === 0 ? [] : [`WARNING: ${count} ${count === 1 ? one : many}`];
}

function warningsOf({ malformed, unreadable, different }: Tally): string[] {
  return [
    ...counted(
      malformed,
      "line is improperly formatted",
      "lines are improperly formatted",
    ),
    ...counted(
      unreadable,
      "listed file could not be read",
      "listed files could not be read",
    ),
    ...counted(
      different,
      "computed checksum did NOT match",
      "computed checksums did NOT match",
    ),
  ];
}

/** Checks the files that a list names. */
async function checkList(
  list: string,
  parser: LineParser,
  command: Command,
  output: Output,
): Promise<boolean> {
  let text;
  try {
    text = await readList(list);
  } catch (error) {
    output.complain(`${quoted(list)}: ${reasonOf(error)}`);
    return false;
  }
  const listName = list === "-" ? "'standard input'" : quoted(list);
  const lines = parseList(text, (line) => {
    const expected = parser.parse(line);
    // A list cannot be the standard input that it is about.
    return list === "-" && expected?.name === "-" ? null : expected;
  });
  const tally = await verify(lines, listName, command, output);
  if (tally.malformed === lines.length) {
    output.complain(`${listName}: no properly formatted checksum lines found`);
    return false;
  }
  const isUnverified = command["ignore-missing"] === true &&
    tally.matched === 0;
  if (command.verbosity !== "status") {
    for (const warning of warningsOf(tally)) output.complain(warning);
    if (isUnverified) output.complain(`${listName}: no file was verified`);
  }
  return tally.different === 0 && tally.unreadable === 0 && !isUnverified &&
    !(command.strict && tally.malformed > 0);
}

async function checkAll(command: Command, output: Output): Promise<boolean> {
  const parser = new LineParser(command.algorithm);
  let isFine = true;
  for (const list of command.names) {
    if (!await checkList(list, parser, command, output)) isFine = false;
  }
  return isFine;
}

async function main(args: string[]): Promise<number> {
  let command;
  try {
    command = parseCommandLine(args);
  } catch (error) {
    // What parseArgs() says after its first sentence is advice to programmers.
    const [sentence] = (error as Error).message.split(/\.\s/);
    console.error(`checksum: ${sentence} (--help tells the usage)`);
    return 1;
  }
  if (command === null) {
    console.log(HELP);
    return 0;
  }
  const output = new Output(command.progress ?? false);
  try {
    const act = command.check ? checkAll : printAll;
    return await act(command, output) ? 0 : 1;
  } catch (error) {
    output.complain((error as Error).message);
    return 1;
  } finally {
    output.stop();
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
