// AioFile: reading, writing, and everything else that an open file does.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { AioFile, allocatePinned, metrics } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  closeSync,
  concat,
  constants,
  decode,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  openSync,
  pattern,
  test,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;
const READ_WRITE = { read: true, write: true };

/** The kinds of memory that transfers may use. */
const memories: Record<string, (byteLength: number) => Uint8Array> = {
  ordinary: (byteLength) => new Uint8Array(byteLength),
  pinned: allocatePinned,
  shared: (byteLength) => new Uint8Array(new SharedArrayBuffer(byteLength)),
  "growable shared": (byteLength) =>
    new Uint8Array(
      new SharedArrayBuffer(byteLength, { maxByteLength: byteLength + 4096 }),
    ),
  resizable: (byteLength) =>
    new Uint8Array(
      new ArrayBuffer(byteLength, { maxByteLength: byteLength + 4096 }),
    ),
  "an odd part": (byteLength) =>
    new Uint8Array(byteLength + 10).subarray(3, 3 + byteLength),
  "a pinned odd part": (byteLength) =>
    allocatePinned(byteLength + 10).subarray(3, 3 + byteLength),
  "a Node buffer": (byteLength) => Buffer.alloc(byteLength),
};

for (const [kind, allocate] of Object.entries(memories)) {
  test(`readAt() reads as far as the file goes, into memory that is ${kind}`, async () => {
    using directory = new Directory();
    const contents = pattern(10_007);
    await using file = await AioFile.open(directory.file(contents));
    for (
      const length of [1, 2, 511, 512, 4096, 4097, 10_006, 10_007, 20_000]
    ) {
      for (const offset of [0, 1, 511, 4096, 9_999, 10_006, 10_007, 10_008]) {
        const into = allocate(length).fill(0xee);
        const bytes = await file.readAt(into, offset);
        const expected = new Uint8Array(length).fill(0xee);
        expected.set(contents.subarray(offset, offset + length));
        assertEquals(bytes, Math.min(length, Math.max(0, 10_007 - offset)));
        assertBytes(into, expected);
      }
    }
  });

  test(`writeAt() writes every byte, from memory that is ${kind}`, async () => {
    using directory = new Directory();
    const path = directory.file();
    await using file = await AioFile.open(path, { write: true });
    const expected = new Uint8Array(10_007);
    for (const [length, offset] of [[1, 0], [4096, 5_911], [512, 77]]) {
      const from = allocate(length);
      from.set(pattern(length, offset));
      expected.set(from, offset);
      assertEquals(await file.writeAt(from, offset), length);
    }
    assertBytes(Deno.readFileSync(path), expected);
  });
}

test("readAt() touches nothing outside of its view", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(5000)));
  for (const allocate of [memories.ordinary, memories.pinned]) {
    const all = allocate(9000).fill(0xee);
    const bytes = await file.readAt(all.subarray(1001, 8001), 0);
    assertEquals(bytes, 5000);
    const expected = new Uint8Array(9000).fill(0xee);
    expected.set(pattern(5000), 1001);
    assertBytes(all, expected);
  }
});

test("readAt() leaves the rest of the buffer alone at end of file", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("end"));
  const into = new Uint8Array(6).fill(0x2e);
  assertEquals(await file.readAt(into, 1), 2);
  assertEquals(decode(into), "nd....");
});

test("readAt() resolves with 0 far past the end of file", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const far = [2 ** 40, Number.MAX_SAFE_INTEGER, 2n ** 53n + 1n, 2n ** 62n];
  for (const offset of far) {
    assertEquals(await file.readAt(new Uint8Array(9), offset), 0);
  }
});

test("readAt() and writeAt() take offsets as bigint", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), READ_WRITE);
  for (const offset of [0n, 1n, 4097n, 2n ** 32n - 1n, 2n ** 33n + 5n]) {
    const from = pattern(100, Number(offset));
    assertEquals(await file.writeAt(from, offset), 100);
    const into = new Uint8Array(100);
    assertEquals(await file.readAt(into, Number(offset)), 100);
    assertBytes(into, from);
  }
});

test(
  "readAt() and writeAt() take offsets above 2^53, where the file system does",
  { ignore: !isLinux },
  async () => {
    // tmpfs has files of up to 2^63 - 1 bytes, most others have not.
    using directory = new Directory("/dev/shm");
    await using file = await AioFile.open(directory.file(), READ_WRITE);
    const at = 2n ** 53n;
    await file.writeAt(pattern(3 * MIB + 1, 1), at + 1n);
    await file.writeAt(encode("x"), at);
    const into = new Uint8Array(4 * MIB);
    assertEquals(await file.readAt(into, at), 3 * MIB + 2);
    assertEquals(decode(into.subarray(0, 1)), "x");
    assertBytes(into.subarray(1, 3 * MIB + 2), pattern(3 * MIB + 1, 1));
    assertEquals(await file.readAt(into, at + BigInt(3 * MIB + 2)), 0);
  },
);

