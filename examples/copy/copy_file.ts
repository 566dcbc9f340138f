/**
 * A part of the tool `copy.ts`: copies a file so that the target is, whatever happens,
 * what it was or the whole copy.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { type BigIntStats, fstatSync } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { AioFile } from "../../mod.ts";
import { explained } from "../shared/reasons.ts";
import { unlessAborted } from "../shared/stopping.ts";
import { print } from "../shared/tool.ts";
import {
  type CopyProgress,
  DIRECT_ALIGNMENT,
  type Job,
  Transfer,
  type Transferred,
  verify,
} from "./transfer.ts";

export const DEPTH_DEFAULT = 8;
export const DEPTH_MAX = 256;
export const BLOCK_SIZE_DEFAULT = 1 << 20;
/** Depth times block size: the memory that the blocks in flight may take. */
const BUFFER_BYTES_MAX = 1 << 30;
/** The unit of `st_blocks`. */
const STAT_BLOCK_BYTES = 512n;

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

/** What {@linkcode copyFile} did. */
export interface CopyResult extends Transferred {
  source: string;
  target: string;
  /** What the synchronizations took; `null` where there is nothing to synchronize. */
  syncSeconds: number | null;
  depth: number;
  blockSize: number;
  /** Of the source, which is that of the target; `null` if not asked for. */
  sha256: { source: string; target: string } | null;
}

/** What is known of a copy before its target is open. */
type Plan = Omit<Job, "to">;

/** What {@linkcode CopyResult} has of a copy that has replaced its target. */
type Replaced = Transferred & Pick<CopyResult, "syncSeconds" | "sha256">;

/**
 * Copies a file with several requests in flight.
 *
 * The target takes the permission bits of the source. A target that exists is replaced
 * as a whole by a rename, once the copy is on disk; until then, and after a failure, it is
 * as it was. A device, a pipe and standard output are written in place. Holes of a file stay
 * holes. Of a source that grows meanwhile, the
 * copy has what was there at the start; one whose size the system does not know (a pipe, a
 * file of `/proc` or `/sys`) is read until its end.
 *
 * @param source The file to copy.
 * @param target The file to write, or a directory to write it into.
 * @param options How to copy; see {@linkcode CopyOptions}.
 * @returns What was done.
 * @throws If the copy could not be made.
 * @throws {RangeError} If the depth or the block size is out of bounds.
 */
export async function copyFile(
  source: string,
  target: string,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const { direct = false, signal, onProgress } = options;
  const { depth = DEPTH_DEFAULT, blockSize = BLOCK_SIZE_DEFAULT } = options;
  const fault = boundsFault(depth, blockSize, direct);
  if (fault !== null) throw new RangeError(fault);

  const stats = await statOrNull(source);
  if (stats === null) {
    throw new Error(`cannot read ${source}: No such file or directory`);
  }
  if (stats.isDirectory()) {
    throw new Error(`cannot copy ${source}: Is a directory`);
  }
  const { path, inPlace } = await resolveTarget(source, stats, target);
  assertApply(options, source, stats, path, inPlace);

  const reading = { read: true, direct };
  const from = await openFile(source, `cannot read ${source}`, reading, signal);
  try {
    const size = stats.isFile() ? await knownSize(from, direct) : null;
    const job = {
      from,
      source,
      target: path,
      size,
      // What has no offsets takes its blocks in order.
      depth: inPlace ? 1 : depth,
      blockSize,
      direct,
      keepsHoles: !inPlace && size !== null && hasHoles(stats),
      signal,
      onProgress,
    };
    const done = inPlace
      ? { ...await overwrite(job), syncSeconds: null, sha256: null }
      : await replace(job, Number(stats.mode) & 0o777, options);
    await from.close();
    return { source, target: path, ...done, depth: job.depth, blockSize };
  } catch (error) {
    // Not awaited: closing waits for what is in flight, and a read of a pipe may take for ever.
    from.close().catch(() => {});
    throw explained(`cannot write to ${path}`, error);
  }
}

/**
 * What is wrong with a depth and a block size.
 *
 * @returns A sentence; `null` if all is well.
 */
export function boundsFault(
  depth: number,
  blockSize: number,
  direct: boolean,
): string | null {
  if (!Number.isInteger(depth) || depth < 1 || depth > DEPTH_MAX) {
    return `the depth must be 1 to ${DEPTH_MAX}, not ${depth}`;
  }
  if (!Number.isInteger(blockSize) || blockSize < 1) {
    return `the block size must be a whole number of bytes, not ${blockSize}`;
  }
  if (direct && blockSize % DIRECT_ALIGNMENT !== 0) {
    return `for direct I/O the block size must be a multiple of ${DIRECT_ALIGNMENT}, not ${blockSize}`;
  }
  if (depth * blockSize > BUFFER_BYTES_MAX) {
    return `depth times block size must be at most 1 GiB, not ${depth} x ${blockSize} bytes`;
  }
  return null;
}

function assertApply(
  { direct, sync, verify }: CopyOptions,
  source: string,
  stats: BigIntStats,
  path: string,
  inPlace: boolean,
): void {
  if (inPlace && (direct || sync || verify)) {
    throw new Error(
      `${path} is not a regular file or is standard output: direct, sync and verify do not apply to it`,
    );
  }
  if (verify && !stats.isFile()) {
    throw new Error(
      `${source} is not a regular file: it cannot be read again to verify`,
    );
  }
}

