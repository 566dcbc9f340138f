// Whatever a program does with its buffers while requests are in flight, no byte
// goes where it does not belong.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AioFile, metrics } from "../../mod.ts";
import { openFileOf } from "../../lib/file/aio_file.ts";
import {
  assertBytes,
  closeSync,
  decode,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  openSync,
  pattern,
  placesOf,
  report,
  test,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;
/** There with `--v8-flags=--expose-gc`. */
const { gc } = globalThis as { gc?: () => void };

/** The ways in which a program can pull memory away from a view. */
const removals: Record<
  string,
  (view: Uint8Array<ArrayBuffer>) => ArrayBuffer
> = {
  "transfer()": (view) => view.buffer.transfer(),
  "transfer() to another length": (view) => view.buffer.transfer(1 << 20),
  "structuredClone()": ({ buffer }) =>
    structuredClone(buffer, { transfer: [buffer] }),
  "postMessage()": ({ buffer }) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, [buffer]);
    port1.close();
    port2.close();
    return new ArrayBuffer(0);
  },
};

for (const [how, remove] of Object.entries(removals)) {
  test(`readAt() rejects with TypeError when ${how} takes the buffer away`, {
    ignore: !isLinux,
  }, async () => {
    await using fifo = new Fifo();
    const running = new Uint8Array(8);
    const waiting = new Uint8Array(8);
    const { read } = await fifo.waitingRead(running);
    const second = fifo.file.readAt(waiting, 0);
    const outcomes = [
      assertRejects(() => read, TypeError, "detached"),
      assertRejects(() => second, TypeError, "detached"),
    ];
    const taken = [running, waiting].map(remove);
    fifo.feed("abc");
    await Promise.all(outcomes);
    for (const buffer of taken) {
      assert(new Uint8Array(buffer).every((byte) => byte === 0));
    }
    // No bytes are gone with them; the file goes on.
    assertEquals(decode(fifo.drain()), "abc");
    fifo.feed("next");
    const into = new Uint8Array(4);
    assertEquals(await fifo.file.readAt(into, 0), 4);
    assertEquals(decode(into), "next");
  });

  test(`writeAt() rejects with TypeError when ${how} takes the buffer away`, {
    ignore: !isLinux,
  }, async () => {
    await using fifo = new Fifo();
    const running = encode("running");
    const waiting = encode("waiting");
    const { write } = await fifo.waitingWrite(running);
    const second = fifo.file.writeAt(waiting, 0);
    const outcomes = [
      assertRejects(() => write, TypeError, "detached"),
      assertRejects(() => second, TypeError, "detached"),
    ];
    [running, waiting].forEach(remove);
    fifo.drain();
    await Promise.all(outcomes);
    assertEquals(fifo.drain().length, 0);
    assertEquals(await fifo.file.writeAt(encode("next"), 0), 4);
    assertEquals(decode(fifo.drain()), "next");
  });
}

test("readAt() rejects with TypeError when its buffer is made smaller", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const shrunk = new ArrayBuffer(4096, { maxByteLength: 8192 });
  const emptied = new ArrayBuffer(4096, { maxByteLength: 8192 });
  const { read } = await fifo.waitingRead(new Uint8Array(shrunk));
  const waiting = fifo.file.readAt(new Uint8Array(emptied), 0);
  const outcomes = [
    assertRejects(() => read, TypeError, "shorter"),
    assertRejects(() => waiting, TypeError, "shorter"),
  ];
  shrunk.resize(2);
  emptied.resize(0);
  fifo.feed("abcdef");
  await Promise.all(outcomes);
  assertEquals(new Uint8Array(shrunk), new Uint8Array(2));
});

test("writeAt() rejects with TypeError when its buffer is made smaller", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const shrunk = new ArrayBuffer(4096, { maxByteLength: 8192 });
  const emptied = new ArrayBuffer(4096, { maxByteLength: 8192 });
  const { write } = await fifo.waitingWrite(new Uint8Array(shrunk));
  const waiting = fifo.file.writeAt(new Uint8Array(emptied), 0);
  const outcomes = [
    assertRejects(() => write, TypeError, "shorter"),
    assertRejects(() => waiting, TypeError, "shorter"),
  ];
  shrunk.resize(2);
  emptied.resize(0);
  fifo.drain();
  await Promise.all(outcomes);
});

test("readAt() fills a view that is still there though its buffer is smaller", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const buffer = new ArrayBuffer(4096, { maxByteLength: 8192 });
  const view = new Uint8Array(buffer, 10, 6);
  const { read } = await fifo.waitingRead(view);
  buffer.resize(16);
  fifo.feed("abcdef");
  assertEquals(await read, 6);
  assertEquals(decode(view), "abcdef");
  assertEquals(new Uint8Array(buffer, 0, 10), new Uint8Array(10));
});

