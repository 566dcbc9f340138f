/**
 * Native memory: control blocks, and the library's own transfer buffers. It
 * outlives the isolate, because the C library's threads write to it after a
 * worker was terminated with requests in flight. What is free is reused.
 *
 * @module
 */
import { librt } from "./librt.ts";
import type { Pointer } from "./runtime.ts";
import { runtime } from "./current.ts";

const PAGE_BYTES = 4096;
const BLOCK_ALIGNMENT_BYTES = 64;
const BLOCKS_PER_SLAB = 64;

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
}

/**
 * Takes memory from the C library.
 *
 * @param byteLength How many bytes; they are zero.
 * @throws {OutOfMemoryError} If there is none left.
 */
export function allocateNative(byteLength: number): NativeMemory {
  const memory = tryAllocateNative(byteLength);
  if (memory === null) {
    throw new OutOfMemoryError(
      `The system has no ${byteLength} bytes of memory left`,
    );
  }
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

/** Gives memory back to the C library. No view of it may be used any more. */
export function freeNative(memory: NativeMemory): void {
  librt().free(memory.pointer);
}

/** A native `struct aiocb`. */
export class ControlBlock {
  /** How many outstanding `aio_suspend` calls name this block. */
  holds = 0;
  /** Whether a packed block's rest, the notification above all, is default. */
  isPlain = false;
  /** Of its slab. */
  readonly view: DataView;
  #released = false;

  constructor(
    readonly pointer: Pointer,
    readonly address: number,
    /** The memory the block lies in, at {@linkcode at}. */
    readonly slab: NativeMemory,
    readonly at: number,
  ) {
    this.view = slab.view;
  }

  /** Keeps the block from reuse while an `aio_suspend` call names it. */
  hold(): void {
    this.holds++;
  }

  /** The opposite of {@linkcode hold}. */
  unhold(): void {
    this.holds--;
    if (this.holds === 0 && this.#released) {
      this.#released = false;
      freeBlocks.push(this);
    }
  }

  /**
   * Gives the block back. It is reused only once no `aio_suspend` names it:
   * glibc asserts that a block which was done when the call began is not in
   * progress when it ends.
   */
  release(): void {
    if (this.holds === 0) freeBlocks.push(this);
    else this.#released = true;
  }
}

let freeBlocks: ControlBlock[] = [];

/** A control block nobody uses; its contents are what the last user left. */
export function takeControlBlock(): ControlBlock {
  if (freeBlocks.length === 0) growControlBlocks();
  return freeBlocks.pop()!;
}

function growControlBlocks(): void {
  const { size } = librt().platform.aiocb;
  const stride = Math.ceil(size / BLOCK_ALIGNMENT_BYTES) *
    BLOCK_ALIGNMENT_BYTES;
  const slab = allocateNative(stride * BLOCKS_PER_SLAB);
  // Backwards, so that blocks are taken in the order of their addresses.
  for (let index = BLOCKS_PER_SLAB - 1; index >= 0; index--) {
    const at = index * stride;
    const address = slab.address + at;
    freeBlocks.push(
      new ControlBlock(runtime.pointerTo(address), address, slab, at),
    );
  }
}

/** Frees the slabs of which nobody uses a block. */
function freeUnusedSlabs(): void {
  const free = new Map<NativeMemory, number>();
  for (const { slab } of freeBlocks) {
    free.set(slab, (free.get(slab) ?? 0) + 1);
  }
  const isUnused = (slab: NativeMemory) => free.get(slab) === BLOCKS_PER_SLAB;
  freeBlocks = freeBlocks.filter(({ slab }) => !isUnused(slab));
  for (const slab of free.keys()) if (isUnused(slab)) freeNative(slab);
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

/**
 * Gives everything back that is not in use. Nobody else does when a worker is
 * terminated.
 */
export function freeUnused(): void {
  trimTransferBuffers(0);
  freeUnusedSlabs();
  for (const memory of kept) memory.free();
}

/** One of the library's own data buffers. */
export interface TransferBuffer extends NativeMemory {
  readonly sizeClass: number;
}

/** The sizes in which transfer buffers come, in bytes. */
const SIZE_CLASSES = [4096, 16_384, 65_536, 262_144, 1_048_576];

/** The most that one transfer buffer holds; longer transfers go in pieces. */
export const TRANSFER_BYTES_MAX = SIZE_CLASSES[SIZE_CLASSES.length - 1];

/** The most that all transfer buffers of an isolate take together. */
export const TRANSFER_POOL_BYTES_MAX = 64 * TRANSFER_BYTES_MAX;

const freeTransferBuffers: TransferBuffer[][] = SIZE_CLASSES.map(() => []);
let transferPoolBytes = 0;
let transferBuffersInUse = 0;

/**
 * Takes a buffer for at least `byteLength` bytes, at most
 * {@linkcode TRANSFER_BYTES_MAX}.
 *
 * @returns `null` when the pool is at its bound or the system is out of memory
 * while other buffers are in use: one comes back with the next completion.
 * @throws {OutOfMemoryError} If the system has no memory for the only one.
 */
export function takeTransferBuffer(byteLength: number): TransferBuffer | null {
  let sizeClass = 0;
  while (
    sizeClass < SIZE_CLASSES.length - 1 && SIZE_CLASSES[sizeClass] < byteLength
  ) sizeClass++;
  const buffer = freeTransferBuffers[sizeClass].pop() ??
    growTransferBuffers(sizeClass);
  if (buffer !== null) transferBuffersInUse++;
  return buffer;
}

/** Gives a buffer back for reuse. */
export function releaseTransferBuffer(buffer: TransferBuffer): void {
  transferBuffersInUse--;
  freeTransferBuffers[buffer.sizeClass].push(buffer);
}

function growTransferBuffers(sizeClass: number): TransferBuffer | null {
  const byteLength = SIZE_CLASSES[sizeClass];
  trimTransferBuffers(TRANSFER_POOL_BYTES_MAX - byteLength);
  if (transferPoolBytes + byteLength > TRANSFER_POOL_BYTES_MAX) return null;
  let memory = tryAllocateNative(byteLength);
  if (memory === null) {
    trimTransferBuffers(0);
    memory = tryAllocateNative(byteLength);
  }
  if (memory === null) {
    if (transferBuffersInUse > 0) return null;
    throw new OutOfMemoryError(
      `The system has no ${byteLength} bytes of memory left`,
    );
  }
  transferPoolBytes += byteLength;
  return { ...memory, sizeClass };
}

/** Frees unused buffers, large ones first, until `bytes` or none are left. */
function trimTransferBuffers(bytes: number): void {
  for (let size = SIZE_CLASSES.length - 1; size >= 0; size--) {
    const free = freeTransferBuffers[size];
    while (free.length > 0 && transferPoolBytes > bytes) {
      freeNative(free.pop()!);
      transferPoolBytes -= SIZE_CLASSES[size];
    }
  }
}