test("readAt() and writeAt() of an empty buffer resolve with 0", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, READ_WRITE);
  for (const allocate of Object.values(memories)) {
    assertEquals(await file.readAt(allocate(0), 0), 0);
    assertEquals(await file.readAt(allocate(0), 100), 0);
    assertEquals(await file.writeAt(allocate(0), 3), 0);
    assertEquals(await file.writeAt(allocate(0), 100), 0);
    if (isLinux) assertEquals(await file.append(allocate(0)), 0);
    assertEquals(await file.readAt(allocate(9).subarray(4, 4), 0), 0);
  }
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("readAt() and writeAt() transfer 10 MiB and odd sizes through ordinary memory", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), READ_WRITE);
  for (const length of [MIB, MIB + 1, 2 * MIB - 1, 10 * MIB + 12_345]) {
    const from = pattern(length + 7).subarray(7);
    assertEquals(await file.writeAt(from, 333), length);
    const into = new Uint8Array(length + 5).subarray(5);
    assertEquals(await file.readAt(into, 333), length);
    assertBytes(into, from);
    assertEquals(await file.readAt(into, 333 + MIB), length - MIB);
    assertBytes(into.subarray(0, length - MIB), from.subarray(MIB));
  }
});

test("readAt() and writeAt() transfer 64 MiB of pinned memory in place", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), READ_WRITE);
  const from = allocatePinned(64 * MIB);
  const page = pattern(65_521);
  for (let at = 0; at + page.length <= from.length; at += page.length) {
    from.set(page, at);
  }
  assertEquals(await file.writeAt(from, 1), from.length);
  const into = allocatePinned(64 * MIB);
  assertEquals(await file.readAt(into, 1), into.length);
  assertEquals(Buffer.compare(into, from), 0);
});

test("readAt() fills the buffer where single reads of the system are short", {
  ignore: !isLinux,
}, async () => {
  // One read() of /proc/kallsyms gives less than a page.
  const path = "/proc/kallsyms";
  const contents = readFileSync(path);
  await using file = await AioFile.open(path);
  for (const [length, offset] of [[65_537, 0], [10_000, 12_345]]) {
    for (const allocate of [memories.ordinary, memories.pinned]) {
      const into = allocate(length);
      assertEquals(await file.readAt(into, offset), length);
      assertBytes(into, contents.subarray(offset, offset + length));
    }
  }
  const into = new Uint8Array(10_000);
  const last = contents.length - 5000;
  assertEquals(await file.readAt(into, last), 5000);
  assertBytes(into.subarray(0, 5000), contents.subarray(last));
});

test("readAt() is not fooled by a view that lies about itself", async () => {
  class Liar extends Uint8Array {
    override get byteLength(): number {
      return 1 << 20;
    }
    override get length(): number {
      return 1 << 20;
    }
    override get byteOffset(): number {
      return 1 << 16;
    }
    override subarray(): Uint8Array<ArrayBuffer> {
      throw new Error("not to be called");
    }
    override set(): void {
      throw new Error("not to be called");
    }
  }
  using directory = new Directory();
  await using file = await AioFile.open(
    directory.file("contents"),
    READ_WRITE,
  );
  const liar = new Liar(4);
  assertEquals(await file.readAt(liar, 0), 4);
  assertEquals(await file.writeAt(liar, 4), 4);
  const all = new Uint8Array(9);
  assertEquals(await file.readAt(all, 0), 8);
  assertEquals(decode(all.subarray(0, 8)), "contcont");
});

test("readAt() settles 10,000 reads that are submitted at once", async () => {
  using directory = new Directory();
  const BLOCK = 512;
  const BLOCKS = 1000;
  const contents = pattern(BLOCK * BLOCKS);
  await using file = await AioFile.open(directory.file(contents));
  const before = metrics();
  const buffers = Array.from(
    { length: 10_000 },
    (_, at) => at % 2 === 0 ? new Uint8Array(BLOCK) : allocatePinned(BLOCK),
  );
  const reads = buffers.map((into, at) =>
    file.readAt(into, (at * 7 % BLOCKS) * BLOCK)
  );
  assertEquals(metrics().submitted - before.submitted, 10_000);
  const counts = await Promise.all(reads);
  assert(counts.every((count) => count === BLOCK));
  buffers.forEach((into, at) => {
    const offset = (at * 7 % BLOCKS) * BLOCK;
    assertBytes(into, contents.subarray(offset, offset + BLOCK));
  });
  const { submitted, completed, failed, canceled, inFlight, queued } =
    metrics();
  assertEquals(completed - before.completed, submitted - before.submitted);
  assertEquals([failed, canceled], [before.failed, before.canceled]);
  assertEquals([inFlight, queued], [0, 0]);
});

