/** Memory that never moves: `allocatePinned()` and `isPinned()`. */
import { types } from "node:util";
import { runtime } from "../../ffi/current.ts";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { librt, whyUnavailable } from "../../ffi/librt.ts";
import { assertObject } from "../checks/arguments.ts";
import { type Buffers, isList } from "../checks/buffers.ts";
import {
  assertBytes,
  bufferOf,
  byteOffsetOf,
  nameOf,
} from "../checks/bytes.ts";
import { platform } from "./constants.ts";
import { AioError } from "./error.ts";
import { isServedByFs } from "./settings.ts";

const WASM_PAGE_BYTES = 65_536;
/** Buffers up to this size share a slab. */
const SHARED_BYTES_MAX = 512 * 1024;
/**
 * Node reserves 8 to 10 GiB of addresses for each memory, so that a process has at
 * most 13,000 of them: slabs of a page would bound pinned memory to 0.8 GiB, and
 * take nine times as long.
 */
const SLAB_BYTES = 4 * 1024 * 1024;
const DEFAULT_ALIGNMENT_BYTES = 4096;
const ALIGNMENT_BYTES_MAX = 1024 * 1024 * 1024;
/**
 * A page of the larger kind that Linux has on x86-64, and on ARM64 with pages of
 * 4 KiB. A device that reads a MiB into 256 pages takes up to twice as long as
 * into one.
 */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;
/** From here on memory is aligned to those, whatever is asked for. */
const HUGE_BYTES_MIN = 1024 * 1024;
/** A WebAssembly memory has at most this many pages. */
const WASM_PAGES_MAX = 65_536;

/**
 * Options of {@linkcode allocatePinned}.
 *
 * @example Memory for a device with blocks of 64 KiB
 * ```ts
 * import { allocatePinned, type PinnedOptions } from "@posix/aio";
 *
 * const options: PinnedOptions = { alignment: 65_536 };
 * console.log(allocatePinned(131_072, options).byteLength); // 131072
 * ```
 */
export interface PinnedOptions {
  /**
   * What the address is a multiple of, in bytes: a power of two.
   *
   * @default {4096}
   */
  alignment?: number | undefined;
}

/** A `WebAssembly.Memory` and how far it is handed out. */
interface Slab {
  readonly buffer: ArrayBuffer;
  readonly address: number;
  used: number;
}

/**
 * The address of every buffer that may be given to native code; 0 until it can be
 * asked for.
 */
const addresses = new WeakMap<ArrayBufferLike, number>();
// Handed out from front to back and then forgotten, never recycled: the
// garbage collector takes it when the last view of it is gone.
let slab: Slab | null = null;

/**
 * Allocates memory that never moves, cannot be detached or transferred, and is
 * aligned, so that the system reads and writes it in place and `O_DIRECT` takes
 * it. The garbage collector gives it back.
 *
 * It is the memory of a `WebAssembly.Memory`, the one kind that JavaScript
 * itself cannot pull away from under a request in flight. In an isolate that may
 * end before the process, such as a worker or a file of `deno test`, data goes
 * through the library's own memory all the same. Where nothing native can be called,
 * memory is aligned to 65,536 bytes at most.
 *
 * From 1 MiB on it is aligned to 2 MiB, and Linux is asked for pages of that size.
 * Small pieces share a memory of 4 MiB. JavaScript clones a view together with the
 * whole memory behind it: give a copy, `view.slice()`, to `postMessage()`,
 * `structuredClone()` and the like.
 *
 * @param byteLength How many bytes; they are zero.
 * @param options The alignment.
 * @returns A view of the new memory.
 * @throws {RangeError} If the length or the alignment is not valid, or there is
 * no memory left.
 * @throws {AioError} `ENOTSUP` where there is no WebAssembly (`--jitless`): other
 * memory can be detached.
 *
 * @example Reading a block in place
 * ```ts
 * import { AioFile, allocatePinned } from "@posix/aio";
 *
 * await using file = await AioFile.open("deno.json");
 * const block = allocatePinned(4096);
 * const bytes = await file.readAt(block, 0);
 * console.log(new TextDecoder().decode(block.subarray(0, bytes)));
 * ```
 */
