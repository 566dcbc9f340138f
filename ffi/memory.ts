/**
 * Native memory. It outlives the isolate, because the C library's threads write
 * to it after a worker was terminated with requests in flight.
 *
 * @module
 */
import { librt } from "./librt.ts";
import type { Pointer } from "./runtime.ts";
import { runtime } from "./current.ts";

/** What native memory is aligned to. */
export const PAGE_BYTES = 4096;

/** A piece of native memory and a view of it. */
export interface NativeMemory {
  readonly pointer: Pointer;
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the same memory. */
  readonly view: DataView;
}

/** Says that the system has no memory left. */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";

  constructor(byteLength: number) {
    super(`The system has no ${byteLength} bytes of memory left`);
  }
}

/**
 * Takes memory from the C library.
 *
 * @param byteLength How many bytes; they are zero.
 * @throws {OutOfMemoryError} If there is none left.
 */
export function allocateNative(byteLength: number): NativeMemory {
  const memory = tryAllocateNative(byteLength);
  if (memory === null) throw new OutOfMemoryError(byteLength);
  memory.bytes.fill(0);
  return memory;
}

/**
 * The same, for memory of any contents.
 *
 * @returns `null` if there is none left.
 */
export function tryAllocateNative(byteLength: number): NativeMemory | null {
  // aligned_alloc wants a multiple of the alignment.
  const rounded = Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES;
  const pointer = librt().aligned_alloc(PAGE_BYTES, rounded);
  if (pointer === null) return null;
  const bytes = runtime.view(pointer, rounded).subarray(0, byteLength);
  return {
    pointer,
    address: runtime.address(pointer),
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, byteLength),
  };
}

/** What takes memory; `null` where the runtime permits native calls no more. */
export function orNull<T>(take: () => T): T | null {
  try {
    return take();
  } catch {
    return null;
  }
}

/** Gives memory back to the C library. No view of it may be used any more. */
export function freeNative(memory: NativeMemory): void {
  librt().free(memory.pointer);
}

/**
 * Memory for calls that are over when they return, reused for the next one. Its
 * contents are what the last call left.
 */
export class KeptMemory {
  readonly #byteLength: number;
  #memory: NativeMemory | null = null;

  constructor(byteLength: number) {
    this.#byteLength = byteLength;
    kept.push(this);
  }

  /** The memory; `null` if the system has none left. */
  get(): NativeMemory | null {
    this.#memory ??= tryAllocateNative(this.#byteLength);
    return this.#memory;
  }

  /** Gives it back; the next call takes other memory. */
  free(): void {
    if (this.#memory !== null) freeNative(this.#memory);
    this.#memory = null;
  }
}

const kept: KeptMemory[] = [];

/** Gives back what {@linkcode KeptMemory} keeps. */
export function freeKept(): void {
  for (const memory of kept) memory.free();
}
