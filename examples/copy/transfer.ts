/**
 * A part of the tool `copy.ts`: moves the bytes of one file to another, and compares
 * both.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AioFile, allocatePinned } from "../../mod.ts";
import { explained } from "../shared/reasons.ts";
import { unlessAborted } from "../shared/stopping.ts";

/** What `O_DIRECT` wants offsets, lengths and addresses to be multiples of. */
export const DIRECT_ALIGNMENT = 4096;

/** The smallest hole that file systems have. */
const HOLE_BYTES = 4096;
const ZEROS = Buffer.alloc(HOLE_BYTES);

/** How far a copy has come. */
export interface CopyProgress {
  phase: "copy" | "sync" | "verify";
  /** Bytes done in this phase. */
  done: number;
  /** Bytes to do in this phase; `null` where nobody knows. */
  total: number | null;
}

/** What is copied, and how. */
export interface Job {
  from: AioFile;
  to: Pick<AioFile, "writeAt">;
  /** The names of both, for what is told. */
  source: string;
  target: string;
  /** `null`: read one block after another until the end shows. */
  size: number | null;
  /** How many requests are in flight at most. */
  depth: number;
  /** Bytes a request. */
  blockSize: number;
  direct: boolean;
  /** What is only zeros is not written. */
  keepsHoles: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

/** What was copied. */
export interface Transferred {
  bytes: number;
  /** From the first read to the last write. */
  copySeconds: number;
  /** The most reads and writes that were in flight at a time. */
  peakInFlight: number;
  /** The same, averaged over the time of the copy. */
  averageInFlight: number;
}

/** A block that was read. */
interface Block {
  offset: number;
  length: number;
}

/** A copy under way: as many workers as may be in flight, which pull the next block. */
export class Transfer {
  readonly #job: Job;
  #nextOffset = 0;
  #done = 0;
  #isEnded = false;
  #inFlight = 0;
  #peakInFlight = 0;
  /** The times of all requests, added up. */
  #busy_ms = 0;
  /** Reads whose offset depends on the one before take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(job: Job) {
    this.#job = job;
  }

  /** Copies until the end. */
  async run(): Promise<Transferred> {
    const { size, depth, blockSize, signal } = this.#job;
    const started_ms = performance.now();
    const blocks = size === null ? depth : Math.ceil(size / blockSize);
    const workers = Math.min(depth, blocks);
    this.#report();
    try {
      const work = Array.from({ length: workers }, () => this.#work());
      await unlessAborted(Promise.all(work), signal);
    } finally {
      this.#isEnded = true;
    }
    const elapsed_ms = performance.now() - started_ms;
    return {
      bytes: this.#done,
      copySeconds: elapsed_ms / 1000,
      peakInFlight: this.#peakInFlight,
      averageInFlight: this.#busy_ms / elapsed_ms,
    };
  }

  async #work(): Promise<void> {
    const { size, blockSize } = this.#job;
    const bytes = Math.min(blockSize, size ?? blockSize);
    const buffer = allocatePinned(this.#padded(bytes));
    while (!this.#isEnded) {
      const { offset, length } = size === null
        ? await this.#readInTurn(buffer)
        : await this.#readNext(buffer, size);
      if (length === 0) return;
      await this.#write(buffer.subarray(0, this.#padded(length)), offset);
      this.#done += length;
      this.#report();
    }
  }

  async #write(block: Uint8Array, offset: number): Promise<void> {
    const { to, target, keepsHoles, signal } = this.#job;
    const whole = [{ start: 0, end: block.length }];
    for (const { start, end } of keepsHoles ? dataIn(block) : whole) {
      const data = block.subarray(start, end);
      await this.#request(
        `cannot write to ${target}`,
        () => to.writeAt(data, offset + start, { signal }),
      );
    }
  }

