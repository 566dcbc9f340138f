// readable() and writable(): every byte once and in order, no more at once than
// agreed, and nothing left behind however they end.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { writeSync } from "node:fs";
import { AioError, AioFile, allocatePinned, metrics } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  closeSync,
  concat,
  constants,
  decode,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  openSync,
  pattern,
  test,
  turn,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;

/** The rest of a stream, chunk by chunk. */
async function chunksOf(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return chunks;
    chunks.push(value!);
  }
}

async function bytesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array> {
  return concat(await chunksOf(stream.getReader()));
}

for (const chunkSize of [undefined, 4096]) {
  test(`readable() gives its last bytes to a reader that wants more at least, in chunks of ${chunkSize}`, async () => {
    using directory = new Directory();
    const contents = pattern(100_003);
    await using file = await AioFile.open(directory.file(contents));
    const reader = file.readable({ chunkSize }).getReader({ mode: "byob" });
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(8192), {
        min: 5000,
      });
      chunks.push(value!);
      if (done) break;
    }
    assertBytes(concat(chunks), contents);
  });
}

test("readable() and writable() need no global streams, and are those of the runtime", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { read: true, write: true });
  const { ReadableStream, WritableStream } = globalThis;
  Object.assign(globalThis, { ReadableStream: null, WritableStream: null });
  try {
    assert(file.readable() instanceof ReadableStream);
    assert(file.writable() instanceof WritableStream);
  } finally {
    Object.assign(globalThis, { ReadableStream, WritableStream });
  }
});

/** Requests that are not settled, wherever they wait. */
function unsettled(): number {
  const { inFlight, queued } = metrics();
  return inFlight + queued;
}

/** A FIFO of which only the reading end is a file; it ends with its writer. */
function pipe(fifo: Fifo): { source: AioFile; writer: number } {
  const source = AioFile.adopt(openSync(fifo.path, constants.O_RDONLY));
  const writer = openSync(fifo.path, constants.O_WRONLY);
  fifo.closeControl();
  return { source, writer };
}

test("readable() hands out each byte once, around every boundary", async () => {
  using directory = new Directory();
  for (const size of [0, 1, 7, 8, 9, 16, 17]) {
    const contents = pattern(size);
    await using file = await AioFile.open(directory.file(contents));
    for (const offset of [0, 1, 8, 16, 20]) {
      for (const length of [undefined, 0, 1, 8, 9, 100]) {
        for (const chunkSize of [1, 3, 8, 64]) {
          for (const depth of [1, 2, 5]) {
            const options = { offset, length, chunkSize, depth };
            const chunks = await chunksOf(file.readable(options).getReader());
            const expected = contents.slice(offset, offset + (length ?? 99));
            const name = JSON.stringify({ size, ...options });
            assertEquals(concat(chunks), expected, name);
            chunks.forEach(({ length }, index) => {
              const isLast = index === chunks.length - 1;
              assert(isLast ? length > 0 : length === chunkSize, name);
            });
          }
        }
      }
    }
  }
  assertEquals(unsettled(), 0);
});

test("readable() has good defaults for a whole file", async () => {
  using directory = new Directory();
  const contents = pattern(5 * MIB + 1);
  await using file = await AioFile.open(directory.file(contents));
  assertBytes(await bytesOf(file.readable()), contents);
  assertBytes(
    await bytesOf(file.readable({ offset: 4 * MIB })),
    contents.subarray(4 * MIB),
  );
  assertEquals(
    await bytesOf(file.readable({ offset: 2 ** 52 })),
    new Uint8Array(),
  );
});

for (const depth of [1, 3, 8]) {
  test(`readable() is ${depth} chunks ahead of its reader`, async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file(pattern(1000)));
    const before = metrics().submitted;
    const submitted = () => metrics().submitted - before;
    const reader = file.readable({ chunkSize: 10, depth }).getReader();
    await delay(5);
    assertEquals(submitted(), 0, "it read although nobody asked");
    for (let count = 1; count <= 40; count++) {
      await reader.read();
      assert(submitted() >= count, "it handed out what it did not read");
      if (count % 10 === 0) {
        await delay(5);
        assertEquals(submitted(), count + depth);
      }
      assert(submitted() <= count + depth, `${submitted()} at ${count}`);
    }
    await reader.cancel();
  });
}

