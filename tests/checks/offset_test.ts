// Offsets: a number wherever one is exact, a bigint beyond.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { exactOffset, fileOffset, offsetAfter } from "../../lib/checks/offset.ts";

const timeout = 10_000;

/** Near what a number can tell apart above all. */
const offsets: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 2n ** 53n - 9n, max: 2n ** 53n + 9n }),
);

/** As the library has it: of the type that says it exactly. */
function represented(offset: bigint): number | bigint {
  return offset < 2n ** 53n ? Number(offset) : offset;
}

Deno.test({
  name: "exactOffset() and fileOffset() give a number up to 2 ** 53 - 1 only",
  timeout,
  fn() {
    fc.assert(fc.property(offsets, (offset) => {
      const wanted = represented(offset);
      assertEquals(exactOffset(offset), wanted);
      assertEquals(exactOffset(wanted), wanted);
      assertEquals(fileOffset("read", offset), wanted);
      assertEquals(fileOffset("write", wanted), wanted);
    }));
  },
});

Deno.test({
  name: "exactOffset() leaves alone what no file has",
  timeout,
  fn() {
    const least = Number.MIN_SAFE_INTEGER;
    const below = BigInt(least) - 1n;
    for (const offset of [0.5, -1, NaN, least, below]) {
      assertEquals(exactOffset(offset), offset);
    }
    assertEquals(exactOffset(BigInt(least)), least);
  },
});

Deno.test({
  name: "offsetAfter() is exact, and a number wherever one is",
  timeout,
  fn() {
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
  },
});
