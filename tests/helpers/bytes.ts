/**
 * Bytes, and contents that tell where they belong.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** Text as bytes. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Bytes, which may be shared memory, as text. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}

/** Bytes each of which tells where in a file it belongs. */
export function pattern(
  byteLength: number,
  start = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  for (let index = 0; index < byteLength; index++) {
    const at = start + index;
    bytes[index] = at * 31 + (at >>> 8) * 17 + (at >>> 16) * 13 +
      (at >>> 24) * 7;
  }
  return bytes;
}

/** All bytes of the parts. */
export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Views of memory that is cut at some places, in order. */
export function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const ends = [...places, bytes.length];
  return ends.map((end, index) =>
    bytes.subarray(index === 0 ? 0 : ends[index - 1], end)
  );
}

/** Asserts that bytes are the same, fast, and says where they differ. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(actual.length, expected.length, "the lengths differ");
  for (let at = 0; at < expected.length; at++) {
    if (actual[at] === expected[at]) continue;
    assertEquals(actual[at], expected[at], `the bytes at ${at} differ`);
  }
}
