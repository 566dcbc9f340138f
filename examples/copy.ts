/**
 * Copies a file with several requests in flight.
 *
 * ```sh
 * deno run --allow-ffi --allow-read --allow-write examples/copy.ts SOURCE TARGET
 * ```
 *
 * Devices and files of `/proc` need `deno run -A`.
 *
 * Workers pull the next block, read it and write it at the same place; how many
 * there are is how many requests are in flight. A file is copied under a temporary
 * name, synchronized, and renamed at the end: after a loss of power, too, the target
 * is the old file or the whole copy.
 *
 * @module
 */

import { createHash, randomUUID } from "node:crypto";
import type { BigIntStats } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
// @ts-types="@types/cli-progress"
import { Format, SingleBar } from "cli-progress";
import prettyBytes from "pretty-bytes";
import { AioFile, allocatePinned } from "../mod.ts";

/** What `O_DIRECT` wants offsets, lengths and addresses to be multiples of. */
const DIRECT_ALIGNMENT = 4096;
const DEPTH_DEFAULT = 8;
const DEPTH_MAX = 256;
const BLOCK_SIZE_DEFAULT = 1 << 20;
/** Depth times block size: the memory that the blocks in flight may take. */
const BUFFER_BYTES_MAX = 1 << 30;

/** How {@linkcode copyFile} copies. */
export interface CopyOptions {
  /** Opens both files with `O_DIRECT`, past the page cache. */
  direct?: boolean;
  /**
   * Has the name of the copy on disk as well before it is reported: from then on it is
   * the copy that is there after a loss of power, not what was there before.
   */
  sync?: boolean;
  /** Reads both files again and compares their SHA-256 digests. */
  verify?: boolean;
  /** How many requests are in flight at most (default 8). */
  depth?: number;
  /** Bytes a request (default 1 MiB). */
  blockSize?: number;
  /** Gives up when aborted, and removes what was written. */
  signal?: AbortSignal;
  /** Called after each block, and when a phase starts. */
  onProgress?: (progress: CopyProgress) => void;
}

/** How far {@linkcode copyFile} has come. */
export interface CopyProgress {
  phase: "copy" | "sync" | "verify";
  /** Bytes done in this phase. */
  done: number;
  /** Bytes to do in this phase; `null` where nobody knows. */
  total: number | null;
}

/** What {@linkcode copyFile} did. */
export interface CopyResult {
  source: string;
  target: string;
  bytes: number;
  /** From the first read to the last write. */
  copySeconds: number;
  /** What the synchronizations took; `null` where there is nothing to synchronize. */
  syncSeconds: number | null;
  depth: number;
  blockSize: number;
  /** The most reads and writes that were outstanding at a time. */
  peakInFlight: number;
  /** The same, averaged over the time of the copy. */
  averageInFlight: number;
  /** Of the source, which is that of the target; `null` if not asked for. */
  sha256: { source: string; target: string } | null;
}

/** A copy that could not be made, in a sentence for the person who asked for it. */
export class CopyError extends Error {
  override name = "CopyError";
  /** The system's name of what went wrong, such as `"ENOSPC"`. */
  readonly code?: string;

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.code = (cause as { code?: string } | undefined)?.code;
  }
}

const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota exceeded",
  EFBIG: "the file would be too large for this file system",
  EIO: "input/output error",
  EISDIR: "is a directory",
  ELOOP: "too many levels of symbolic links",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "a part of the path is not a directory",
  ENXIO: "no such device",
  EPERM: "operation not permitted",
  EPIPE: "nobody reads from it",
  EROFS: "the file system is read-only",
};

function explain(what: string, error: unknown): unknown {
  if (error instanceof CopyError || !(error instanceof Error)) return error;
  if (error.name === "NotCapable") {
    return new CopyError(`${what}: ${error.message}`, error);
  }
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string") return error;
  return new CopyError(`${what}: ${REASONS[code] ?? error.message}`, error);
}

/** Rejects as soon as `signal` aborts, though `promise` may be pending for ever. */
async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function statOrNull(path: string): Promise<BigIntStats | null> {
  try {
    return await fs.stat(path, { bigint: true });
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw explain(`cannot use ${path}`, error);
  }
}