test("writeAt() settles 10,000 writes that are submitted at once", async () => {
  using directory = new Directory();
  const BLOCK = 100;
  const path = directory.file();
  await using file = await AioFile.open(path, { write: true });
  const writes = Array.from(
    { length: 10_000 },
    (_, at) => file.writeAt(pattern(BLOCK, at * BLOCK), at * BLOCK),
  );
  const counts = await Promise.all(writes);
  assert(counts.every((count) => count === BLOCK));
  assertBytes(Deno.readFileSync(path), pattern(BLOCK * 10_000));
});

test("readAt() on many files at once mixes nothing up", async () => {
  using directory = new Directory();
  const files = await Promise.all(
    Array.from({ length: 50 }, async (_, seed) => ({
      seed: seed * 1_000_003,
      file: await AioFile.open(
        directory.file(pattern(8192, seed * 1_000_003)),
      ),
    })),
  );
  const reads = files.flatMap(({ seed, file }) =>
    Array.from({ length: 40 }, async (_, at) => {
      const into = new Uint8Array(200);
      assertEquals(await file.readAt(into, at * 199), 200);
      assertBytes(into, pattern(200, seed + at * 199));
    })
  );
  await Promise.all(reads);
  await Promise.all(files.map(({ file }) => file.close()));
});

test("readAt() takes priorities, and rejects what is none", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(100)));
  const reads = [0, 20, 1, 19, 0, 7].map(async (priority, at) => {
    const into = new Uint8Array(10);
    assertEquals(await file.readAt(into, at, { priority }), 10);
    assertBytes(into, pattern(10, at));
  });
  await Promise.all(reads);
  for (const priority of [-1, 0.5, NaN, Infinity, 1_000_000]) {
    const read = file.readAt(new Uint8Array(1), 0, { priority });
    await assertRejects(() => read, RangeError, "priority");
  }
  for (const priority of ["1", null, {}]) {
    const wrong = { priority: priority as number };
    const read = file.readAt(new Uint8Array(1), 0, wrong);
    await assertRejects(() => read, TypeError, "priority");
  }
});

test("readAt(), writeAt() and append() reject wrong arguments and submit nothing", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, READ_WRITE);
  const detached = new Uint8Array(8);
  detached.buffer.transfer();
  const noBytes: unknown[] = [
    undefined,
    null,
    "text",
    8,
    [1, 2, 3],
    {},
    new ArrayBuffer(8),
    new SharedArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
    new Uint8ClampedArray(8),
    new Int8Array(8),
    new Uint32Array(8),
    Object.create(Uint8Array.prototype),
    new Proxy(new Uint8Array(8), {}),
    detached,
  ];
  const badOffsets: [unknown, typeof TypeError | typeof RangeError][] = [
    [-1, RangeError],
    [-1n, RangeError],
    [0.5, RangeError],
    [NaN, RangeError],
    [Infinity, RangeError],
    [2 ** 53, RangeError],
    [2n ** 63n, RangeError],
    [2n ** 64n, RangeError],
    [undefined, TypeError],
    [null, TypeError],
    ["0", TypeError],
    [{}, TypeError],
  ];
  const { submitted } = metrics();
  for (const value of noBytes) {
    const bytes = value as Uint8Array;
    await assertRejects(() => file.readAt(bytes, 0), TypeError, "into");
    await assertRejects(() => file.writeAt(bytes, 0), TypeError, "from");
    await assertRejects(() => file.append(bytes), TypeError, "from");
  }
  for (const [value, expected] of badOffsets) {
    const bytes = new Uint8Array(8);
    const offset = value as number;
    await assertRejects(() => file.readAt(bytes, offset), expected, "offset");
    await assertRejects(
      () => file.writeAt(bytes, offset),
      expected,
      "offset",
    );
  }
  for (const value of ["abort", {}, null, new EventTarget()]) {
    const wrong = { signal: value as AbortSignal };
    const bytes = new Uint8Array(8);
    await assertRejects(() => file.readAt(bytes, 0, wrong), TypeError);
    await assertRejects(() => file.writeAt(bytes, 0, wrong), TypeError);
    await assertRejects(() => file.append(bytes, wrong), TypeError);
    await assertRejects(() => file.sync(wrong), TypeError);
    await assertRejects(() => file.syncData(wrong), TypeError);
  }
  assertEquals(metrics().submitted, submitted);
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("writeAt() past the end leaves a hole of zeros", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("a"), READ_WRITE);
  await file.writeAt(encode("b"), 5);
  const into = new Uint8Array(9);
  assertEquals(await file.readAt(into, 0), 6);
  assertEquals(decode(into.subarray(0, 6)), "a\0\0\0\0b");
});

