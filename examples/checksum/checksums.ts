/**
 * A part of the tool `checksum.ts`: computes the checksums of files, several at a time.
 *
 * @module
 */

import { pMapIterable } from "p-map";
import { AioFile } from "../../mod.ts";
import { type Hasher, HashThreads } from "./hash_thread.ts";
import { inTurn, type Source, sourceOf, standardInput } from "./source.ts";

export const BLOCK_BYTES = 1 << 20;
export const JOBS_DEFAULT = 8;
export const DEPTH_DEFAULT = 4;
/** How many checksums may wait for the one of a large file before them. */
const RESULTS_MAX = 10_000;

/** The names of `node:crypto`, and those of lines such as `SHA256 (file) = …`. */
export const ALGORITHMS = {
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