test("readable() reads nothing ahead of a file that a chunk is long enough for", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  const { submitted } = metrics();
  assertEquals(await bytesOf(file.readable()), pattern(1000));
  assertEquals(metrics().submitted - submitted, 1);
});

test("readable() reads into the buffers of a BYOB reader", async () => {
  using directory = new Directory();
  const contents = pattern(1000);
  await using file = await AioFile.open(directory.file(contents));
  for (const bufferSize of [1, 10, 64, 100, 999, 1000, 1001, 5000]) {
    for (const chunkSize of [64, 300, 5000]) {
      const reader = file.readable({ chunkSize }).getReader({ mode: "byob" });
      const parts: Uint8Array[] = [];
      for (;;) {
        const view = new Uint8Array(bufferSize);
        const { done, value } = await reader.read(view);
        if (done) break;
        assert(value!.length > 0, "an empty part");
        parts.push(value!);
      }
      assertBytes(concat(parts), contents);
    }
  }
});

test("readable() goes wherever a stream can go", async () => {
  using directory = new Directory();
  const text = "äöü€😀\n".repeat(5000);
  const contents = encode(text);
  await using file = await AioFile.open(directory.file(contents));
  const stream = () => file.readable({ chunkSize: 1001 });

  assertEquals(await new Response(stream()).text(), text);

  const [left, right] = stream().tee();
  assertBytes(await bytesOf(left), contents);
  assertBytes(await bytesOf(right), contents);

  const decoded: string[] = [];
  await stream().pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (part) => void decoded.push(part) }),
  );
  assertEquals(decoded.join(""), text);

  const parts: Uint8Array[] = [];
  for await (const chunk of stream()) parts.push(chunk);
  assertBytes(concat(parts), contents);

  const unzipped = stream()
    .pipeThrough(new CompressionStream("gzip"))
    .pipeThrough(new DecompressionStream("gzip"));
  assertBytes(await bytesOf(unzipped), contents);
  assertEquals(unsettled(), 0);
});

test("readable() gives its chunks away for good", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(100)));
  const reader = file.readable({ chunkSize: 30 }).getReader();
  const taken: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    // Throws if somebody else needs the buffer, or it cannot be detached.
    const buffer = value!.buffer as ArrayBuffer;
    taken.push(structuredClone(value!, { transfer: [buffer] }));
    assertEquals(value!.byteLength, 0);
  }
  assertBytes(concat(taken), pattern(100));
});

test("readable() has chunks whose memory is no longer than they are", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(150)));
  const chunks = await chunksOf(file.readable({ chunkSize: 100 }).getReader());
  assertEquals(chunks.map(({ byteLength }) => byteLength), [100, 50]);
  const memory = chunks.map(({ buffer }) => buffer.byteLength);
  assertEquals(memory, [100, 50]);
});

test("readable() streams of one file have nothing to do with each other", async () => {
  using directory = new Directory();
  const contents = pattern(20_000);
  await using file = await AioFile.open(directory.file(contents));
  const streams = Array.from(
    { length: 20 },
    (_, index) => file.readable({ offset: index * 100, chunkSize: 512 }),
  );
  await streams[7].cancel();
  const read = await Promise.all(
    streams.filter((_, index) => index !== 7).map(bytesOf),
  );
  read.forEach((bytes, index) => {
    assertBytes(
      bytes,
      contents.subarray((index < 7 ? index : index + 1) * 100),
    );
  });
});

test("readable() that is canceled leaves nothing in flight", async () => {
  using directory = new Directory();
  const contents = pattern(4 * MIB);
  await using file = await AioFile.open(directory.file(contents));
  for (let round = 0; round < 30; round++) {
    const depth = 1 + round % 3;
    const stream = file.readable({ chunkSize: MIB, depth });
    const reader = stream.getReader();
    await delay(0); // Until it is started.
    if (round % 2 === 0) await reader.read();
    const reading = reader.read();
    await reader.cancel("enough");
    assertEquals(unsettled(), 0, `round ${round}`);
    const { done } = await reading;
    assert(done, "it was canceled, and read on");
    assertEquals(await reader.read(), { done: true, value: undefined });
  }
  for await (const chunk of file.readable({ chunkSize: 10 })) {
    assertEquals(chunk.length, 10);
    break;
  }
  assertEquals(unsettled(), 0);
  assertBytes(await bytesOf(file.readable()), contents);
});

