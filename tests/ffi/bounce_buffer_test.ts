// Bounce buffers: how many there are, and what happens without memory.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  alignedBounces,
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
  halfPageBounces,
  isCopiedSlowly,
} from "../../ffi/bounce_buffer.ts";
import { librt } from "../../ffi/librt.ts";
import { OutOfMemoryError } from "../../ffi/memory.ts";
import { isLinux, test } from "../helpers/mod.ts";
import { Frees } from "../helpers/frees.ts";

/** The system has no memory for so many of the next calls. */
class NoMemory implements Disposable {
  readonly #bound = librt() as {
    aligned_alloc: (...args: number[]) => unknown;
  };
  readonly #aligned_alloc = this.#bound.aligned_alloc;

  constructor(calls: number) {
    this.#bound.aligned_alloc = (...args) =>
      calls-- > 0 ? null : this.#aligned_alloc(...args);
  }

  [Symbol.dispose](): void {
    this.#bound.aligned_alloc = this.#aligned_alloc;
  }
}

/** Takes as many of the longest as there are. */
function takeAll(): BounceBuffer[] {
  const taken: BounceBuffer[] = [];
  for (let count = 0; count < 1_000; count++) {
    const buffer = alignedBounces.take(BOUNCE_BYTES_MAX);
    if (buffer === null) break;
    taken.push(buffer);
  }
  return taken;
}

test("BouncePool.take() takes 64 MiB at most, and what comes back again", {
  ignore: !isLinux,
}, () => {
  const taken = takeAll();
  assertEquals(taken.length, 64);
  assertEquals(alignedBounces.take(1), null);
  alignedBounces.release(taken[0]);
  assert(alignedBounces.take(BOUNCE_BYTES_MAX) === taken[0]);
  // Free ones of another length make room.
  alignedBounces.release(taken[0]);
  const short = alignedBounces.take(1)!;
  assertEquals(short.bytes.byteLength, 4096);
  for (const buffer of [...taken.slice(1), short]) {
    alignedBounces.release(buffer);
  }
  alignedBounces.trim(0);
});

test("BouncePool.take() returns null without memory while others are in use", {
  ignore: !isLinux,
}, () => {
  const buffer = alignedBounces.take(1)!;
  using _ = new NoMemory(Infinity);
  assertEquals(alignedBounces.take(1), null);
  alignedBounces.release(buffer);
  assert(alignedBounces.take(1) === buffer);
  alignedBounces.release(buffer);
  alignedBounces.trim(0);
  assertThrows(() => alignedBounces.take(1), OutOfMemoryError, "4096 bytes");
});

test("isCopiedSlowly() tells of memory that lies a little further behind its page", () => {
  const cases: [address: number, offset: number | bigint, isSlow: boolean][] = [
    [0x5000, 0, false],
    [0x5001, 0, true],
    [0x5010, 4096 * 9, true],
    [0x501f, 0n, true],
    [0x5020, 0, false],
    [0x5800, 0, false],
    [0x5ff0, 0, false],
    [0x5010, 16, false],
    [0x5010, 2n ** 60n + 15n, true],
    [0x6000, 4080, true],
    [0x6000, 2n ** 60n - 31n, true],
    [0x6000, 4064, false],
  ];
  for (const [address, offset, isSlow] of cases) {
    const found = isCopiedSlowly(address, offset);
    assertEquals(found, isSlow, `${address} from ${offset}`);
  }
});

test(
  "bounce buffers are aligned where that is wanted, and else half a page away",
  {
    ignore: !isLinux,
  },
  () => {
    const places = [alignedBounces, halfPageBounces].map((pool) => {
      const buffer = pool.take(1)!;
      pool.release(buffer);
      pool.trim(0);
      return buffer.address % 4096;
    });
    assertEquals(places, [0, 2048]);
  },
);

test("BouncePool.take() gives up free ones for one of another length", {
  ignore: !isLinux,
}, () => {
  alignedBounces.release(alignedBounces.take(1)!);
  using frees = new Frees();
  using _ = new NoMemory(1);
  const buffer = alignedBounces.take(BOUNCE_BYTES_MAX)!;
  assertEquals([buffer.bytes.byteLength, frees.count], [BOUNCE_BYTES_MAX, 1]);
  alignedBounces.release(buffer);
  alignedBounces.trim(0);
});