test(
  "readAt() on a FIFO resolves with what is there",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const into = new Uint8Array(100);
    fifo.feed("first");
    assertEquals(await fifo.file.readAt(into, 0), 5);
    const { read } = await fifo.waitingRead(into.subarray(5));
    fifo.feed("second");
    assertEquals(await read, 6);
    assertEquals(decode(into.subarray(0, 11)), "firstsecond");
  },
);

test("readAt() on a FIFO takes the bytes in the order of the calls", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const buffers = Array.from({ length: 100 }, () => new Uint8Array(10));
  const reads = buffers.map((into) => fifo.file.readAt(into, 0));
  fifo.feed(pattern(1000));
  assertEquals(await Promise.all(reads), buffers.map(() => 10));
  assertBytes(concat(buffers), pattern(1000));
});

test("writeAt() on a FIFO writes every byte in the order of the calls", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const bytes = pattern(3 * MIB + 1);
  const cuts = [0, 1, 5, MIB, MIB + 9, 3 * MIB, bytes.length];
  const writes = cuts.slice(1).map((end, index) =>
    fifo.file.writeAt(bytes.subarray(cuts[index], end), 0)
  );
  assertBytes(await fifo.take(bytes.length), bytes);
  const lengths = cuts.slice(1).map((end, index) => end - cuts[index]);
  assertEquals(await Promise.all(writes), lengths);
});

test("readAt() and writeAt() wait on a FIFO that does not block", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using file = AioFile.adopt(
    openSync(fifo.path, constants.O_RDWR | constants.O_NONBLOCK),
  );
  const into = new Uint8Array(10);
  const read = file.readAt(into, 0);
  assert(await isPending(read));
  fifo.feed("x");
  assertEquals(await read, 1);
  // More than it holds, so that there is no room for the rest at first.
  const write = file.writeAt(pattern(300_000), 0);
  assert(await isPending(write));
  assertBytes(await fifo.take(300_000), pattern(300_000));
  assertEquals(await write, 300_000);
});

test("readAt() is not held up by 100 reads that wait on FIFOs", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  await using fifos = new AsyncDisposableStack();
  const waiting: Promise<unknown>[] = [];
  for (let count = 0; count < 100; count++) {
    const fifo = fifos.use(new Fifo());
    waiting.push(fifo.file.readAt(new Uint8Array(1), 0));
  }
  assertEquals(await file.readAt(new Uint8Array(8), 0), 8);
  assert(await isPending(Promise.any(waiting), 1));
});

test("size() tells the size of the moment, and truncate() sets it", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, READ_WRITE);
  assertEquals(await file.size(), 8);
  await file.writeAt(encode("."), 8);
  assertEquals(await file.size(), 9);
  await file.truncate(4);
  assertEquals(Deno.readTextFileSync(path), "cont");
  await file.truncate(6);
  assertEquals(Deno.readTextFileSync(path), "cont\0\0");
  await file.truncate();
  assertEquals(await file.size(), 0);
  await file.truncate(2 ** 40);
  assertEquals(await file.size(), 2 ** 40);
});

test("sync() covers a truncate() before it", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), "r+");
  let done = 0;
  const truncations = Array.from({ length: 50 }, async (_, length) => {
    await file.truncate(length);
    done++;
  });
  await file.sync();
  assertEquals(done, truncations.length);
});

test("truncate() rejects lengths that are none, and changes nothing", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(
    directory.file("contents"),
    READ_WRITE,
  );
  for (const length of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    await assertRejects(() => file.truncate(length), RangeError, "length");
  }
  for (const length of ["4", null, {}]) {
    const wrong = length as number;
    await assertRejects(() => file.truncate(wrong), TypeError, "length");
  }
  assertEquals(await file.size(), 8);
});

test("sync() and syncData() resolve once the writes before them are done", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), { write: true });
  for (const sync of [() => file.sync(), () => file.syncData()]) {
    let done = 0;
    for (let at = 0; at < 200; at++) {
      file.writeAt(pattern(4096), at * 4096).then(() => done++);
      if (!isLinux || at % 20 !== 0) continue;
      file.append(pattern(100)).then(() => done++);
    }
    assertEquals(await sync(), undefined);
    assertEquals(done, isLinux ? 210 : 200);
  }
});