test("readable() ends where the file ends that is cut short meanwhile", async () => {
  using directory = new Directory();
  const contents = pattern(1000);
  await using file = await AioFile.open(directory.file(contents), {
    read: true,
    write: true,
  });
  for (const depth of [1, 4]) {
    await file.writeAt(contents, 0);
    const reader = file.readable({ chunkSize: 10, depth }).getReader();
    const parts = [
      (await reader.read()).value!,
      (await reader.read()).value!,
    ];
    await file.truncate(555);
    parts.push(...await chunksOf(reader));
    assertBytes(concat(parts), contents.subarray(0, 555));
    assertEquals(unsettled(), 0);
  }
});

test("readable() fails with the error of the read that failed", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using folder = await AioFile.open(directory.path);
  await assertAioError(bytesOf(folder.readable()), "EISDIR");
  const path = directory.file(pattern(100));
  await using target = await AioFile.open(path, { write: true });
  const reader = target.readable().getReader();
  const error = await assertAioError(reader.read(), "EBADF");
  assertStrictEquals(await reader.closed.catch((reason) => reason), error);
  const byob = target.readable().getReader({ mode: "byob" });
  await assertAioError(byob.read(new Uint8Array(5)), "EBADF");
  await assertAioError(byob.closed, "EBADF");
  // None of the reads ahead is a rejection that nobody handles.
  await delay(5);
  assertEquals(unsettled(), 0);
});

test("readable() fails in the middle when its file is closed", async () => {
  using directory = new Directory();
  const file = await AioFile.open(directory.file(pattern(1000)));
  const reader = file.readable({ chunkSize: 10, depth: 2 }).getReader();
  const parts = [(await reader.read()).value!];
  await file.close();
  await assertAioError(
    (async () => {
      for (;;) parts.push((await reader.read()).value!);
    })(),
    "EBADF",
  );
  const read = concat(parts);
  assert(read.length < 1000, "it read all of a closed file");
  assertBytes(read, pattern(read.length));
});

test("readable() of a FIFO hands out what comes, until its writer is gone", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { source, writer } = pipe(fifo);
  await fifo.file.close();
  await using _closing = source;
  const reader = source.readable({ chunkSize: 5 }).getReader();
  const read = async () => {
    const { done, value } = await reader.read();
    return done ? null : decode(value!);
  };
  writeSync(writer, encode("abc"));
  assertEquals(await read(), "abc");
  const next = read();
  assert(await isPending(next), "it read what is not there");
  writeSync(writer, encode("0123456789"));
  assertEquals([await next, await read()], ["01234", "56789"]);
  closeSync(writer);
  assertEquals(await read(), null);
});

test("readable() of a FIFO takes no more out of it than its length", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  fifo.feed("abc");
  const stream = fifo.file.readable({ length: 7, chunkSize: 5, depth: 4 });
  const reader = stream.getReader();
  assertEquals(decode((await reader.read()).value!), "abc");
  fifo.feed("defghij");
  assertEquals(decode(concat(await chunksOf(reader))), "defg");
  assertEquals(decode(fifo.drain()), "hij");
});

test("readable() of a FIFO that is canceled takes nothing that comes later", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const reader = fifo.file.readable().getReader();
  const reading = reader.read();
  await delay(5);
  assertEquals(unsettled(), 1);
  await reader.cancel();
  assertEquals((await reading).done, true);
  assertEquals(unsettled(), 0);
  fifo.feed("xy");
  await turn();
  assertEquals(decode(fifo.drain()), "xy");
});

