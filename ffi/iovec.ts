/**
 * `struct iovec`: memory that one call transfers to or from.
 *
 * @module
 */
import { KeptMemory } from "./memory.ts";
import type { Pointer } from "./runtime.ts";

/** Offsets of `struct iovec`, in bytes; the same on every system. */
export const IOVEC = { size: 16, iov_base: 0, iov_len: 8 };

const TWO_TO_32 = 2 ** 32;

const kept = new KeptMemory(IOVEC.size);

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
  // Written for every cached read, so without a call: neither is negative.
  const { view } = memory;
  view.setUint32(IOVEC.iov_base, address, true);
  view.setUint32(IOVEC.iov_base + 4, address / TWO_TO_32, true);
  view.setUint32(IOVEC.iov_len, byteLength, true);
  view.setUint32(IOVEC.iov_len + 4, byteLength / TWO_TO_32, true);
  return memory.pointer;
}
