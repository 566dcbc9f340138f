/** What the interface promises of pipes. */
import { AioFile, configure } from "@posix/aio";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import {
  BLOCK_BYTES,
  type Checks,
  fifo,
  fileOf,
  isLinux,
  PAGE_CACHE,
} from "./kit.ts";

/** More than a pipe holds, in more calls than one. */
const LONG_BYTES = 1024 * 1024;
const SHORT_BYTES = 100;
/** More than there are threads for requests. */
const PIPES = 33;
/** More than any engine has wait at once. */
const TERMINALS = 20;

export const pipeChecks: Checks = isLinux
  ? {
    "readAt() of a pipe that stays silent is aborted, and takes nothing":
      async () => {
        const fd = fifo();
        const file = AioFile.adopt(fd);
        const signal = AbortSignal.timeout(10);
        const into = new Uint8Array(1);
        await assert.rejects(file.readAt(into, 0, { signal }), {
          name: "TimeoutError",
        });
        writeSync(fd, "x");
        assert.equal(await file.readAt(new Uint8Array(2), 0), 1);
        assert.equal(into[0], 0);
        await file.close();
      },

    "readAt() of a file is served while pipes wait, which close() cancels":
      async () => {
        const pipes = Array.from(
          { length: PIPES },
          () => AioFile.adopt(fifo()),
        );
        const writes = pipes.map((pipe) =>
          pipe.writeAt(new Uint8Array(LONG_BYTES), 0)
        );
        const outcomes = Promise.allSettled(writes);
        // Served behind the first part of each of those.
        await using last = AioFile.adopt(fifo());
        await last.writeAt(new Uint8Array(1), 0);
        await using file = await AioFile.open(fileOf(1));
        const bytes = new Uint8Array(BLOCK_BYTES);
        // What the page cache has would need no thread.
        configure({ pageCache: false });
        assert.equal(await file.readAt(bytes, 0), BLOCK_BYTES);
        configure({ pageCache: PAGE_CACHE });
        await Promise.all(pipes.map((pipe) => pipe.close({ cancel: true })));
        for (const outcome of await outcomes) {
          assert.equal(outcome.status, "rejected");
          assert.equal(outcome.reason.code, "ECANCELED");
          assert.ok(outcome.reason.bytesTransferred > 0);
        }
      },

    "writeAt() to a terminal goes on while reads of many wait for what it answers":
      async () => {
        // The master's side of each: what is typed comes back.
        const terminals = await Promise.all(
          Array.from(
            { length: TERMINALS },
            () => AioFile.open("/dev/ptmx", "r+"),
          ),
        );
        const into = Buffer.alloc(TERMINALS);
        const reads = terminals.map((terminal, at) =>
          terminal.readAt(into.subarray(at, at + 1), 0)
        );
        for (const terminal of terminals) {
          assert.equal(await terminal.writeAt(Buffer.from("x"), 0), 1);
        }
        const counts = await Promise.all(reads);
        assert.ok(counts.every((count) => count === 1));
        assert.equal(into.toString(), "x".repeat(TERMINALS));
        await Promise.all(terminals.map((terminal) => terminal.close()));
      },

    "writeAt() to a pipe writes all of it before the next one": async () => {
      const fd = fifo();
      await using file = AioFile.adopt(fd, { closeFd: false });
      const writes = [
        file.writeAt(Buffer.alloc(LONG_BYTES, "a"), 0),
        file.writeAt(Buffer.alloc(SHORT_BYTES, "b"), 0),
      ];
      const { O_RDONLY, O_NONBLOCK } = constants;
      const reader = openSync(`/proc/self/fd/${fd}`, O_RDONLY | O_NONBLOCK);
      const taken = Buffer.alloc(LONG_BYTES + SHORT_BYTES);
      for (let at = 0; at < taken.length;) {
        try {
          const bytes = Math.min(BLOCK_BYTES, taken.length - at);
          at += readSync(reader, taken, at, bytes, null);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "EAGAIN");
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
      closeSync(reader);
      await Promise.all(writes);
      assert.ok(taken.subarray(0, LONG_BYTES).every((byte) => byte === 0x61));
      assert.ok(taken.subarray(LONG_BYTES).every((byte) => byte === 0x62));
    },
  }
  : {};
