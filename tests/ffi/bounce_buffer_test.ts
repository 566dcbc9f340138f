// Bounce buffers: how many there are, and what happens without memory.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
  nativeBounces,
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
    const buffer = nativeBounces.take(BOUNCE_BYTES_MAX);
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
  assertEquals(nativeBounces.take(1), null);
  nativeBounces.release(taken[0]);
  assert(nativeBounces.take(BOUNCE_BYTES_MAX) === taken[0]);
  // Free ones of another length make room.
  nativeBounces.release(taken[0]);
  const short = nativeBounces.take(1)!;
  assertEquals(short.bytes.byteLength, 4096);
  for (const buffer of [...taken.slice(1), short]) {
    nativeBounces.release(buffer);
  }
  nativeBounces.trim(0);
});

test("BouncePool.take() returns null without memory while others are in use", {
  ignore: !isLinux,
}, () => {
  const buffer = nativeBounces.take(1)!;
  using _ = new NoMemory(Infinity);
  assertEquals(nativeBounces.take(1), null);
  nativeBounces.release(buffer);
  assert(nativeBounces.take(1) === buffer);
  nativeBounces.release(buffer);
  nativeBounces.trim(0);
  assertThrows(() => nativeBounces.take(1), OutOfMemoryError, "4096 bytes");
});

test("BouncePool.take() gives up free ones for one of another length", {
  ignore: !isLinux,
}, () => {
  nativeBounces.release(nativeBounces.take(1)!);
  using frees = new Frees();
  using _ = new NoMemory(1);
  const buffer = nativeBounces.take(BOUNCE_BYTES_MAX)!;
  assertEquals([buffer.bytes.byteLength, frees.count], [BOUNCE_BYTES_MAX, 1]);
  nativeBounces.release(buffer);
  nativeBounces.trim(0);
});