export function allocatePinned(
  byteLength: number,
  options: PinnedOptions = {},
): Uint8Array<ArrayBuffer> {
  assertObject(options, "options");
  const { alignment = DEFAULT_ALIGNMENT_BYTES } = options;
  if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
    throw new RangeError(
      `Cannot allocate ${nameOf(byteLength)} bytes: ` +
        "the length must be a non-negative integer",
    );
  }
  if (
    !Number.isSafeInteger(alignment) || alignment < 1 ||
    alignment > ALIGNMENT_BYTES_MAX || !isPowerOfTwo(alignment)
  ) {
    throw new RangeError(
      `Cannot align to ${nameOf(alignment)} bytes: ` +
        `the alignment must be a power of two up to ${ALIGNMENT_BYTES_MAX}`,
    );
  }
  if (byteLength > SHARED_BYTES_MAX || alignment > SHARED_BYTES_MAX) {
    return allocateAlone(byteLength, alignment);
  }
  const shared = slab && take(slab, byteLength, alignment);
  if (shared) return shared;
  slab = newSlab(SLAB_BYTES);
  return take(slab, byteLength, alignment)!;
}

function allocateAlone(
  byteLength: number,
  wanted: number,
): Uint8Array<ArrayBuffer> {
  const isHuge = byteLength >= HUGE_BYTES_MIN &&
    byteLength + HUGE_PAGE_BYTES <= WASM_PAGES_MAX * WASM_PAGE_BYTES;
  const alignment = isHuge ? Math.max(wanted, HUGE_PAGE_BYTES) : wanted;
  // The memory itself begins at a page; a wider alignment needs room.
  const spare = alignment > DEFAULT_ALIGNMENT_BYTES ? alignment : 0;
  const alone = newSlab(byteLength + spare);
  const view = take(alone, byteLength, alignment)!;
  if (isHuge && alone.address !== 0 && whyUnavailable() === null) {
    adviseHugePages(alone.address + view.byteOffset, byteLength);
  }
  return view;
}

/** Where the system does not know of such pages, it goes on with its own. */
function adviseHugePages(address: number, byteLength: number): void {
  const { MADV_HUGEPAGE } = platform.constants;
  if (MADV_HUGEPAGE !== 0) librt().madvise(address, byteLength, MADV_HUGEPAGE);
}

/**
 * Whether a view is on memory that may be given to the system in place: memory
 * from {@linkcode allocatePinned}, or a `SharedArrayBuffer`.
 *
 * @param view The view.
 * @returns Whether it is pinned.
 * @throws {TypeError} If it is not a `Uint8Array`.
 *
 * @example
 * ```ts
 * import { allocatePinned, isPinned } from "@posix/aio";
 * import { assert } from "@std/assert";
 *
 * assert(isPinned(allocatePinned(512).subarray(8)));
 * assert(!isPinned(new Uint8Array(512)));
 * ```
 */
export function isPinned(view: Uint8Array): boolean {
  assertBytes(view, "The view");
  return isPinnedBuffer(bufferOf(view));
}

/**
 * The native address to transfer to or from in place, or 0 where the bytes have
 * to go through the library's own memory: because they may move, or because the
 * isolate they belong to may end while the request goes on. Several buffers have no
 * address: each of them has one.
 */
export function addressInPlace(buffers: Buffers): number {
  return isList(buffers) || mayEndFirst() ? 0 : pinnedAddressOf(buffers);
}

/**
 * The same for a request of a file. What `node:fs` serves has no address: one that
 * is as far from a page's boundary stands for it.
 */
export function placeOf(buffers: Buffers): number {
  if (!isServedByFs()) return addressInPlace(buffers);
  if (isList(buffers) || runtime.copiesWebAssembly) return 0;
  return isPinnedBuffer(bufferOf(buffers))
    ? WASM_PAGE_BYTES + byteOffsetOf(buffers)
    : 0;
}