for (const [place, where] of placesOf(import.meta.url)) {
  test(`readAt() reads as much as it was asked to when memory grows ${place}`, {
    ignore: !isLinux,
    ...where,
  }, async () => {
    await using fifo = new Fifo();
    const options = { maxByteLength: 65_536 };
    const shared = new SharedArrayBuffer(4, options);
    const own = new ArrayBuffer(4, options);
    const { read } = await fifo.waitingRead(new Uint8Array(shared));
    const waiting = fifo.file.readAt(new Uint8Array(own), 0);
    shared.grow(65_536);
    own.resize(65_536);
    fifo.feed("abcdef");
    assertEquals([await read, await waiting], [4, 2]);
    assertEquals(decode(new Uint8Array(shared, 0, 8)), "abcd\0\0\0\0");
    assertEquals(decode(new Uint8Array(own, 0, 8)), "ef\0\0\0\0\0\0");
  });

  test(
    `readAt() of a file reads what it was asked for when memory grows ${place}`,
    {
      pageCache: false,
      ...where,
    },
    async () => {
      using directory = new Directory();
      await using file = await AioFile.open(directory.file("abcdef"));
      const buffer = new SharedArrayBuffer(4, { maxByteLength: 65_536 });
      const read = file.readAt(new Uint8Array(buffer), 0);
      buffer.grow(65_536);
      assertEquals(await read, 4);
      assertEquals(decode(new Uint8Array(buffer, 0, 8)), "abcd\0\0\0\0");
    },
  );
}

test("long transfers reject with TypeError when their buffer is taken away", async () => {
  using directory = new Directory();
  const contents = pattern(5 * MIB);
  const path = directory.file(contents);
  await using file = await AioFile.open(path, { read: true, write: true });
  for (let turns = 0; turns < 5; turns++) {
    const into = new Uint8Array(5 * MIB);
    const from = contents.slice();
    const read = file.readAt(into, 0);
    const write = file.writeAt(from, 0);
    const outcomes = Promise.allSettled([read, write]);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    into.buffer.transfer();
    from.buffer.transfer();
    for (const outcome of await outcomes) {
      assertEquals(outcome.status, "rejected");
      const { reason } = outcome as PromiseRejectedResult;
      assert(reason instanceof TypeError, `${reason}`);
    }
  }
  assertBytes(Deno.readFileSync(path), contents);
});

test("1,000 buffers taken away at once are 1,000 TypeErrors and no harm", {
  // A read that is answered at once has its bytes before that.
  pageCache: false,
}, async () => {
  using directory = new Directory();
  const contents = pattern(512 * 1000);
  const path = directory.file(contents);
  await using file = await AioFile.open(path, { read: true, write: true });
  const before = metrics();
  const operations: Promise<number>[] = [];
  const kept: Promise<void>[] = [];
  for (let at = 0; at < 1000; at++) {
    const offset = at * 512;
    const taken = contents.slice(offset, offset + 512);
    operations.push(
      at % 2 === 0 ? file.readAt(taken, offset) : file.writeAt(taken, offset),
    );
    const into = new Uint8Array(512);
    kept.push(
      file.readAt(into, offset).then(() =>
        assertBytes(into, contents.subarray(offset, offset + 512))
      ),
    );
    taken.buffer.transfer();
  }
  for (const outcome of await Promise.allSettled(operations)) {
    assertEquals(outcome.status, "rejected");
    assert((outcome as PromiseRejectedResult).reason instanceof TypeError);
  }
  await Promise.all(kept);
  assertEquals(metrics().failed - before.failed, 1000);
  assertEquals(metrics().inFlight, 0);
  assertBytes(Deno.readFileSync(path), contents);
});

test("buffers and blocks dropped in flight and collected leave no wrong byte", {
  // More requests at once than other systems take.
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const { requests, collections, wrong } = await report("dropped_requests", {
    pageCache: false,
    args: [directory.path],
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
  });
  assert(requests >= 100_000, `${requests} requests`);
  assert(collections >= 50, `${collections} collections`);
  assertEquals(wrong, []);
});

test("requests that are dropped keep their memory until they are done", {
  ignore: !isLinux,
}, async () => {
  const { reads, writes } = await report("dropped_on_fifo", {
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
  });
  assertEquals({ reads, writes }, { reads: [[], []], writes: [[], []] });
});

test("a file that nobody closes is forgotten once its requests are done", {
  ignore: gc === undefined,
  onFirstThread: import.meta.url,
}, async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("contents"), "r+");
  const files: WeakRef<object>[] = [];
  for (let count = 0; count < 50; count++) {
    const file = AioFile.adopt(fd, { closeFd: false });
    files.push(new WeakRef(openFileOf(file).queueFor("write")));
    await file.writeAt(encode("x"), 0);
  }
  // What was looked at in this turn is alive.
  await delay(1);
  gc!();
  const alive = files.filter((file) => file.deref() !== undefined).length;
  assert(alive < 25, `${alive} files are alive`);
  closeSync(fd);
});