/** Where the copy goes, and what is there now. */
async function resolveTarget(
  source: string,
  sourceStats: BigIntStats,
  target: string,
): Promise<{ path: string; stats: BigIntStats | null }> {
  let path = target;
  let stats = await statOrNull(path);
  if (stats?.isDirectory()) {
    path = join(target, basename(source));
    stats = await statOrNull(path);
  } else if (stats === null && target.endsWith("/")) {
    throw new CopyError(`cannot write to ${target}: no such directory`);
  }
  if (stats === null) {
    const dangling = await fs.lstat(path).catch(() => null);
    if (dangling !== null) {
      throw new CopyError(
        `cannot write to ${path}: it is a symbolic link to nothing`,
      );
    }
    return { path, stats };
  }
  if (stats.isDirectory()) {
    throw new CopyError(`cannot write to ${path}: is a directory`);
  }
  if (stats.dev === sourceStats.dev && stats.ino === sourceStats.ino) {
    throw new CopyError(`${source} and ${path} are the same file`);
  }
  if (!stats.isFile()) return { path, stats };
  try {
    // A rename needs no right to the file itself, but a read-only file says hands off.
    await (await AioFile.open(path, { write: true })).close();
    return { path: await fs.realpath(path), stats };
  } catch (error) {
    throw explain(`cannot write to ${path}`, error);
  }
}

