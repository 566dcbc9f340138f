// Bounce buffers: how many there are, and what happens without memory.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
  releaseBounceBuffer,
  takeBounceBuffer,
  trimBounceBuffers,
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
    const buffer = takeBounceBuffer(BOUNCE_BYTES_MAX);
    if (buffer === null) break;
    taken.push(buffer);
  }
  return taken;
}

test("takeBounceBuffer() takes 64 MiB at most, and what comes back again", {
  ignore: !isLinux,
}, () => {
  const taken = takeAll();
  assertEquals(taken.length, 64);
  assertEquals(takeBounceBuffer(1), null);
  releaseBounceBuffer(taken[0]);
  assert(takeBounceBuffer(BOUNCE_BYTES_MAX) === taken[0]);
  // Free ones of another length make room.
  releaseBounceBuffer(taken[0]);
  const short = takeBounceBuffer(1)!;
  assertEquals(short.bytes.byteLength, 4096);
  for (const buffer of [...taken.slice(1), short]) releaseBounceBuffer(buffer);
  trimBounceBuffers(0);
});

test("takeBounceBuffer() returns null without memory while others are in use", {
  ignore: !isLinux,
}, () => {
  const buffer = takeBounceBuffer(1)!;
  using _ = new NoMemory(Infinity);
  assertEquals(takeBounceBuffer(1), null);
  releaseBounceBuffer(buffer);
  assert(takeBounceBuffer(1) === buffer);
  releaseBounceBuffer(buffer);
  trimBounceBuffers(0);
  assertThrows(() => takeBounceBuffer(1), OutOfMemoryError, "4096 bytes");
});

test("takeBounceBuffer() gives up free ones for one of another length", {
  ignore: !isLinux,
}, () => {
  releaseBounceBuffer(takeBounceBuffer(1)!);
  using frees = new Frees();
  using _ = new NoMemory(1);
  const buffer = takeBounceBuffer(BOUNCE_BYTES_MAX)!;
  assertEquals([buffer.bytes.byteLength, frees.count], [BOUNCE_BYTES_MAX, 1]);
  releaseBounceBuffer(buffer);
  trimBounceBuffers(0);
});