  async #readNext(buffer: Uint8Array, size: number): Promise<Block> {
    const offset = this.#nextOffset;
    const length = Math.min(this.#job.blockSize, size - offset);
    this.#nextOffset += length;
    this.#isEnded = this.#nextOffset >= size;
    const block = buffer.subarray(0, this.#padded(length));
    if (await this.#read(block, offset) >= length) return { offset, length };
    throw new Error(`${this.#job.source} became shorter during the copy`);
  }

  #readInTurn(buffer: Uint8Array): Promise<Block> {
    const block = this.#turn.then(() => this.#readUntilFull(buffer));
    this.#turn = block.catch(() => this.#isEnded = true);
    return block;
  }

  /** A pipe gives what it has; direct writes need whole blocks. */
  async #readUntilFull(buffer: Uint8Array): Promise<Block> {
    const offset = this.#nextOffset;
    let length = 0;
    while (!this.#isEnded && length < buffer.byteLength) {
      const rest = buffer.subarray(length);
      const bytes = await this.#read(rest, offset + length);
      this.#isEnded ||= bytes === 0;
      length += bytes;
    }
    this.#nextOffset += length;
    return { offset, length };
  }

  #read(into: Uint8Array, offset: number): Promise<number> {
    const { from, source, signal } = this.#job;
    return this.#request(
      `cannot read ${source}`,
      () => from.readAt(into, offset, { signal }),
    );
  }

  async #request(
    what: string,
    submit: () => Promise<number>,
  ): Promise<number> {
    const submitted_ms = performance.now();
    this.#peakInFlight = Math.max(this.#peakInFlight, ++this.#inFlight);
    try {
      return await submit();
    } catch (error) {
      throw explained(what, error);
    } finally {
      this.#inFlight--;
      this.#busy_ms += performance.now() - submitted_ms;
    }
  }

  #padded(length: number): number {
    if (!this.#job.direct) return length;
    return Math.ceil(length / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT;
  }

  #report(): void {
    const { size: total, onProgress } = this.#job;
    onProgress?.({ phase: "copy", done: this.#done, total });
  }
}

/** The parts of a block that are not only zeros. */
function* dataIn(
  block: Uint8Array,
): Generator<{ start: number; end: number }> {
  let start: number | null = null;
  for (let at = 0; at < block.length; at += HOLE_BYTES) {
    const unit = block.subarray(at, at + HOLE_BYTES);
    const isHole = ZEROS.subarray(0, unit.length).equals(unit);
    if (!isHole) start ??= at;
    else if (start !== null) {
      yield { start, end: at };
      start = null;
    }
  }
  if (start !== null) yield { start, end: block.length };
}

/**
 * Reads both files again.
 *
 * @param job The copy, which is done.
 * @param bytes How many bytes were copied.
 * @returns The SHA-256 digests, which are the same.
 * @throws If they are not, or a file cannot be read.
 */
export async function verify(
  job: Job & { to: AioFile },
  bytes: number,
): Promise<{ source: string; target: string }> {
  let done = 0;
  const onBytes = (more: number) => {
    done += more;
    job.onProgress?.({ phase: "verify", done, total: 2 * bytes });
  };
  onBytes(0);
  try {
    const targetBytes = await job.to.size();
    const digests = Promise.all([
      digest(job.from, bytes, job, onBytes),
      digest(job.to, targetBytes, job, onBytes),
    ]);
    const [source, target] = await unlessAborted(digests, job.signal);
    if (source === target) return { source, target };
    throw new Error(
      `the copy differs: SHA-256 of ${job.source} is ${source}, of the copy ${target}`,
    );
  } catch (error) {
    throw explained("cannot read both files again", error);
  }
}

/** Reads ahead by as many blocks as may be in flight, and hashes them in order. */
async function digest(
  file: AioFile,
  length: number,
  { depth, blockSize, signal }: Job,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const hash = createHash("sha256");
  const blocks = Math.ceil(length / blockSize);
  const slots = Math.min(depth, blocks);
  const buffers = Array.from(
    { length: slots },
    () => allocatePinned(blockSize),
  );
  const readBlock = (block: number) => {
    const buffer = buffers[block % slots];
    const bytes = file.readAt(buffer, block * blockSize, { signal });
    // It may fail before its turn comes to be awaited.
    bytes.catch(() => {});
    return bytes;
  };
  const reads = buffers.map((_, block) => readBlock(block));
  for (let block = 0; block < blocks; block++) {
    const slot = block % slots;
    // The file may have grown since.
    const bytes = Math.min(await reads[slot], length - block * blockSize);
    hash.update(buffers[slot].subarray(0, bytes));
    onBytes(bytes);
    if (block + slots < blocks) reads[slot] = readBlock(block + slots);
  }
  return hash.digest("hex");
}
