/**
 * Bounce buffers: memory that the system transfers to and from in the place of
 * memory that may move. What is free is reused.
 *
 * @module
 */
import { assert } from "../lib/checks/assert.ts";
import { freeNative, OutOfMemoryError, tryAllocateNative } from "./memory.ts";

/** A piece of memory that does not move. */
export interface BounceMemory {
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  free(): void;
}

/** Such a piece in the place of a caller's memory. */
export interface BounceBuffer extends BounceMemory {
  readonly sizeClass: number;
}

/** The sizes in which bounce buffers come, in bytes. */
const SIZE_CLASSES = [4096, 16_384, 65_536, 262_144, 1_048_576];

/** The most that one bounce buffer holds; longer transfers go in pieces. */
export const BOUNCE_BYTES_MAX = SIZE_CLASSES[SIZE_CLASSES.length - 1];

/** The most that all bounce buffers of an isolate take together. */
const BOUNCE_POOL_BYTES_MAX = 64 * BOUNCE_BYTES_MAX;

const freeBounceBuffers: BounceBuffer[][] = SIZE_CLASSES.map(() => []);
let allocate: (byteLength: number) => BounceMemory | null = allocateOfSystem;
let poolBytes = 0;
let bounceBuffersInUse = 0;

function allocateOfSystem(byteLength: number): BounceMemory | null {
  const memory = tryAllocateNative(byteLength);
  if (memory === null) return null;
  const { address, bytes } = memory;
  return { address, bytes, free: () => freeNative(memory) };
}

/**
 * Has bounce buffers come from elsewhere, where nothing native may be called. To be
 * said before there is one.
 *
 * @param fn Returns `null` if there is no memory left.
 */
export function bounceBuffersFrom(fn: typeof allocate): void {
  assert(poolBytes === 0, "all bounce buffers come from one place");
  allocate = fn;
}

/**
 * Takes a buffer for at least `byteLength` bytes, at most
 * {@linkcode BOUNCE_BYTES_MAX}.
 *
 * @returns `null` when the pool is at its bound or the system is out of memory
 * while other buffers are in use: one comes back with the next completion.
 * @throws {OutOfMemoryError} If the system has no memory for the only one.
 */
export function takeBounceBuffer(byteLength: number): BounceBuffer | null {
  let sizeClass = 0;
  while (
    sizeClass < SIZE_CLASSES.length - 1 && SIZE_CLASSES[sizeClass] < byteLength
  ) sizeClass++;
  const buffer = freeBounceBuffers[sizeClass].pop() ??
    growBounceBuffers(sizeClass);
  if (buffer !== null) bounceBuffersInUse++;
  return buffer;
}

/** Gives a buffer back for reuse. */
export function releaseBounceBuffer(buffer: BounceBuffer): void {
  assert(bounceBuffersInUse > 0, "a buffer is given back that nobody took");
  bounceBuffersInUse--;
  freeBounceBuffers[buffer.sizeClass].push(buffer);
}

function growBounceBuffers(sizeClass: number): BounceBuffer | null {
  const byteLength = SIZE_CLASSES[sizeClass];
  trimBounceBuffers(BOUNCE_POOL_BYTES_MAX - byteLength);
  if (poolBytes + byteLength > BOUNCE_POOL_BYTES_MAX) return null;
  let memory = allocate(byteLength);
  if (memory === null) {
    trimBounceBuffers(0);
    memory = allocate(byteLength);
  }
  if (memory === null) {
    if (bounceBuffersInUse > 0) return null;
    throw new OutOfMemoryError(byteLength);
  }
  poolBytes += byteLength;
  return { ...memory, sizeClass };
}

/** Frees unused buffers, large ones first, until `bytes` or none are left. */
export function trimBounceBuffers(bytes: number): void {
  for (let size = SIZE_CLASSES.length - 1; size >= 0; size--) {
    const free = freeBounceBuffers[size];
    while (free.length > 0 && poolBytes > bytes) {
      free.pop()!.free();
      poolBytes -= SIZE_CLASSES[size];
      assert(poolBytes >= 0, "more was freed than allocated");
    }
  }
}