/** Where the copy goes, and whether that is written in place: a device or a pipe. */
async function resolveTarget(
  source: string,
  sourceStats: BigIntStats,
  target: string,
): Promise<{ path: string; inPlace: boolean }> {
  let path = target;
  let stats = await statOrNull(path);
  if (stats?.isDirectory()) {
    path = join(target, basename(source));
    stats = await statOrNull(path);
  } else if (stats === null && target.endsWith("/")) {
    throw new Error(`cannot write to ${target}: No such directory`);
  }
  if (stats === null) {
    await assertNoLink(path);
    return { path, inPlace: false };
  }
  if (stats.isDirectory()) {
    throw new Error(`cannot write to ${path}: Is a directory`);
  }
  if (stats.dev === sourceStats.dev && stats.ino === sourceStats.ino) {
    throw new Error(`${source} and ${path} are the same file`);
  }
  if (!stats.isFile() || isStandardOutput(stats)) {
    return { path, inPlace: true };
  }
  try {
    // A rename needs no right to the file itself, but a read-only file says hands off.
    await (await AioFile.open(path, { write: true })).close();
    return { path: await fs.realpath(path), inPlace: false };
  } catch (error) {
    throw explained(`cannot write to ${path}`, error);
  }
}

async function statOrNull(path: string): Promise<BigIntStats | null> {
  try {
    return await fs.stat(path, { bigint: true });
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw explained(`cannot use ${path}`, error);
  }
}

/** Whether what a path leads to is where standard output goes. */
export async function leadsToStandardOutput(path: string): Promise<boolean> {
  const stats = await fs.stat(path, { bigint: true }).catch(() => null);
  return stats !== null && isStandardOutput(stats);
}

function isStandardOutput({ dev, ino }: BigIntStats): boolean {
  try {
    const output = fstatSync(process.stdout.fd, { bigint: true });
    return output.dev === dev && output.ino === ino;
  } catch {
    return false; // It is closed.
  }
}

/** The size of a file; `null` where it is not as long as the system says. */
async function knownSize(
  file: AioFile,
  direct: boolean,
): Promise<number | null> {
  const size = await file.size();
  // Files of /proc claim to be empty.
  if (size === 0) return null;
  // Those of /sys claim to have a page, and some refuse to be read there. They have no
  // direct I/O.
  if (direct) return size;
  const last = await file.readAt(new Uint8Array(1), size - 1).catch(() => 0);
  return last === 0 ? null : size;
}

/** Whether a file takes less room than it has bytes. */
function hasHoles(stats: BigIntStats): boolean {
  return stats.isFile() && stats.blocks * STAT_BLOCK_BYTES < stats.size;
}

async function assertNoLink(path: string): Promise<void> {
  if (await fs.lstat(path).catch(() => null) === null) return;
  throw new Error(
    `cannot write to ${path}: it is a symbolic link to nothing`,
  );
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
      throw new Error(
        `${what}: its file system does not support direct I/O`,
        { cause: error },
      );
    }
    throw explained(what, error);
  }
}

/** Standard output that is a file has a position, from which others print on. */
async function printOut(job: Plan): Promise<Transferred> {
  const writeAt = (bytes: Uint8Array) => {
    print(bytes);
    return Promise.resolve(bytes.length);
  };
  return await new Transfer({ ...job, to: { writeAt } }).run();
}

/** Writes to what is there: a device, a pipe or standard output. */
async function overwrite(job: Plan): Promise<Transferred> {
  const { target, direct, signal } = job;
  if ((await fs.stat(target)).isFile()) return await printOut(job);
  const writing = { write: true, direct };
  const to = await openFile(
    target,
    `cannot write to ${target}`,
    writing,
    signal,
  );
  try {
    const transferred = await new Transfer({ ...job, to }).run();
    await to.close();
    return transferred;
  } catch (error) {
    // Not awaited: closing waits for what is in flight.
    to.close().catch(() => {});
    throw error;
  }
}

/** Writes a file beside the target, has it on disk, and gives it the target's name. */
async function replace(
  job: Plan,
  mode: number,
  options: CopyOptions,
): Promise<Replaced> {
  const { target, direct, signal } = job;
  const written = join(dirname(target), `.copy-${randomUUID()}.tmp`);
  let to: AioFile | undefined;
  let done: Replaced;
  try {
    const how = { read: true, write: true, createNew: true, mode: 0o600 };
    const cannot = `cannot write to ${target}`;
    // Without the signal: what is aborted halfway would appear after the cleaning up.
    to = await openFile(written, cannot, { ...how, direct }, undefined);
    const whole = { ...job, to };
    if (job.keepsHoles) await to.truncate(job.size!);
    const transferred = await new Transfer(whole).run();
    // Direct writes are of whole blocks.
    if (direct) await to.truncate(transferred.bytes);
    await fs.chmod(written, mode);
    job.onProgress?.({ phase: "sync", done: 0, total: null });
    // The rename may be on disk long before what was only written is. Not syncData():
    // a target is whole with its mode.
    const syncSeconds = await secondsOf(unlessAborted(to.sync(), signal));
    const sha256 = options.verify
      ? await verify(whole, transferred.bytes)
      : null;
    await to.close();
    signal?.throwIfAborted();
    await fs.rename(written, target);
    done = { ...transferred, syncSeconds, sha256 };
  } catch (error) {
    await fs.rm(written, { force: true }).catch(() => {});
    to?.close().catch(() => {});
    throw error;
  }
  if (options.sync) {
    done.syncSeconds! += await secondsOf(syncDirectory(dirname(target)));
  }
  return done;
}

async function secondsOf(action: Promise<void>): Promise<number> {
  const started_ms = performance.now();
  await action;
  return (performance.now() - started_ms) / 1000;
}

/** aio_fsync() wants a descriptor open for writing, which a directory's never is. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await fs.open(path, "r");
  await directory.sync();
}