test("readable() that is canceled leaves the reads of others", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { read } = await fifo.waitingRead();
  const reader = fifo.file.readable().getReader();
  const reading = reader.read();
  await delay(5);
  assertEquals(unsettled(), 2);
  await reader.cancel();
  assertEquals((await reading).done, true);
  assertEquals(unsettled(), 1);
  fifo.feed("xy");
  assertEquals(await read, 1);
  assertEquals(decode(fifo.drain()), "y");
});

test("readable() rejects options that are none", async () => {
  using directory = new Directory();
  const file = await AioFile.open(directory.file("contents"));
  const wrong: [object, typeof TypeError | typeof RangeError][] = [
    [{ offset: -1 }, RangeError],
    [{ offset: 0.5 }, RangeError],
    [{ offset: "0" }, TypeError],
    [{ length: -1 }, RangeError],
    [{ length: NaN }, RangeError],
    [{ chunkSize: 0 }, RangeError],
    [{ chunkSize: -1 }, RangeError],
    [{ chunkSize: 1.5 }, RangeError],
    [{ depth: 0 }, RangeError],
    [{ depth: Infinity }, RangeError],
    [{ depth: "4" }, TypeError],
  ];
  for (const [options, expected] of wrong) {
    assertThrows(() => file.readable(options), expected);
  }
  await file.close();
  const error = assertThrows(() => file.readable(), AioError) as AioError;
  assertEquals(error.code, "EBADF");
});

test("writable() writes chunks of all sizes in order", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using file = await AioFile.open(path, { write: true });
  for (const depth of [1, 2, 4, 100]) {
    const sizes = [
      0,
      1,
      3 * MIB + 5,
      0,
      262_144,
      262_145,
      ...Array(500).keys(),
    ];
    const stream = file.writable({ depth });
    const writer = stream.getWriter();
    let at = 0;
    for (const size of sizes) {
      await writer.write(pattern(size, at));
      at += size;
    }
    await writer.close();
    assertBytes(Deno.readFileSync(path), pattern(at));
    assertEquals(unsettled(), 0);
    await file.truncate();
  }
});

test("writable() begins at its offset and leaves the rest alone", async () => {
  using directory = new Directory();
  const path = directory.file("0123456789");
  await using file = await AioFile.open(path, { write: true });
  const first = file.writable({ offset: 2 }).getWriter();
  await first.write(encode("abc"));
  await first.close();
  const second = file.writable({ offset: 12 }).getWriter();
  await second.write(encode("x"));
  await second.write(encode("y"));
  await second.close();
  assertEquals(Deno.readTextFileSync(path), "01abc56789\0\0xy");
  await file.writable().getWriter().close();
  assertEquals(Deno.readTextFileSync(path), "01abc56789\0\0xy");
});

test("writable() takes memory of every kind", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using file = await AioFile.open(path, { write: true });
  const chunks = [
    new Uint8Array(new SharedArrayBuffer(100)),
    allocatePinned(100),
    new Uint8Array(new ArrayBuffer(100, { maxByteLength: 200 })),
    new Uint8Array(300).subarray(100, 200),
    Deno.build.os === "linux" ? encode("x".repeat(100)) : new Uint8Array(100),
  ];
  const writer = file.writable().getWriter();
  for (const [index, chunk] of chunks.entries()) {
    chunk.set(pattern(100, index * 100));
    await writer.write(chunk);
  }
  await writer.close();
  assertBytes(Deno.readFileSync(path), pattern(500));
});

test("writable() lets the producer use its buffer again after write()", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using file = await AioFile.open(path, { write: true });
  for (const buffer of [new Uint8Array(5000), allocatePinned(5000)]) {
    const writer = file.writable({ depth: 8 }).getWriter();
    for (let index = 0; index < 100; index++) {
      buffer.set(pattern(5000, index * 5000));
      await writer.write(buffer);
      buffer.fill(0xff);
    }
    await writer.close();
    assertBytes(Deno.readFileSync(path), pattern(500_000));
  }
});