interface Transfer {
  from: AioFile;
  to: AioFile;
  source: string;
  target: string;
  /** `null`: read one block after another until the end shows. */
  size: number | null;
  depth: number;
  blockSize: number;
  direct: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

type Transferred = Pick<
  CopyResult,
  "bytes" | "copySeconds" | "peakInFlight" | "averageInFlight"
>;

function roundUp(length: number): number {
  return Math.ceil(length / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT;
}

async function transfer(job: Transfer): Promise<Transferred> {
  const { from, to, size, blockSize, direct, signal } = job;
  const startedAt = performance.now();
  let nextOffset = 0;
  let done = 0;
  let ended = false;
  let inFlight = 0;
  let peakInFlight = 0;
  let busyMs = 0;

  async function request(
    what: string,
    submit: () => Promise<number>,
  ): Promise<number> {
    const submittedAt = performance.now();
    peakInFlight = Math.max(peakInFlight, ++inFlight);
    try {
      return await submit();
    } catch (error) {
      throw explain(what, error);
    } finally {
      inFlight--;
      busyMs += performance.now() - submittedAt;
    }
  }

  function read(into: Uint8Array, offset: number): Promise<number> {
    return request(
      `cannot read ${job.source}`,
      () => from.readAt(into, offset, { signal }),
    );
  }

  async function readKnown(buffer: Uint8Array) {
    const offset = nextOffset;
    const length = Math.min(blockSize, size! - offset);
    nextOffset += length;
    ended = nextOffset >= size!;
    const bytes = await read(
      buffer.subarray(0, direct ? roundUp(length) : length),
      offset,
    );
    if (bytes < length) {
      throw new CopyError(`${job.source} became shorter during the copy`);
    }
    return { offset, length };
  }

  let turn: Promise<unknown> = Promise.resolve();
  function readUnknown(buffer: Uint8Array) {
    const block = turn.then(async () => {
      const offset = nextOffset;
      let length = 0;
      // A pipe gives what it has; direct writes need whole blocks.
      while (!ended && length < buffer.byteLength) {
        const bytes = await read(buffer.subarray(length), offset + length);
        ended ||= bytes === 0;
        length += bytes;
      }
      nextOffset += length;
      return { offset, length };
    });
    turn = block.catch(() => ended = true);
    return block;
  }

  async function work(): Promise<void> {
    const buffer = allocatePinned(direct ? roundUp(bufferSize) : bufferSize);
    while (!ended) {
      const { offset, length } =
        await (size === null ? readUnknown : readKnown)(buffer);
      if (length === 0) return;
      const padded = buffer.subarray(0, direct ? roundUp(length) : length);
      await request(
        `cannot write to ${job.target}`,
        () => to.writeAt(padded, offset, { signal }),
      );
      done += length;
      job.onProgress?.({ phase: "copy", done, total: size });
    }
  }

  const bufferSize = Math.min(blockSize, size ?? blockSize);
  const workers = size === null
    ? job.depth
    : Math.min(job.depth, Math.ceil(size / blockSize));
  job.onProgress?.({ phase: "copy", done, total: size });
  try {
    await unlessAborted(
      Promise.all(Array.from({ length: workers }, work)),
      signal,
    );
  } finally {
    ended = true;
  }
  if (direct) await to.truncate(done);
  const elapsedMs = performance.now() - startedAt;
  return {
    bytes: done,
    copySeconds: elapsedMs / 1000,
    peakInFlight,
    averageInFlight: busyMs / elapsedMs,
  };
}

/** Reads ahead by as many blocks as may be in flight, and hashes them in order. */
async function digest(
  file: AioFile,
  length: number,
  job: Transfer,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const { blockSize, signal } = job;
  const hash = createHash("sha256");
  const blocks = Math.ceil(length / blockSize);
  const depth = Math.min(job.depth, blocks);
  const buffers = Array.from(
    { length: depth },
    () => allocatePinned(blockSize),
  );
  const readBlock = (block: number) => {
    const bytes = file.readAt(buffers[block % depth], block * blockSize, {
      signal,
    });
    // It may fail before its turn comes to be awaited.
    bytes.catch(() => {});
    return bytes;
  };
  const reads = buffers.map((_, block) => readBlock(block));
  for (let block = 0; block < blocks; block++) {
    const bytes = Math.min(
      await reads[block % depth],
      length - block * blockSize,
    );
    hash.update(buffers[block % depth].subarray(0, bytes));
    onBytes(bytes);
    if (block + depth < blocks) reads[block % depth] = readBlock(block + depth);
  }
  return hash.digest("hex");
}

async function verify(
  job: Transfer,
  bytes: number,
): Promise<{ source: string; target: string }> {
  let done = 0;
  const onBytes = (bytesMore: number) => {
    done += bytesMore;
    job.onProgress?.({ phase: "verify", done, total: 2 * bytes });
  };
  onBytes(0);
  try {
    const targetBytes = await job.to.size();
    const [source, target] = await unlessAborted(
      Promise.all([
        digest(job.from, bytes, job, onBytes),
        digest(job.to, targetBytes, job, onBytes),
      ]),
      job.signal,
    );
    if (source === target) return { source, target };
    throw new CopyError(
      `the copy differs: SHA-256 of ${job.source} is ${source}, of the copy ${target}`,
    );
  } catch (error) {
    throw explain("cannot read both files again", error);
  }
}

/** aio_fsync() wants a descriptor open for writing, which a directory's never is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function openFile(
  path: string,
  what: string,
  options: Parameters<typeof AioFile.open>[1] & { direct: boolean },
  signal: AbortSignal | undefined,
): Promise<AioFile> {
  try {
    // Opening a pipe waits for its other end.
    return await unlessAborted(AioFile.open(path, options), signal);
  } catch (error) {
    if (options.direct && (error as { code?: string }).code === "EINVAL") {
      throw new CopyError(
        `${what}: its file system does not support direct I/O`,
        error,
      );
    }
    throw explain(what, error);
  }
}

/**
 * Copies a file with several requests in flight.
 *
 * The target takes the permission bits of the source. A target that exists is replaced
 * as a whole by a rename, once the copy is on disk; until then, and after a failure, it is
 * as it was. A device or a pipe is written in place. Of a source that grows meanwhile, the
 * copy has what was there at the start; one whose size the system does not know (a pipe, a
 * file of `/proc`) is read until its end.
 *
 * @param source The file to copy.
 * @param target The file to write, or a directory to write it into.
 * @param options How to copy; see {@linkcode CopyOptions}.
 * @returns What was done.
 * @throws {CopyError} If the copy could not be made.
 * @throws {RangeError} If the depth or the block size is out of bounds.
 */
export async function copyFile(
  source: string,
  target: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const { direct = false, sync = false, signal, onProgress } = options;
  const { depth = DEPTH_DEFAULT, blockSize = BLOCK_SIZE_DEFAULT } = options;
  checkBounds(depth, blockSize, direct);

  const sourceStats = await statOrNull(source);
  if (sourceStats === null) {
    throw new CopyError(`cannot read ${source}: ${REASONS.ENOENT}`);
  }
  if (sourceStats.isDirectory()) {
    throw new CopyError(`cannot copy ${source}: is a directory`);
  }
  const { path, stats: targetStats } = await resolveTarget(
    source,
    sourceStats,
    target,
  );
  const inPlace = targetStats !== null && !targetStats.isFile();
  if (inPlace && (direct || sync || options.verify)) {
    throw new CopyError(
      `${path} is not a regular file: direct, sync and verify do not apply to it`,
    );
  }
  if (options.verify && !sourceStats.isFile()) {
    throw new CopyError(
      `${source} is not a regular file: it cannot be read again to verify`,
    );
  }

  const reading = { read: true, direct };
  const from = await openFile(source, `cannot read ${source}`, reading, signal);
  const written = inPlace
    ? path
    : join(dirname(path), `.copy-${randomUUID()}.tmp`);
  let to: AioFile | undefined;
  let temporary = !inPlace;
  try {
    const cannot = `cannot write to ${path}`;
    if (inPlace) {
      to = await openFile(path, cannot, { write: true, direct }, signal);
    } else {
      // Without the signal: what is aborted halfway would appear after the cleaning up.
      const how = { read: true, write: true, createNew: true, mode: 0o600 };
      to = await openFile(written, cannot, { ...how, direct }, undefined);
    }

    const size = sourceStats.isFile() ? await from.size() : 0;
    const job: Transfer = {
      from,
      to,
      source,
      target: path,
      // Files of /proc and /sys claim to be empty.
      size: size === 0 ? null : size,
      // What has no offsets takes its blocks in order.
      depth: inPlace ? 1 : depth,
      blockSize,
      direct,
      signal,
      onProgress,
    };
    const transferred = await transfer(job);

    let syncSeconds: number | null = null;
    let sha256: CopyResult["sha256"] = null;
    if (!inPlace) {
      await fs.chmod(written, Number(sourceStats.mode) & 0o777);
      onProgress?.({ phase: "sync", done: 0, total: null });
      const syncStartedAt = performance.now();
      // The rename may be on disk long before what was only written is. Not syncData():
      // a target is whole with its mode.
      await unlessAborted(to.sync(), signal);
      syncSeconds = (performance.now() - syncStartedAt) / 1000;
      if (options.verify) sha256 = await verify(job, transferred.bytes);
    }
    await to.close();
    await from.close();
    if (!inPlace) {
      signal?.throwIfAborted();
      await fs.rename(written, path);
      temporary = false;
      if (sync) {
        const syncStartedAt = performance.now();
        await syncDirectory(dirname(path));
        syncSeconds! += (performance.now() - syncStartedAt) / 1000;
      }
    }
    return {
      source,
      target: path,
      ...transferred,
      syncSeconds,
      depth: job.depth,
      blockSize,
      sha256,
    };
  } catch (error) {
    if (temporary) await fs.rm(written, { force: true }).catch(() => {});
    // Not awaited: closing waits for what is in flight, and a read of a pipe may take for ever.
    from.close().catch(() => {});
    to?.close().catch(() => {});
    throw explain(`cannot write to ${path}`, error);
  }
}

function checkBounds(depth: number, blockSize: number, direct: boolean): void {
  if (!Number.isInteger(depth) || depth < 1 || depth > DEPTH_MAX) {
    throw new RangeError(`the depth must be 1 to ${DEPTH_MAX}, not ${depth}`);
  }
  if (!Number.isInteger(blockSize) || blockSize < 1) {
    throw new RangeError(
      `the block size must be a whole number of bytes, not ${blockSize}`,
    );
  }
  if (direct && blockSize % DIRECT_ALIGNMENT !== 0) {
    throw new RangeError(
      `for direct I/O the block size must be a multiple of ${DIRECT_ALIGNMENT}, not ${blockSize}`,
    );
  }
  if (depth * blockSize > BUFFER_BYTES_MAX) {
    throw new RangeError(
      `depth times block size must be at most 1 GiB, not ${depth} x ${blockSize} bytes`,
    );
  }
}

const HELP = `Copies a file with several requests in flight.

usage: copy.ts [options] SOURCE TARGET

TARGET is a file, or a directory to copy into. A file that exists is replaced as
a whole once the copy is on disk; after a failure or Ctrl-C it is as it was, and
after a loss of power it is that or the whole copy.

  --depth N          requests in flight, 1 to ${DEPTH_MAX} (default ${DEPTH_DEFAULT})
  --block-size SIZE  bytes a request: 65536, 64K, 4M (default 1M)
  --direct           past the page cache, with O_DIRECT on both sides
                     (the block size must be a multiple of ${DIRECT_ALIGNMENT})
  --sync             report success only when the name of the copy is on disk, too:
                     then TARGET is the copy, whatever happens
  --verify           read both files again and compare their SHA-256 digests
                     (with --direct from the disk, otherwise the page cache may answer)
  --json             print the result as one line of JSON
  --quiet            print no progress and no result, errors only
  --help             print this

Exit status: 0 copied, 1 not copied, 2 wrong usage; 129, 130, 143 on SIGHUP,
SIGINT, SIGTERM.`;

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const UNITS: Record<string, number> = {
  "": 1,
  K: 1 << 10,
  M: 1 << 20,
  G: 1 << 30,
};

class UsageError extends Error {}

class Interrupted extends Error {
  constructor(readonly signal: keyof typeof SIGNAL_NUMBERS) {
    super(`stopped by ${signal}`);
  }
}

function parseNumber(option: string, text: string, units: RegExp): number {
  const match = units.exec(text);
  if (match === null) throw new UsageError(`--${option} cannot be "${text}"`);
  return Number(match[1]) * UNITS[(match[2] ?? "").toUpperCase()];
}

function parseCommandLine(args: string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        "depth": { type: "string", default: String(DEPTH_DEFAULT) },
        "block-size": { type: "string", default: String(BLOCK_SIZE_DEFAULT) },
        "direct": flag,
        "sync": flag,
        "verify": flag,
        "json": flag,
        "quiet": flag,
        "help": { ...flag, short: "h" },
      },
    });
    if (values.help) return null;
    const depth = parseNumber("depth", values.depth, /^(\d+)$/);
    const blockSize = parseNumber(
      "block-size",
      values["block-size"],
      /^(\d+)([KMG]?)$/i,
    );
    checkBounds(depth, blockSize, values.direct);
    if (positionals.length !== 2) {
      throw new UsageError(
        `a source and a target are needed, not ${positionals.length} names`,
      );
    }
    return {
      ...values,
      depth,
      blockSize,
      source: positionals[0],
      target: positionals[1],
    };
  } catch (error) {
    // What parseArgs() says after its first sentence is advice to programmers.
    const [sentence] = (error as Error).message.split(/\.\s/);
    throw new UsageError(sentence);
  }
}

