/**
 * Bounce buffers: memory that the system transfers to and from in the place of
 * memory that may move. What is free is reused.
 *
 * @module
 */
import { assert } from "../lib/checks/assert.ts";
import {
  freeNative,
  OutOfMemoryError,
  PAGE_BYTES,
  tryAllocateNative,
} from "./memory.ts";

/**
 * To memory that lies 1 to 31 bytes further behind its page than what is copied there,
 * AMD's processors copy at a quarter of their speed. The page cache begins at a page,
 * and a long array of V8 16 bytes behind one: what lies half a page away from both is
 * copied to and from fast.
 */
export const HALF_PAGE_BYTES = PAGE_BYTES / 2;
const SLOW_BYTES_BEHIND = 32;

/**
 * Whether what is in the page cache is copied slowly.
 *
 * @param address Where to.
 * @param offset Where it is in its file.
 */
export function isCopiedSlowly(
  address: number,
  offset: number | bigint,
): boolean {
  const inPage = typeof offset === "number"
    ? offset % PAGE_BYTES
    : Number(offset % BigInt(PAGE_BYTES));
  const behind = (address - inPage) % PAGE_BYTES;
  return behind > 0 && behind < SLOW_BYTES_BEHIND;
}

/** A piece of memory that does not move. */
export interface BounceMemory {
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  free(): void;
}

/** Such a piece in the place of a caller's memory. */
export interface BounceBuffer extends BounceMemory {
  readonly sizeClass: number;
  readonly pool: BouncePool;
}

/** The sizes in which bounce buffers come, in bytes. */
const SIZE_CLASSES = [4096, 16_384, 65_536, 262_144, 1_048_576];

/** The most that one bounce buffer holds; longer transfers go in pieces. */
export const BOUNCE_BYTES_MAX = SIZE_CLASSES[SIZE_CLASSES.length - 1];

/** The most that all bounce buffers of native memory take together. */
const NATIVE_BYTES_MAX = 64 * BOUNCE_BYTES_MAX;

/** Where bounce buffers come from and go back to. */
export class BouncePool {
  readonly #allocate: (byteLength: number) => BounceMemory | null;
  readonly #bytesMax: number;
  readonly #free: BounceBuffer[][] = SIZE_CLASSES.map(() => []);
  #bytes = 0;
  #inUse = 0;

  /**
   * @param allocate Takes memory; `null` if there is none left.
   * @param bytesMax The most that all of its buffers take together.
   */
  constructor(
    allocate: (byteLength: number) => BounceMemory | null,
    bytesMax: number,
  ) {
    this.#allocate = allocate;
    this.#bytesMax = bytesMax;
  }

  /**
   * Takes a buffer for at least `byteLength` bytes, at most
   * {@linkcode BOUNCE_BYTES_MAX}.
   *
   * @returns `null` when the pool is at its bound or the system is out of memory
   * while other buffers are in use: one comes back with the next completion.
   * @throws {OutOfMemoryError} If the system has no memory for the only one.
   */
  take(byteLength: number): BounceBuffer | null {
    let sizeClass = 0;
    while (
      sizeClass < SIZE_CLASSES.length - 1 &&
      SIZE_CLASSES[sizeClass] < byteLength
    ) sizeClass++;
    const buffer = this.#free[sizeClass].pop() ?? this.#grow(sizeClass);
    if (buffer !== null) this.#inUse++;
    return buffer;
  }

  /** Gives a buffer back for reuse. */
  release(buffer: BounceBuffer): void {
    assert(this.#inUse > 0, "a buffer is given back that nobody took");
    this.#inUse--;
    this.#free[buffer.sizeClass].push(buffer);
  }

  #grow(sizeClass: number): BounceBuffer | null {
    const byteLength = SIZE_CLASSES[sizeClass];
    this.trim(this.#bytesMax - byteLength);
    if (this.#bytes + byteLength > this.#bytesMax) return null;
    let memory = this.#allocate(byteLength);
    if (memory === null) {
      this.trim(0);
      memory = this.#allocate(byteLength);
    }
    if (memory === null) {
      if (this.#inUse > 0) return null;
      throw new OutOfMemoryError(byteLength);
    }
    this.#bytes += byteLength;
    return { ...memory, sizeClass, pool: this };
  }

  /** Frees unused buffers, large ones first, until `bytes` or none are left. */
  trim(bytes: number): void {
    for (let size = SIZE_CLASSES.length - 1; size >= 0; size--) {
      const free = this.#free[size];
      while (free.length > 0 && this.#bytes > bytes) {
        free.pop()!.free();
        this.#bytes -= SIZE_CLASSES[size];
        assert(this.#bytes >= 0, "more was freed than allocated");
      }
    }
  }
}

/** Of native memory, which begins so far behind a page. */
function nativeBounces(skipped: number): BouncePool {
  return new BouncePool((byteLength) => {
    const memory = tryAllocateNative(skipped + byteLength);
    if (memory === null) return null;
    return {
      address: memory.address + skipped,
      bytes: memory.bytes.subarray(skipped),
      free: () => freeNative(memory),
    };
  }, NATIVE_BYTES_MAX);
}

/** Those of native memory, each at the beginning of a page. */
export const alignedBounces: BouncePool = nativeBounces(0);
/** The same where nobody wants that. */
export const halfPageBounces: BouncePool = nativeBounces(HALF_PAGE_BYTES);