test("sync() resolves for many calls at once, between writes", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), { write: true });
  let written = 0;
  const operations: Promise<unknown>[] = [];
  for (let round = 0; round < 20; round++) {
    const expected = round + 1;
    operations.push(file.writeAt(pattern(512), round).then(() => written++));
    for (const sync of [file.sync(), file.syncData(), file.sync()]) {
      operations.push(sync.then(() => assert(written >= expected)));
    }
  }
  await Promise.all(operations);
});

test(
  "syncData() waits for a write that does not get on",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const { write } = await fifo.waitingWrite(encode("x"));
    const sync = fifo.file.syncData();
    assert(await isPending(sync));
    fifo.drain();
    assertEquals(await write, 1);
    // A FIFO cannot be synchronized.
    await assertAioError(sync, "EINVAL", { syscall: "aio_fsync" });
  },
);

test("close() waits for what is in flight and refuses what comes after", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const into = new Uint8Array(2);
  const { read } = await fifo.waitingRead(into.subarray(0, 1));
  const waiting = fifo.file.readAt(into.subarray(1), 0);
  const closing = fifo.file.close();
  await assertAioError(fifo.file.readAt(new Uint8Array(1), 0), "EBADF");
  assert(await isPending(closing));
  fifo.feed("ab");
  assertEquals([await read, await waiting], [1, 1]);
  assertEquals(decode(into), "ab");
  assertEquals(await closing, undefined);
});

test("close() waits for thousands of writes", async () => {
  using directory = new Directory();
  const path = directory.file();
  const file = await AioFile.open(path, { write: true });
  for (let at = 0; at < 5000; at++) {
    file.writeAt(pattern(10, at * 10), at * 10);
  }
  const size = file.size();
  const truncation = file.truncate(50_000);
  await file.close();
  assertBytes(Deno.readFileSync(path), pattern(50_000));
  assert(await size <= 50_000);
  await truncation;
});

test("close() a second time does nothing", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const file = await AioFile.open(path);
  assertEquals(await Promise.all([file.close(), file.close()]), [
    undefined,
    undefined,
  ]);
  // Its number may be another's by now, which must stay open.
  const fds = Array.from({ length: 5 }, () => openSync(path, "r"));
  await file.close();
  await file[Symbol.asyncDispose]();
  for (const fd of fds) closeSync(fd);
});

test("every call on a closed file but close() rejects with EBADF", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const file = await AioFile.open(path, READ_WRITE);
  const { fd } = file;
  await file.close();
  const { submitted } = metrics();
  const calls: Record<string, () => Promise<unknown>> = {
    readAt: () => file.readAt(new Uint8Array(1), 0),
    writeAt: () => file.writeAt(new Uint8Array(1), 0),
    append: () => file.append(new Uint8Array(1)),
    sync: () => file.sync(),
    syncData: () => file.syncData(),
    cancel: () => file.cancel(),
    size: () => file.size(),
    truncate: () => file.truncate(),
    batch: () =>
      file.batch([{ type: "read", buffer: new Uint8Array(1), offset: 0 }]),
  };
  for (const call of Object.values(calls)) {
    const error = await assertAioError(call(), "EBADF", { fd, path });
    assert(error.message.includes("is closed"), error.message);
  }
  assertEquals(metrics().submitted, submitted);
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("close() leaves no descriptor behind, whatever the file did", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const contents = directory.file(pattern(MIB));
  const open = () =>
    readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        const path = Deno.readLinkSync(`/proc/self/fd/${fd}`);
        return path.startsWith(directory.path) ? [path] : [];
      } catch {
        return []; // The descriptor that lists the others.
      }
    });
  const file = await AioFile.open(contents, READ_WRITE);
  assert(open().length > 0);
  const operations = Array.from({ length: 500 }, (_, at) => [
    file.readAt(new Uint8Array(4096), at * 100),
    file.writeAt(new Uint8Array(10), at),
    file.append(new Uint8Array(10)),
  ]);
  await Promise.all([...operations.flat(), file.sync()]);
  await file.close();
  assertEquals(open(), []);
});

test("await using closes the file", async () => {
  using directory = new Directory();
  let file: AioFile;
  {
    await using opened = await AioFile.open(directory.file("contents"));
    file = opened;
    file.readAt(new Uint8Array(8), 0);
  }
  await assertAioError(file.size(), "EBADF");
});
