// Offsets: a number wherever one is exact, a bigint beyond.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  bytesOfFile,
  exactOffset,
  fileOffset,
  offsetAfter,
} from "../../lib/checks/offset.ts";
import { test } from "../helpers/test.ts";

/** Most are near the largest exact number. */
const offsets: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 2n ** 53n - 9n, max: 2n ** 53n + 9n }),
);

/** As the library has it: of the type that says it exactly. */
function represented(offset: bigint): number | bigint {
  return offset < 2n ** 53n ? Number(offset) : offset;
}

test("exactOffset() and fileOffset() give a number up to 2 ** 53 - 1 only", () => {
  fc.assert(fc.property(offsets, (offset) => {
    const wanted = represented(offset);
    assertEquals(exactOffset(offset), wanted);
    assertEquals(exactOffset(wanted), wanted);
    assertEquals(fileOffset("read", offset), wanted);
    assertEquals(fileOffset("write", wanted), wanted);
  }));
});

test("exactOffset() leaves alone what no file has", () => {
  const least = Number.MIN_SAFE_INTEGER;
  const below = BigInt(least) - 1n;
  for (const offset of [0.5, -1, NaN, least, below]) {
    assertEquals(exactOffset(offset), offset);
  }
  assertEquals(exactOffset(BigInt(least)), least);
});

test("offsetAfter() is exact, and a number wherever one is", () => {
  const lengths = fc.oneof(
    fc.nat({ max: 2 ** 31 - 1 }),
    fc.constantFrom(0, 1, 2 ** 20, 2 ** 53 - 1),
  );
  fc.assert(fc.property(offsets, lengths, (offset, bytes) => {
    assertEquals(
      offsetAfter(represented(offset), bytes),
      represented(offset + BigInt(bytes)),
    );
  }));
});

test("bytesOfFile() is what lies within the longest file that there is", () => {
  const size = 2n ** 63n - 1n;
  const near = fc.bigInt({ min: size - 999n, max: size });
  const lengths = fc.nat(2000);
  fc.assert(fc.property(fc.oneof(offsets, near), lengths, (offset, length) => {
    const left = size - offset;
    const wanted = left < BigInt(length) ? Number(left) : length;
    assertEquals(bytesOfFile(represented(offset), length), wanted);
  }));
});
