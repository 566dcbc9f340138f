/**
 * Bytes that tell which request they belong to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { TRANSFER_BYTES_MAX } from "./program.ts";

const STARTS = 1 << 20;
/** A prime, so that neighbours have nothing in common. */
const STRIDE = 7919;

/** Random bytes; each request has another part of them. */
const pool = new Uint8Array(STARTS + TRANSFER_BYTES_MAX);
for (let at = 0; at < pool.length; at += 65_536) {
  crypto.getRandomValues(pool.subarray(at, at + 65_536));
}

/** The contents of the request with a number. Not to be changed. */
export function contentsOf(id: number, length: number): Uint8Array {
  const start = id * STRIDE % STARTS;
  return pool.subarray(start, start + length);
}

/** Whether bytes are the same; much faster than a loop. */
export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return asBuffer(left).equals(asBuffer(right));
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
