/**
 * `struct iovec`: memory that one call transfers to or from.
 *
 * @module
 */
import { writeAddress, writeSize } from "./layout.ts";
import { KeptMemory } from "./memory.ts";
import type { Pointer } from "./runtime.ts";

/** Offsets of `struct iovec`, in bytes; the same on every system. */
export const IOVEC = { size: 16, iov_base: 0, iov_len: 8 };

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
  writeAddress(memory.view, IOVEC.iov_base, address);
  writeSize(memory.view, IOVEC.iov_len, byteLength);
  return memory.pointer;
}