test("writable() has no more writes in flight than its depth", {
  ignore: !isLinux,
}, async () => {
  for (const depth of [1, 3]) {
    await using fifo = new Fifo();
    fifo.fill();
    const { length: filled } = fifo.drain();
    fifo.fill();
    const { submitted } = metrics();
    const writer = fifo.file.writable({ depth }).getWriter();
    const writes = Array.from(
      { length: 10 },
      (_, index) => writer.write(pattern(100, index * 100)),
    );
    await delay(20);
    assertEquals(metrics().submitted - submitted, depth);
    assertEquals(unsettled(), depth);
    assert(writer.desiredSize! <= 0, "it asks for more");
    const closing = writer.close();
    assert(await isPending(closing, 20), "close() did not wait");
    const taken = await fifo.take(filled + 1000);
    await Promise.all([...writes, closing]);
    assertBytes(taken.subarray(filled), pattern(1000));
  }
});

/** How many bytes there are of each character, but for NUL. */
function lengths(bytes: Uint8Array): Record<string, number> {
  const found: Record<string, number> = {};
  for (const byte of bytes) {
    if (byte === 0) continue;
    const character = String.fromCharCode(byte);
    found[character] = (found[character] ?? 0) + 1;
  }
  return found;
}

test("writable() that is aborted writes nothing more, whatever waits", {
  ignore: !isLinux,
}, async () => {
  for (const depth of [1, 2, 4]) {
    await using fifo = new Fifo();
    const other = encode("1".repeat(5000));
    const { write } = await fifo.waitingWrite(other);
    const writer = fifo.file.writable({ depth }).getWriter();
    const writes = Promise.allSettled(
      ["2", "3", "4", "5", "6", "7"].map((digit) =>
        writer.write(encode(digit.repeat(5000)))
      ),
    );
    await delay(5);
    await writer.abort(new Error("enough"));
    // All that waited are gone at once, but for what is not the stream's.
    assertEquals(unsettled(), 1);
    await writes;
    await assertRejects(() => writer.closed, Error, "enough");
    const written = await fifo.take(fifo.filling + 5000);
    assertEquals(await write, 5000);
    assertEquals(lengths(concat([written, fifo.drain()])), { "1": 5000 });
    // The file is not the stream's.
    assertEquals(await fifo.file.writeAt(encode("x"), 0), 1);
  }
});

test("writable() that is aborted ends a write of which a part is written", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  fifo.fill();
  const { length: capacity } = fifo.drain();
  const writer = fifo.file.writable({ depth: 2 }).getWriter();
  const writing = writer.write(encode("1".repeat(capacity + 5000)));
  const next = writer.write(encode("2".repeat(5000)));
  const outcomes = Promise.allSettled([writing, next]);
  await delay(5);
  assert(unsettled() > 0);
  await writer.abort(new Error("enough"));
  assertEquals(unsettled(), 0);
  await outcomes;
  await turn();
  // As much as there was room for, and nothing once there was more.
  assertEquals(lengths(fifo.drain()), { "1": capacity });
  await turn();
  assertEquals(fifo.drain().length, 0);
});

test("writable() fails on a full device, at the latest when it is closed", {
  ignore: !isLinux,
}, async () => {
  await using file = await AioFile.open("/dev/full", { write: true });
  const writer = file.writable().getWriter();
  const ready = writer.write(pattern(10));
  ready.catch(() => {});
  const error = await assertAioError(writer.close(), "ENOSPC");
  assertStrictEquals(await writer.closed.catch((reason) => reason), error);

  const many = file.writable({ depth: 2 }).getWriter();
  many.closed.catch(() => {});
  await assertAioError(
    (async () => {
      for (let count = 0; count < 100; count++) await many.write(pattern(10));
    })(),
    "ENOSPC",
  );
  await assertAioError(many.write(pattern(1)), "ENOSPC");
  await assertAioError(many.closed, "ENOSPC");
  assertEquals(unsettled(), 0);
});

