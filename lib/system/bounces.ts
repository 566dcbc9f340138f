/**
 * The bounce buffers of requests of files: of native memory, or where nothing native
 * may be called, of the library's own memory.
 *
 * @module
 */
import {
  alignedBounces,
  BOUNCE_BYTES_MAX,
  BouncePool,
  HALF_PAGE_BYTES,
  halfPageBounces,
} from "../../ffi/bounce_buffer.ts";
import { allocateOwn } from "./pinned.ts";
import { isServedByFs } from "./settings.ts";

/** Stands for an address that nobody looks at: it is not 0, as of memory that moves. */
const SOME_ADDRESS = 65_536;

/**
 * Twice what all threads of Node's transfer at once. V8 collects garbage for every
 * 64 MiB of such memory, and Node 26 may wait for that for ever when it exits
 * (https://github.com/nodejs/node/issues/54918).
 */
const OWN_BYTES_MAX = 16 * BOUNCE_BYTES_MAX;

/**
 * What `node:fs` transfers to and from. Bun needs a quarter more of processor time for
 * a read into WebAssembly's memory than for one into an ordinary array. A long one
 * begins at a page there, and 16 bytes behind one in V8.
 */
const ownBounces = poolOf((byteLength) =>
  new Uint8Array(HALF_PAGE_BYTES + byteLength).subarray(HALF_PAGE_BYTES)
);

/** The same for `O_DIRECT`, which takes memory where it is aligned. */
const ownAlignedBounces = poolOf(allocateOwn);

/** A pool of memory that the garbage collector takes back. */
function poolOf(allocate: (byteLength: number) => Uint8Array<ArrayBuffer>) {
  return new BouncePool((byteLength) => {
    try {
      return { address: SOME_ADDRESS, bytes: allocate(byteLength), free() {} };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return null;
    }
  }, OWN_BYTES_MAX);
}

/**
 * Where requests of a file take them.
 *
 * @param file Whether its transfers go past the page cache.
 */
export function bounces({ isDirect }: { isDirect: boolean }): BouncePool {
  if (isServedByFs()) return isDirect ? ownAlignedBounces : ownBounces;
  return isDirect ? alignedBounces : halfPageBounces;
}
