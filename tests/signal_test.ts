// Cancellation: AbortSignal, and cancel(). A read of an empty FIFO is the
// request that runs; what is submitted behind it has not begun.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { getEventListeners } from "node:events";
import { AioError, AioFile, metrics } from "../mod.ts";
import {
  assertAioError,
  assertBytes,
  closeSync,
  constants,
  decode,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  openSync,
  pattern,
  untilBlocked,
} from "./helpers.ts";
import { testsOnFirstThread } from "./first_thread.ts";

const testOnFirstThread = testsOnFirstThread(import.meta.url);

const timeout = 10_000;
const MIB = 1024 * 1024;

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

/** What a promise rejects with, of whatever type. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("It did not reject");
}

Deno.test({
  name: "a signal that is aborted already rejects, and nothing is submitted",
  timeout,
  async fn() {
    using directory = new Directory();
    const path = directory.file("contents");
    await using file = await AioFile.open(path, { read: true, write: true });
    const { submitted } = metrics();
    for (const reason of [new Error("why"), "why", 0, null, undefined]) {
      const signal = AbortSignal.abort(reason);
      const calls = [
        file.readAt(new Uint8Array(8), 0, { signal }),
        file.writeAt(new Uint8Array(8), 0, { signal }),
        ...(isLinux ? [file.append(new Uint8Array(8), { signal })] : []),
        file.sync({ signal }),
        file.syncData({ signal }),
      ];
      for (const call of calls) {
        assertEquals(await reasonOf(call), signal.reason);
      }
      assertEquals(listeners(signal), 0);
    }
    assertEquals(metrics().submitted, submitted);
    assertEquals(Deno.readTextFileSync(path), "contents");
  },
});

testOnFirstThread({
  name: "a signal rejects a request that has not begun, and the others go on",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const buffers = [1, 2, 3].map(() => new Uint8Array(1));
    const { read: running } = await fifo.blockedRead(buffers[0]);
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = fifo.file.readAt(buffers[1], 0, { signal });
    const last = fifo.file.readAt(buffers[2], 0);
    const before = metrics();
    const reason = new Error("changed my mind");
    controller.abort(reason);
    assertEquals(await reasonOf(waiting), reason);
    assertEquals(metrics().canceled - before.canceled, 1);
    assertEquals(metrics().failed, before.failed);
    assert(await isPending(Promise.race([running, last]), 1));
    fifo.feed("ab");
    assertEquals(await Promise.all([running, last]), [1, 1]);
    assertEquals(buffers.map(decode), ["a", "\0", "b"]);
  },
});

for (const reason of [undefined, null, 0, "", false, "text", new Error("e")]) {
  testOnFirstThread({
    name: `a signal aborted with ${Deno.inspect(reason).split("\n")[0]} ` +
      "rejects with its reason",
    ignore: !isLinux,
    timeout,
    async fn() {
      await using fifo = new Fifo();
      await fifo.blockedRead();
      const controller = new AbortController();
      const { signal } = controller;
      const waiting = fifo.file.readAt(new Uint8Array(1), 0, { signal });
      controller.abort(reason);
      assert(Object.is(await reasonOf(waiting), signal.reason));
    },
  });
}

testOnFirstThread({
  name: "a signal leaves a request that runs to its own outcome",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const controller = new AbortController();
    const into = new Uint8Array(4);
    const { read } = await fifo.blockedRead(into, controller.signal);
    controller.abort();
    assert(await isPending(read));
    fifo.feed("data");
    assertEquals(await read, 4);
    assertEquals(decode(into), "data");
  },
});

testOnFirstThread({
  name: "a signal leaves a write that runs to its own outcome",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const controller = new AbortController();
    const { write } = await fifo.blockedWrite(encode("x"), controller.signal);
    controller.abort();
    assert(await isPending(write));
    fifo.drain();
    assertEquals(await write, 1);
  },
});

testOnFirstThread({
  name: "a signal does not hide how much of a write was written",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const controller = new AbortController();
    // Longer than the library's own memory: it goes in two pieces.
    const from = pattern(MIB + 1);
    const { write } = await fifo.blockedWrite(from, controller.signal);
    controller.abort("enough");
    const outcome = assertAioError(write, "ECANCELED", {
      bytesTransferred: MIB,
    });
    await fifo.take(fifo.filling + MIB);
    assertEquals((await outcome).cause, "enough");
  },
});

testOnFirstThread({
  name: "a signal aborted while a request runs does not hide its own error",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const controller = new AbortController();
    const { signal } = controller;
    // Its reader goes away while it runs.
    const reader = openSync(
      fifo.path,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    await using writer = AioFile.adopt(
      openSync(fifo.path, constants.O_WRONLY),
    );
    fifo.fill();
    fifo.closeControl();
    await fifo.file.close();
    const write = writer.writeAt(encode("x"), 0, { signal });
    const outcome = assertAioError(write, "EPIPE", { syscall: "aio_write" });
    await untilBlocked(fifo.path);
    controller.abort();
    closeSync(reader);
    await outcome;
    assertEquals(listeners(signal), 0);
  },
});

testOnFirstThread({
  name: "AbortSignal.timeout() rejects a request that waits for too long",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    await fifo.blockedRead();
    const read = fifo.file.readAt(new Uint8Array(1), 0, {
      signal: AbortSignal.timeout(10),
    });
    const error = await assertRejects(() => read, DOMException) as DOMException;
    assertEquals(error.name, "TimeoutError");
  },
});

testOnFirstThread({
  name: "AbortSignal.any() and a signal for many requests reject all that wait",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    await fifo.blockedRead();
    const controller = new AbortController();
    const never = new AbortController().signal;
    const signal = AbortSignal.any([controller.signal, never]);
    const reads = Array.from(
      { length: 500 },
      () => fifo.file.readAt(new Uint8Array(1), 0, { signal }),
    );
    assertEquals(listeners(signal), 500);
    const outcomes = Promise.allSettled(reads);
    controller.abort("enough");
    for (const outcome of await outcomes) {
      assertEquals(outcome, { status: "rejected", reason: "enough" });
    }
    assertEquals(listeners(signal), 0);
  },
});

testOnFirstThread({
  name: "a signal does not keep listeners of requests that are settled",
  ignore: !isLinux,
  timeout,
  async fn() {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file("contents"));
    const controller = new AbortController();
    const { signal } = controller;
    await file.readAt(new Uint8Array(8), 0, { signal });
    assertEquals(listeners(signal), 0);
    await assertAioError(
      file.writeAt(new Uint8Array(8), 0, { signal }),
      "EBADF",
    );
    assertEquals(listeners(signal), 0);

    await using fifo = new Fifo();
    const { read } = await fifo.blockedRead(new Uint8Array(1), signal);
    const waiting = fifo.file.readAt(new Uint8Array(1), 0, { signal });
    const outcome = assertAioError(waiting, "ECANCELED");
    assertEquals(listeners(signal), 2);
    assertEquals(await fifo.file.cancel(), 1);
    await outcome;
    assertEquals(listeners(signal), 1);
    fifo.feed("x");
    await read;
    assertEquals(listeners(signal), 0);
    controller.abort(); // Nothing is left that it could reach.
    assertEquals(await file.readAt(new Uint8Array(8), 0), 8);
  },
});

Deno.test({
  name: "a signal does not reject a request twice, or one that is settled",
  timeout,
  async fn() {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file(pattern(4096)));
    for (let round = 0; round < 200; round++) {
      const controller = new AbortController();
      const { signal } = controller;
      const into = new Uint8Array(4096);
      const read = file.readAt(into, 0, { signal });
      if (round % 2 === 0) await read;
      controller.abort("late");
      const outcome = await read.catch((reason) => reason);
      if (outcome === 4096) assertBytes(into, pattern(4096));
      else assertEquals(outcome, "late");
      assert(round % 2 === 1 || outcome === 4096);
    }
  },
});

Deno.test({
  name: "a signal settles each of 2,000 requests with bytes or its reason",
  timeout,
  async fn() {
    using directory = new Directory();
    const contents = pattern(512 * 1000);
    await using file = await AioFile.open(directory.file(contents));
    const controller = new AbortController();
    const { signal } = controller;
    const before = metrics();
    const buffers = Array.from({ length: 2000 }, () => new Uint8Array(512));
    const reads = buffers.map((into, at) =>
      file.readAt(into, at % 1000 * 512, { signal })
    );
    const outcomes = Promise.allSettled(reads);
    await reads[10];
    controller.abort("enough");
    let canceled = 0;
    (await outcomes).forEach((outcome, at) => {
      if (outcome.status === "rejected") {
        assertEquals(outcome.reason, "enough");
        canceled++;
      } else {
        assertEquals(outcome.value, 512);
        const offset = at % 1000 * 512;
        assertBytes(buffers[at], contents.subarray(offset, offset + 512));
      }
    });
    assertEquals(metrics().canceled - before.canceled, canceled);
    assertEquals(metrics().completed - before.completed, 2000 - canceled);
    assertEquals(listeners(signal), 0);
  },
});

Deno.test({
  name: "a signal settles a long transfer with all bytes or its reason",
  timeout,
  async fn() {
    using directory = new Directory();
    const contents = pattern(10 * MIB);
    await using file = await AioFile.open(directory.file(contents));
    for (const wait of [0, 1, 5]) {
      const controller = new AbortController();
      const into = new Uint8Array(10 * MIB);
      const read = file.readAt(into, 0, { signal: controller.signal });
      const outcome = read.catch((reason) => reason);
      for (let turn = 0; turn < wait; turn++) await file.size();
      controller.abort("enough");
      if (await outcome === "enough") continue;
      assertEquals(await outcome, 10 * MIB);
      assertBytes(into, contents);
    }
    assertEquals(await file.readAt(new Uint8Array(9), 0), 9);
  },
});

testOnFirstThread({
  name: "a signal rejects a synchronization that waits for a write",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const { write } = await fifo.blockedWrite(encode("x"));
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = fifo.file.sync({ signal });
    const other = fifo.file.sync();
    const outcome = assertAioError(other, "EINVAL");
    controller.abort("enough");
    assertEquals(await reasonOf(aborted), "enough");
    fifo.drain();
    assertEquals(await write, 1);
    await outcome;
  },
});

testOnFirstThread({
  name: "a signal rejects a synchronization that waits for its turn",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const { read } = await fifo.blockedRead();
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = fifo.file.sync({ signal });
    const other = fifo.file.sync();
    const outcome = assertAioError(other, "EINVAL");
    // It is not known to the system yet, or behind the read.
    assert(await isPending(aborted));
    controller.abort("enough");
    assertEquals(await reasonOf(aborted), "enough");
    fifo.feed("x");
    assertEquals(await read, 1);
    await outcome;
  },
});

testOnFirstThread({
  name: "cancel() rejects what has not begun with ECANCELED, and counts it",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const { file } = fifo;
    const { read } = await fifo.blockedRead();
    const before = metrics();
    const waiting = [
      file.readAt(new Uint8Array(9), 7),
      file.writeAt(new Uint8Array(9), 7),
      file.append(new Uint8Array(9)),
    ];
    const outcomes = Promise.allSettled(waiting);
    assertEquals(await file.cancel(), 3);
    const errors = (await outcomes).map((outcome) => {
      assertEquals(outcome.status, "rejected");
      return (outcome as PromiseRejectedResult).reason;
    });
    for (const [at, error] of errors.entries()) {
      assert(error instanceof AioError);
      assertEquals(error.code, "ECANCELED");
      assertEquals(error.syscall, at === 0 ? "aio_read" : "aio_write");
      assertEquals(error.fd, file.fd);
      assertEquals(error.bytesTransferred, 0);
    }
    assertEquals(errors[0].offset, 7);
    assertEquals(metrics().canceled - before.canceled, 3);
    assertEquals(metrics().failed, before.failed);
    assert(await isPending(read));
    fifo.feed("x");
    assertEquals(await read, 1);
  },
});

testOnFirstThread({
  name: "cancel() leaves the file usable, and other files alone",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    await using other = new Fifo();
    await fifo.blockedRead();
    const { read } = await other.blockedRead();
    const unharmed = other.file.readAt(new Uint8Array(1), 0);
    const canceled = assertAioError(
      fifo.file.readAt(new Uint8Array(1), 0),
      "ECANCELED",
    );
    assertEquals(await fifo.file.cancel(), 1);
    assertEquals(await fifo.file.cancel(), 0);
    await canceled;
    assert(await isPending(Promise.race([read, unharmed])));
    other.feed("ab");
    assertEquals(await Promise.all([read, unharmed]), [1, 1]);
    const next = fifo.file.readAt(new Uint8Array(1), 0);
    fifo.feed("ab");
    assertEquals(await next, 1);
  },
});

Deno.test({
  name: "cancel() with nothing in flight resolves with 0",
  timeout,
  async fn() {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file("contents"));
    assertEquals(await file.cancel(), 0);
    await file.readAt(new Uint8Array(8), 0);
    assertEquals(await file.cancel(), 0);
  },
});

Deno.test({
  name: "cancel() counts exactly those of 3,000 requests that it cancels",
  timeout,
  async fn() {
    using directory = new Directory();
    const path = directory.file(pattern(512 * 1000));
    await using file = await AioFile.open(path, { read: true, write: true });
    for (let round = 0; round < 5; round++) {
      const operations = Array.from({ length: 1000 }, (_, at) => [
        file.readAt(new Uint8Array(512), at * 512),
        file.writeAt(pattern(512, at * 512), at * 512),
        at % 50 === 0 ? file.sync() : file.readAt(new Uint8Array(1), at),
      ]).flat();
      const outcomes = Promise.allSettled(operations);
      if (round > 0) await operations[round * 3];
      const canceled = await file.cancel();
      const rejected = (await outcomes).flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason.code] : []
      );
      assertEquals(new Set(rejected).size, canceled > 0 ? 1 : 0);
      assert(rejected.every((code) => code === "ECANCELED"));
      assertEquals(rejected.length, canceled);
    }
    // No write that was canceled left a part of itself.
    assertBytes(Deno.readFileSync(path), pattern(512 * 1000));
  },
});

testOnFirstThread({
  name: "cancel() reaches synchronizations that wait for a write",
  ignore: !isLinux,
  timeout,
  async fn() {
    await using fifo = new Fifo();
    const { write } = await fifo.blockedWrite(encode("x"));
    const syncs = [fifo.file.sync(), fifo.file.syncData()];
    const outcomes = syncs.map((sync) =>
      assertAioError(sync, "ECANCELED", { syscall: "aio_fsync" })
    );
    assertEquals(await fifo.file.cancel(), 2);
    await Promise.all(outcomes);
    fifo.drain();
    assertEquals(await write, 1);
  },
});