test("writable() fails with the error of the write that failed", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path);
  const writer = file.writable().getWriter();
  writer.write(encode("x")).catch(() => {});
  writer.closed.catch(() => {});
  await assertAioError(writer.close(), "EBADF", { syscall: "aio_write" });
  const target = await AioFile.open(path, { write: true });
  const late = target.writable().getWriter();
  late.closed.catch(() => {});
  await target.close();
  late.write(encode("x")).catch(() => {});
  await assertAioError(late.close(), "EBADF");
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("writable() fails with a TypeError for a chunk that is none", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { write: true });
  const detached = new Uint8Array(4);
  structuredClone(detached, { transfer: [detached.buffer] });
  const wrong = [
    "text",
    7,
    null,
    undefined,
    {},
    new ArrayBuffer(4),
    new Uint16Array(4),
    new DataView(new ArrayBuffer(4)),
    detached,
  ];
  for (const chunk of wrong) {
    const writer = file.writable().getWriter();
    writer.closed.catch(() => {});
    await assertRejects(() => writer.write(chunk as Uint8Array), TypeError);
    await assertRejects(() => writer.close(), TypeError);
  }
  assertEquals(Deno.readTextFileSync(path), "contents");
  assertEquals(unsettled(), 0);
});

test("writable() of a file opened for appending appends in order", async () => {
  using directory = new Directory();
  const path = directory.file("head ");
  await using file = await AioFile.open(path, { append: true });
  const writer = file.writable({ depth: 8 }).getWriter();
  let expected = "head ";
  for (let index = 0; index < 300; index++) {
    expected += `${index};`;
    await writer.write(encode(`${index};`));
  }
  await writer.close();
  assertEquals(Deno.readTextFileSync(path), expected);
});

test("writable() rejects options that are none", async () => {
  using directory = new Directory();
  const file = await AioFile.open(directory.file(), { write: true });
  const wrong: [object, typeof TypeError | typeof RangeError][] = [
    [{ offset: -1 }, RangeError],
    [{ offset: 2 ** 53 }, RangeError],
    [{ offset: "0" }, TypeError],
    [{ depth: 0 }, RangeError],
    [{ depth: 1.5 }, RangeError],
    [{ depth: "4" }, TypeError],
  ];
  for (const [options, expected] of wrong) {
    assertThrows(() => file.writable(options), expected);
  }
  await file.close();
  const error = assertThrows(() => file.writable(), AioError) as AioError;
  assertEquals(error.code, "EBADF");
});

test("readable() and writable() copy a file through pipeTo()", async () => {
  using directory = new Directory();
  const contents = pattern(20 * MIB + 123);
  const path = directory.at("copy");
  await using source = await AioFile.open(directory.file(contents));
  await using target = await AioFile.open(path, {
    write: true,
    createNew: true,
  });
  await source.readable().pipeTo(target.writable());
  assertEquals(unsettled(), 0);
  assertBytes(Deno.readFileSync(path), contents);
});

test("readable() into writable() stops when the signal of pipeTo() says so", async () => {
  using directory = new Directory();
  const contents = pattern(MIB);
  const path = directory.at("copy");
  await using source = await AioFile.open(directory.file(contents));
  await using target = await AioFile.open(path, {
    write: true,
    createNew: true,
  });
  for (let round = 0; round < 10; round++) {
    const controller = new AbortController();
    const copying = source.readable({ chunkSize: 100 })
      .pipeTo(target.writable({ depth: 2 }), { signal: controller.signal });
    for (let turn = 0; turn < round; turn++) await delay(0);
    controller.abort(new Error("enough"));
    await assertRejects(() => copying, Error, "enough");
    assertEquals(unsettled(), 0, `round ${round}`);
    const copied = Deno.readFileSync(path);
    assert(copied.length < contents.length, "it did not stop");
    await target.truncate();
  }
});

test("readable() into writable() fails as the one that fails", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using source = await AioFile.open(directory.file(pattern(MIB)));
  await using full = await AioFile.open("/dev/full", { write: true });
  const copying = source.readable({ chunkSize: 1000 }).pipeTo(
    full.writable(),
  );
  await assertAioError(copying, "ENOSPC");
  await using folder = await AioFile.open(directory.path);
  const path = directory.at("copy");
  await using target = await AioFile.open(path, {
    write: true,
    createNew: true,
  });
  const other = folder.readable().pipeTo(target.writable());
  await assertAioError(other, "EISDIR");
  assertEquals(unsettled(), 0);
});