/** Of each pinned buffer one view: to make one for each transfer takes longer. */
const wholes = new WeakMap<ArrayBufferLike, Uint8Array>();

/** All bytes of the buffer that a pinned view is on. */
export function pinnedBytesOf(view: Uint8Array): Uint8Array {
  const buffer = bufferOf(view);
  let whole = wholes.get(buffer);
  if (whole === undefined) wholes.set(buffer, whole = new Uint8Array(buffer));
  return whole;
}

function isPinnedBuffer(buffer: ArrayBufferLike): boolean {
  return addresses.has(buffer) || types.isSharedArrayBuffer(buffer);
}

/** The native address of a view's first byte, or 0 if it is not pinned. */
export function pinnedAddressOf(view: Uint8Array): number {
  const buffer = bufferOf(view);
  let address = addresses.get(buffer);
  if (address === undefined && !types.isSharedArrayBuffer(buffer)) return 0;
  if (!address) {
    address = addressOf(buffer);
    addresses.set(buffer, address);
  }
  return address === 0 ? 0 : address + byteOffsetOf(view);
}

/** Whether nothing of it may move. A list is asked once: it may be long. */
export function arePinned(buffers: Buffers): boolean {
  return isList(buffers)
    ? buffers.arePinned ??= buffers.views.every(isNative)
    : isNative(buffers);
}

function isNative(view: Uint8Array): boolean {
  return pinnedAddressOf(view) !== 0;
}

/** The address of a buffer; 0 where native calls are not permitted: nobody is asked. */
function addressOf(buffer: ArrayBufferLike): number {
  return runtime.forbidden === null ? runtime.addressOfBuffer(buffer) : 0;
}

/**
 * Memory that only the library has, so that nobody can detach it: pinned where that
 * can be had. It is not where the addresses of the process are bounded (`ulimit -v`),
 * of which Node reserves GiB for each memory, nor without WebAssembly.
 *
 * The other memory is that of a buffer which might be resized: engines give it pages
 * of its own, so that `O_DIRECT` takes it, too.
 *
 * @throws {RangeError} If there is no memory left.
 */
export function allocateOwn(byteLength: number): Uint8Array<ArrayBuffer> {
  try {
    return allocatePinned(byteLength);
  } catch {
    const buffer = new ArrayBuffer(byteLength, { maxByteLength: byteLength });
    return new Uint8Array(buffer, 0, byteLength);
  }
}

/** Not where the engine makes no machine code. */
function hasWebAssembly(): boolean {
  return typeof WebAssembly !== "undefined";
}

function newSlab(byteLength: number): Slab {
  const pages = Math.max(1, Math.ceil(byteLength / WASM_PAGE_BYTES));
  if (pages > WASM_PAGES_MAX) {
    throw new RangeError(
      `Cannot allocate ${byteLength} bytes: pinned memory comes in pieces ` +
        `of at most ${WASM_PAGES_MAX * WASM_PAGE_BYTES} bytes`,
    );
  }
  if (!hasWebAssembly()) {
    throw new AioError(
      "Cannot allocate pinned memory, because this runtime has no WebAssembly, " +
        "as with --jitless",
      { errno: platform.errno.ENOTSUP, syscall: "allocatePinned" },
    );
  }
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const buffer = memory.buffer as ArrayBuffer;
  const address = addressOf(buffer);
  addresses.set(buffer, address);
  return { buffer, address, used: 0 };
}

function take(
  from: Slab,
  byteLength: number,
  alignment: number,
): Uint8Array<ArrayBuffer> | null {
  const next = from.address + from.used;
  const at = from.used + (Math.ceil(next / alignment) * alignment - next);
  if (at + byteLength > from.buffer.byteLength) return null;
  from.used = at + byteLength;
  return new Uint8Array(from.buffer, at, byteLength);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