/** Shows how far a copy is; `stop` leaves the terminal as it was. */
export interface Reporter {
  update(progress: CopyProgress): void;
  stop(): void;
}

function rateOf(bytes: number, seconds: number): string {
  return `${prettyBytes(seconds > 0 ? bytes / seconds : 0)}/s`;
}

function barReporter(): Reporter {
  const titles = { copy: "Copying", sync: "Syncing", verify: "Verifying" };
  let bar: SingleBar | null = null;
  let current: CopyProgress["phase"] | null = null;

  function start(
    phase: CopyProgress["phase"],
    total: number | null,
  ): SingleBar {
    const title = titles[phase].padEnd(10);
    const bar = new SingleBar({
      stream: process.stderr,
      barsize: Math.min(40, Math.max(10, (process.stderr.columns ?? 80) - 60)),
      barCompleteChar: "\u2588",
      barIncompleteChar: "\u2591",
      hideCursor: true,
      etaBuffer: 1000,
      format(options, { value, progress, eta, startTime }) {
        if (phase === "sync") return title;
        const amount = `${prettyBytes(value)}  ${
          rateOf(value, (Date.now() - startTime) / 1000)
        }`;
        if (total === null) return `${title}${amount}`;
        const percent = `${Math.floor(progress * 100)}`.padStart(3);
        const left = Format.TimeFormat(eta, options, 1);
        return `${title}${
          Format.BarFormat(progress, options)
        } ${percent} %  ${amount}  ${left} left`;
      },
    });
    bar.start(total ?? 0, 0);
    return bar;
  }

  return {
    update({ phase, done, total }) {
      if (phase !== current) {
        bar?.stop();
        bar = start(current = phase, total);
      }
      bar!.update(done);
    },
    stop: () => bar?.stop(),
  };
}

