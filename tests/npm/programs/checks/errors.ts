/** What the interface promises of errors and cancellation. */
import { AioError, AioFile, isPinned } from "@posix/aio";
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  BLOCK_BYTES,
  type Checks,
  fifo,
  fileOf,
  isLinux,
  newPath,
} from "./kit.ts";

export const errorChecks: Checks = {
  "open() rejects with an AioError that tells all": async () => {
    const path = newPath();
    await assert.rejects(AioFile.open(path), (error) => {
      assert.ok(error instanceof AioError);
      assert.ok(error instanceof Error);
      const { name, code, errno, syscall } = error;
      assert.deepEqual(
        { name, code, errno, syscall, path: error.path },
        { name: "AioError", code: "ENOENT", errno: 2, syscall: "open", path },
      );
      assert.ok(error.message.includes(path));
      return true;
    });
  },

  "readAt() rejects when the descriptor is not open for reading": async () => {
    await using file = await AioFile.open(fileOf(1), { write: true });
    await assert.rejects(file.readAt(new Uint8Array(1), 0), { code: "EBADF" });
  },

  "readAt() rejects wrong arguments": async () => {
    await using file = await AioFile.open(fileOf(1));
    await assert.rejects(file.readAt(new Uint8Array(1), -1), RangeError);
    await assert.rejects(
      file.readAt([null] as unknown as Uint8Array[], 0),
      TypeError,
    );
  },

  // Engines compile a check again once it was made often enough.
  "writeAt() refuses a view that is out of bounds, after many empty ones":
    async () => {
      const options = { write: true, createNew: true };
      await using file = await AioFile.open(newPath(), options);
      const empty = new Uint8Array(0);
      for (let checks = 0; checks < 20_000; checks++) isPinned(empty);
      const buffer = new ArrayBuffer(20, { maxByteLength: 40 });
      const outside = new Uint8Array(buffer, 10, 10);
      buffer.resize(5);
      assert.throws(() => isPinned(outside), TypeError);
      for (const from of [outside, [new Uint8Array(4), outside]]) {
        await assert.rejects(file.writeAt(from, 0), TypeError);
      }
      assert.equal(await file.size(), 0);
    },

  "readAt() does not begin with a signal that is aborted": async () => {
    await using file = await AioFile.open(fileOf(1));
    const bytes = new Uint8Array(1).fill(7);
    const signal = AbortSignal.abort();
    await assert.rejects(file.readAt(bytes, 0, { signal }), {
      name: "AbortError",
    });
    assert.equal(bytes[0], 7);
  },
};

if (isLinux) {
  Object.assign(errorChecks, {
    "readAt() stops at an AbortSignal": async () => {
      const file = AioFile.adopt(fifo());
      const controller = new AbortController();
      const reading = Array.from(
        { length: 64 },
        () => file.readAt(new Uint8Array(1), 0, { signal: controller.signal }),
      );
      controller.abort(new Error("enough"));
      // Those that have begun wait for a byte each.
      writeSync(file.fd, new Uint8Array(64));
      const settled = await Promise.allSettled(reading);
      const aborted = settled.filter(({ status }) => status === "rejected");
      assert.ok(aborted.length > 0);
      for (const one of aborted) {
        assert.equal((one as PromiseRejectedResult).reason.message, "enough");
      }
      await file.close();
    },

    "cancel() takes back what has not begun": async () => {
      const file = AioFile.adopt(fifo());
      const reading = Array.from(
        { length: 8 },
        () => file.readAt(new Uint8Array(1), 0),
      );
      const settled = Promise.allSettled(reading);
      assert.ok(await file.cancel() > 0);
      writeSync(file.fd, new Uint8Array(8));
      const outcomes = await settled;
      const canceled = outcomes.find(({ status }) => status === "rejected");
      assert.equal(
        (canceled as PromiseRejectedResult).reason.code,
        "ECANCELED",
      );
      await file.close();
    },

    "readAt() of a pipe leaves the other files alone": async () => {
      const pipe = AioFile.adopt(fifo());
      const waiting = pipe.readAt(new Uint8Array(1), 0);
      // Once the library has gone to wait on another thread.
      await delay(50);
      await using file = await AioFile.open(fileOf(4));
      assert.equal(await file.readAt(new Uint8Array(10), 0), 10);
      assert.equal(await file.size(), 4 * BLOCK_BYTES);
      writeSync(pipe.fd, "x");
      assert.equal(await waiting, 1);
      await pipe.close();
    },

    "writeAt() rejects when the device is full": async () => {
      await using full = await AioFile.open("/dev/full", { write: true });
      await assert.rejects(full.writeAt(new Uint8Array(10), 0), {
        code: "ENOSPC",
        bytesTransferred: 0,
      });
    },
  });
}
