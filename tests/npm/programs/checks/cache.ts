/** What the interface promises of reads that the page cache answers. */
import {
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
} from "@posix/aio";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  BLOCK_BYTES,
  type Check,
  type Checks,
  fileOf,
  HAS_PAGE_CACHE,
  PAGE_CACHE,
} from "./kit.ts";

const BLOCKS = 64;
/** How many answers a turn of the event loop has at most. */
const ANSWERS_MAX = 256;

const MEMORIES: Record<string, (byteLength: number) => Uint8Array> = {
  ordinary: (byteLength) => new Uint8Array(byteLength),
  "a part": (byteLength) => new Uint8Array(byteLength + 9).subarray(7, -2),
  Buffer: (byteLength) => Buffer.alloc(byteLength),
  pinned: (byteLength) => allocatePinned(byteLength),
  shared: (byteLength) =>
    new Uint8Array(new SharedArrayBuffer(byteLength + 9), 5, byteLength),
};

/** Whether bytes are those of a file, from an offset on. */
function isRight(bytes: Uint8Array, offset: number): boolean {
  return bytes.every((byte, at) =>
    byte === Math.floor((offset + at) / BLOCK_BYTES)
  );
}

function hits(): number {
  return metrics().cacheHits;
}

/** Whether the page cache answered so many, or at most: a ring has many at once. */
function isHits(count: number, reads: number): boolean {
  return count === reads || hasRing() && count < reads;
}

function hasRing(): boolean {
  return metrics().engine === "io_uring";
}

/** A check with a cached file, whose reads are asked of the page cache. */
function withFile(fn: (file: AioFile) => Promise<void>): Check {
  return async () => {
    configure({ pageCache: true });
    try {
      await using file = await AioFile.open(fileOf(BLOCKS));
      await fn(file);
    } finally {
      configure({ pageCache: PAGE_CACHE });
    }
  };
}

export const cacheChecks: Checks = HAS_PAGE_CACHE
  ? {
    "readAt() of what is cached is answered by the page cache": withFile(
      async (file) => {
        for (const [kind, allocate] of Object.entries(MEMORIES)) {
          for (const length of [1, 100, 16_384, 16_385, 131_072]) {
            for (const offset of [0, 5 * BLOCK_BYTES - 3]) {
              const into = allocate(length).fill(255);
              const before = hits();
              assert.equal(await file.readAt(into, offset), length);
              assert.equal(hits(), before + 1, `${kind} of ${length}`);
              assert.ok(isRight(into, offset), `${kind} of ${length}`);
              assert.equal(await file.readAt(into, BigInt(offset)), length);
              assert.ok(isRight(into, offset));
            }
          }
          const end = BLOCKS * BLOCK_BYTES;
          assert.equal(await file.readAt(allocate(9), end - 4), 4);
          assert.equal(await file.readAt(allocate(20_000), end - 4), 4);
          assert.equal(await file.readAt(allocate(9), end), 0);
          assert.equal(await file.readAt(allocate(9), 2 ** 40), 0);
        }
      },
    ),

    "readAt() of what is cached leaves timers their turn": withFile(
      async (file) => {
        const into = new Uint8Array(BLOCK_BYTES);
        let isDue = false;
        setTimeout(() => isDue = true, 1);
        for (let reads = 0; !isDue; reads++) {
          assert.ok(reads < 100_000, "it does not");
          await file.readAt(into, 0);
        }
      },
    ),

    "reads that wait for the next turn are answered, or canceled": withFile(
      async (file) => {
        const before = metrics();
        const blocks = Array.from(
          { length: 300 },
          () => new Uint8Array(BLOCK_BYTES),
        );
        const reads = blocks.map((block, at) =>
          file.readAt(block, at % BLOCKS * BLOCK_BYTES)
        );
        const answered = hits() - before.cacheHits;
        assert.ok(answered > 0 && answered <= ANSWERS_MAX, `${answered}`);
        await Promise.all(reads);
        assert.ok(isHits(hits() - before.cacheHits, 300), `${hits()} hits`);
        blocks.forEach((block, at) =>
          assert.ok(isRight(block, at % BLOCKS * BLOCK_BYTES))
        );
        const others = blocks.map((block) => file.readAt(block, 0));
        const canceled = await file.cancel();
        const outcomes = await Promise.allSettled(others);
        const rejected = outcomes.filter(({ status }) => status === "rejected");
        // What a ring has done is not canceled.
        const canceledMin = hasRing() ? 0 : 300 - ANSWERS_MAX;
        assert.ok(canceled >= canceledMin, `${canceled} canceled`);
        assert.equal(rejected.length, canceled);
        const after = metrics();
        assert.equal(after.submitted - before.submitted, 600);
        assert.equal(after.completed - before.completed, 600 - canceled);
        assert.equal(after.canceled - before.canceled, canceled);
      },
    ),

    "CompletionQueue yields what the page cache answers": withFile(
      async (file) => {
        await using queue = new CompletionQueue<number>();
        const before = hits();
        for (let tag = 0; tag < BLOCKS; tag++) {
          const into = new Uint8Array(BLOCK_BYTES);
          queue.read(file, into, tag * BLOCK_BYTES, tag);
        }
        const tags: number[] = [];
        for await (const { tag, buffer, bytes, error } of queue.drain()) {
          assert.equal(error, null);
          assert.equal(bytes, BLOCK_BYTES);
          assert.ok(isRight(buffer!, tag * BLOCK_BYTES));
          tags.push(tag);
        }
        assert.equal(new Set(tags).size, BLOCKS);
        assert.ok(isHits(hits() - before, BLOCKS), `${hits()} hits`);
      },
    ),

    "configure() switches the page cache off": withFile(async (file) => {
      configure({ pageCache: false });
      const before = hits();
      const into = new Uint8Array(BLOCK_BYTES);
      assert.equal(await file.readAt(into, BLOCK_BYTES), BLOCK_BYTES);
      assert.ok(isRight(into, BLOCK_BYTES));
      assert.equal(hits(), before);
    }),

    "POSIX_AIO_PAGE_CACHE says what holds unless a program does": async () => {
      await using file = await AioFile.open(fileOf(1));
      const before = hits();
      await file.readAt(new Uint8Array(1), 0);
      assert.equal(hits() - before, PAGE_CACHE ? 1 : 0);
    },
  }
  : {};
