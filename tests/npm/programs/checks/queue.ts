/** What the interface promises of completion queues. */
import { AioFile, allocatePinned, CompletionQueue } from "@posix/aio";
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { BLOCK_BYTES, type Checks, fifo, fileOf, isLinux } from "./kit.ts";

const NOTIFY_MODES = ["auto", "suspend", "thread", "poll"] as const;

export const queueChecks: Checks = {
  "CompletionQueue ends its iteration when it is closed": async () => {
    await using file = await AioFile.open(fileOf(2));
    const queue = new CompletionQueue<number>();
    queue.submit([0, 1].map((tag) => ({
      type: "read",
      file,
      buffer: new Uint8Array(BLOCK_BYTES),
      offset: tag * BLOCK_BYTES,
      tag,
    })));
    const closed = queue.close();
    const tags = [];
    for await (const { tag, buffer, file: of } of queue) {
      tags.push(tag);
      assert.ok(buffer!.every((byte) => byte === tag));
      assert.equal(of, file);
    }
    await closed;
    assert.deepEqual(tags.sort(), [0, 1]);
    assert.throws(() => queue.sync(file, 3), { code: "EBADF" });
  },
  "CompletionQueue needs no tags": async () => {
    await using file = await AioFile.open(fileOf(1));
    await using queue = new CompletionQueue();
    const buffer = new Uint8Array(BLOCK_BYTES);
    queue.read(file, buffer, 0);
    queue.submit([{ type: "read", file, buffer, offset: 0 }]);
    const tags: undefined[] = [];
    for await (const { tag, bytes } of queue.drain()) {
      assert.equal(bytes, BLOCK_BYTES);
      tags.push(tag);
    }
    assert.deepEqual(tags, [undefined, undefined]);
  },
};

for (const notify of NOTIFY_MODES) {
  const name =
    `CompletionQueue with notify ${notify} yields every request once`;
  queueChecks[name] = async () => {
    await using file = await AioFile.open(fileOf(64), {
      read: true,
      write: true,
    });
    await using queue = new CompletionQueue<number>({ notify });
    const COUNT = 300;
    for (let tag = 0; tag < COUNT; tag++) {
      const offset = (tag % 64) * BLOCK_BYTES;
      queue.read(file, allocatePinned(512), offset, tag);
    }
    queue.sync(file, -1);
    const tags = new Set<number>();
    for await (const { tag, bytes, error } of queue.drain()) {
      assert.equal(error, null);
      assert.equal(bytes, tag === -1 ? 0 : 512);
      assert.ok(!tags.has(tag));
      tags.add(tag);
    }
    assert.equal(tags.size, COUNT + 1);
    assert.equal(queue.inFlight, 0);
  };
}

if (isLinux) {
  const name = "CompletionQueue tells of failures and cancellations";
  queueChecks[name] = async () => {
    await using file = await AioFile.open(fileOf(1), { write: true });
    const pipe = AioFile.adopt(fifo());
    await using queue = new CompletionQueue<string>();
    queue.read(file, new Uint8Array(1), 0, "not for reading");
    for (let count = 0; count < 8; count++) {
      queue.read(pipe, new Uint8Array(1), 0, "pipe");
    }
    const canceled = queue.cancel("pipe");
    assert.ok(canceled > 0);
    writeSync(pipe.fd, new Uint8Array(8));
    const codes: Record<string, number> = {};
    for await (const { error } of queue.drain()) {
      const code = error?.code ?? "done";
      codes[code] = (codes[code] ?? 0) + 1;
    }
    assert.equal(codes.EBADF, 1);
    assert.equal(codes.ECANCELED, canceled);
    assert.equal(codes.done ?? 0, 8 - canceled);
    await pipe.close();
  };
}
