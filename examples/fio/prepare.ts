/**
 * A part of the tool `fio.ts`: has a file that a run can work on, without harm to what is
 * in it.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import type { Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { AioFile, allocatePinned } from "../../mod.ts";
import { UsageError } from "../shared/command_line.ts";
import { stamp } from "./block.ts";
import type { Options } from "./options.ts";
import type { Progress } from "./progress.ts";

const CHUNK_BYTES = 1 << 20;
const CHUNKS_IN_FLIGHT = 4;
/** Each verified block takes four bytes of memory. */
const VERIFIED_BLOCKS_MAX = 2 ** 28;

/** A run that cannot be, in a sentence. */
export class RunError extends Error {
  override name = "RunError";
}

/** A file that a run can work on. */
export interface Prepared {
  /** How many bytes of it the run uses, and has for sure. */
  size: number;
  /** Whether this run made it. */
  isNew: boolean;
  /** The generation of all blocks; 0: nobody knows. */
  generation: number;
}

/**
 * Makes the file of a run, or finds out that it can be used as it is.
 *
 * @param options What the run is.
 * @param runId The number that verified blocks of this run carry.
 * @param progress Told how far filling the file has come.
 * @param signal Gives up when aborted, and removes a file that was made.
 * @returns What there is now.
 * @throws {UsageError} If the options do not fit the file.
 * @throws {RunError} If the file must not be used as the options say.
 */
export async function prepareFile(
  options: Options,
  runId: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<Prepared> {
  const { path, overwrite, verify } = options;
  const stats = await statOrNull(path);
  const present = stats === null ? 0 : await presentBytes(path, stats);
  const writes = options.readPercent < 100;
  if (present > 0 && writes && !overwrite) {
    throw new RunError(
      `${path} has contents: --overwrite permits to write over them`,
    );
  }
  const size = options.size ?? present;
  assertFits(options, size, stats !== null);
  const isShort = size > present;
  const canGrow = present === 0 || overwrite && stats!.isFile();
  if (isShort && !canGrow) {
    throw new RunError(
      `${path} has ${present} bytes, fewer than the ${size} of --size`,
    );
  }
  const needsContents = verify || options.readPercent > 0;
  const fills = isShort && needsContents || overwrite && verify;
  if (isShort || fills) {
    await make(path, stats === null, async (file) => {
      if (isShort) await file.truncate(size);
      if (fills) await fill(file, options, size, runId, progress, signal);
    });
  }
  return { size, isNew: stats === null, generation: fills && verify ? 1 : 0 };
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await fs.stat(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}

async function presentBytes(path: string, stats: Stats): Promise<number> {
  if (stats.isFile()) return stats.size;
  if (!stats.isBlockDevice()) {
    throw new RunError(`${path} is neither a file nor a block device`);
  }
  await using device = await AioFile.open(path);
  return await device.size();
}

function assertFits(options: Options, size: number, exists: boolean): void {
  const { path, blockSize, jobs, depth } = options;
  if (size === 0) {
    throw new UsageError(
      `${path} ${
        exists ? "is empty" : "does not exist"
      }: making it needs --size`,
    );
  }
  const blocks = Math.floor(size / blockSize);
  // No block has two operations in flight.
  if (Math.floor(blocks / jobs) < depth) {
    throw new UsageError(
      `${size} bytes are ${blocks} blocks, too few for ${jobs} x ${depth} operations in flight`,
    );
  }
  if (options.verify && blocks > VERIFIED_BLOCKS_MAX) {
    throw new UsageError(
      `--verify takes at most ${VERIFIED_BLOCKS_MAX} blocks, not ${blocks}`,
    );
  }
}

/** Makes what is in a file; removes the file again if that fails. */
async function make(
  path: string,
  isNew: boolean,
  makeContents: (file: AioFile) => Promise<void>,
): Promise<void> {
  const file = await AioFile.open(path, { write: true, createNew: isNew });
  try {
    await makeContents(file);
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    if (isNew) await fs.rm(path, { force: true });
    throw error;
  }
}

async function fill(
  file: AioFile,
  { blockSize, verify }: Options,
  size: number,
  runId: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const chunkSize = Math.max(1, Math.floor(CHUNK_BYTES / blockSize)) *
    blockSize;
  progress.start("filling", size, "bytes");
  let next = 0;
  const work = async () => {
    const chunk = allocatePinned(chunkSize);
    if (!verify) randomFillSync(chunk);
    while (next < size) {
      signal.throwIfAborted();
      const offset = next;
      next += chunkSize;
      const length = Math.min(chunkSize, size - offset);
      if (verify) {
        for (let at = 0; at + blockSize <= length; at += blockSize) {
          const words = wordsOf(chunk.subarray(at, at + blockSize));
          stamp(words, offset + at, { run: runId, generation: 1 });
        }
      }
      await file.writeAt(chunk.subarray(0, length), offset);
      progress.done += length;
    }
  };
  const workers = Array.from({ length: CHUNKS_IN_FLIGHT }, work);
  const outcomes = await Promise.allSettled(workers);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
  // What is still to be written would otherwise be written during the run.
  await file.sync();
}

/** The same memory as words. */
export function wordsOf(
  bytes: Uint8Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> {
  return new Uint32Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength / Uint32Array.BYTES_PER_ELEMENT,
  );
}