/** A line at each tenth of the way, or at each gigabyte where the way is not known. */
function lineReporter(): Reporter {
  const verbs = { copy: "copied", sync: "syncing", verify: "verified" };
  let current: CopyProgress["phase"] | null = null;
  let startedAt = 0;
  let nextBytes = 0;
  return {
    update({ phase, done, total }) {
      const stepBytes = total ? total / 10 : 1e9;
      if (phase !== current) {
        current = phase;
        startedAt = Date.now();
        nextBytes = stepBytes;
      }
      if (done < nextBytes) return;
      nextBytes = (Math.floor(done / stepBytes) + 1) * stepBytes;
      const rate = rateOf(done, (Date.now() - startedAt) / 1000);
      const amount = total
        ? `${Math.floor(done / total * 100)} % of ${prettyBytes(total)}`
        : prettyBytes(done);
      console.error(`${verbs[phase]} ${amount}, ${rate}`);
    },
    stop() {},
  };
}

/**
 * Shows progress on standard error: a bar on a terminal, plain lines elsewhere.
 *
 * @returns What {@linkcode CopyOptions.onProgress} may be passed on to.
 */
export function createReporter(): Reporter {
  return process.stderr.isTTY ? barReporter() : lineReporter();
}

function describe(result: CopyResult): string {
  const { bytes, copySeconds, syncSeconds, sha256 } = result;
  const seconds = copySeconds.toFixed(2);
  let text =
    `copied ${result.source} to ${result.target}: ${prettyBytes(bytes)}` +
    ` in ${seconds} s (${rateOf(bytes, copySeconds)})`;
  if (syncSeconds !== null) {
    text += `, synced in ${syncSeconds.toFixed(2)} s more`;
  }
  if (sha256 !== null) {
    text += `\nSHA-256 ${sha256.source}  ${result.source}` +
      `\nSHA-256 ${sha256.target}  ${result.target}`;
  }
  return text;
}

async function main(args: string[]): Promise<number> {
  const controller = new AbortController();
  const onSignal = (name: string) =>
    controller.abort(new Interrupted(name as keyof typeof SIGNAL_NUMBERS));
  for (const name of Object.keys(SIGNAL_NUMBERS)) process.on(name, onSignal);
  let reporter: Reporter | undefined;
  try {
    const command = parseCommandLine(args);
    if (command === null) {
      console.log(HELP);
      return 0;
    }
    if (!command.quiet) reporter = createReporter();
    const result = await copyFile(command.source, command.target, {
      ...command,
      signal: controller.signal,
      onProgress: (progress) => reporter?.update(progress),
    });
    reporter?.stop();
    if (command.json) console.log(JSON.stringify(result));
    else if (!command.quiet) console.log(describe(result));
    return 0;
  } catch (error) {
    reporter?.stop();
    reporter = undefined;
    if (error instanceof UsageError) {
      console.error(`copy: ${error.message} (--help tells the usage)`);
      return 2;
    }
    console.error(`copy: ${error instanceof Error ? error.message : error}`);
    return error instanceof Interrupted
      ? 128 + SIGNAL_NUMBERS[error.signal]
      : 1;
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
