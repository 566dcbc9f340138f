/**
 * `struct iovec`: memory that one call transfers to or from.
 *
 * @module
 */
import { TWO_TO_32 } from "./layout.ts";
import { KeptMemory, type NativeMemory } from "./memory.ts";
import type { Pointer } from "./runtime.ts";

/** Offsets of `struct iovec`, in bytes; the same on every system. */
export const IOVEC = { size: 16, iov_base: 0, iov_len: 8 };

/** How many entries a call takes: `IOV_MAX`, the same on every system. */
export const IOV_MAX = 1024;

/** What an entry says. */
export interface Vector {
  readonly address: number;
  readonly byteLength: number;
}

/** An entry that is written for every cached read, if it is another one than before. */
class Iovec {
  readonly memory: NativeMemory;
  readonly #words: Uint32Array;
  #address = 0;
  #byteLength = 0;

  constructor(memory: NativeMemory) {
    const { bytes } = memory;
    this.memory = memory;
    this.#words = wordsOf(bytes, 1);
    this.#words.fill(0);
  }

  /** In words, which takes a tenth of the time of a `DataView` on Bun. */
  pack(address: number, byteLength: number): void {
    if (address !== this.#address) {
      this.#address = address;
      this.#words[0] = address;
      this.#words[1] = address / TWO_TO_32;
    }
    if (byteLength !== this.#byteLength) {
      this.#byteLength = byteLength;
      this.#words[2] = byteLength;
      this.#words[3] = byteLength / TWO_TO_32;
    }
  }
}

const WORDS = IOVEC.size / Uint32Array.BYTES_PER_ELEMENT;

const kept = new KeptMemory(IOVEC.size);
let iovec: Iovec | null = null;

/**
 * Packs the one entry that is kept for calls that are over when they return.
 *
 * @param address Of the memory.
 * @param byteLength Of the memory.
 * @returns Where the entry lies; `null` if the system has no memory left.
 */
export function iovecOf(address: number, byteLength: number): Pointer | null {
  const memory = kept.get();
  if (memory === null) return null;
  if (iovec?.memory !== memory) iovec = new Iovec(memory);
  iovec.pack(address, byteLength);
  return memory.pointer;
}

/**
 * Packs several entries.
 *
 * @param bytes Where they go: page-aligned, with room for them.
 * @param vectors What they say.
 */
export function packIovecs(
  bytes: Uint8Array,
  vectors: readonly Vector[],
): void {
  const words = wordsOf(bytes, vectors.length);
  let at = 0;
  for (const { address, byteLength } of vectors) {
    words[at++] = address;
    words[at++] = address / TWO_TO_32;
    words[at++] = byteLength;
    words[at++] = byteLength / TWO_TO_32;
  }
}

function wordsOf({ buffer, byteOffset }: Uint8Array, entries: number) {
  return new Uint32Array(buffer, byteOffset, entries * WORDS);
}

const keptList = new KeptMemory(IOV_MAX * IOVEC.size);

/**
 * Packs up to {@linkcode IOV_MAX} entries that are kept for calls that are over when
 * they return.
 *
 * @param vectors What they say.
 * @returns Where they lie; `null` if the system has no memory left.
 */
export function iovecsOf(vectors: readonly Vector[]): Pointer | null {
  const memory = keptList.get();
  if (memory === null) return null;
  packIovecs(memory.bytes, vectors);
  return memory.pointer;
}
