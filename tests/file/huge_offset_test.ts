// Offsets beyond 2 ** 53, where not every integer is a number any more, and
// transfers beyond 2 ** 31, which a C int cannot tell.

import { assertEquals, assertThrows } from "@std/assert";
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  EIO,
} from "../../mod.ts";
import { platform } from "../../lib/system/constants.ts";
import {
  assertAioError,
  assertBytes,
  closeSync,
  concat,
  Directory,
  openSync,
  pattern,
  test,
} from "../helpers/mod.ts";

const READ_WRITE = { read: true, write: true };
const LAST = Number.MAX_SAFE_INTEGER;
const MIB = 1024 * 1024;

/** Files of such a size are none of a disk's. */
const MEMORY = "/dev/shm";
const ignore = !canHold(2n ** 60n);

function canHold(size: bigint): boolean {
  try {
    using directory = new Directory(MEMORY);
    using file = Deno.openSync(directory.file(), { write: true });
    // Deno.truncateSync() takes no bigint; this is exact.
    file.truncateSync(Number(size));
    return true;
  } catch {
    return false;
  }
}

/** Reads in one piece, at an offset that nothing is added to. */
async function bytesAt(
  file: AioFile,
  offset: bigint,
  length: number,
): Promise<Uint8Array> {
  const bytes = allocatePinned(length);
  return bytes.subarray(0, await file.readAt(bytes, offset));
}

// Odd and even ones, so that rounding to either side shows.
for (const begin of [LAST, LAST - 1, LAST - MIB, 2n ** 53n + 1n]) {
  test(
    `writeAt() writes every piece in its place from ${begin} on`,
    { ignore },
    async () => {
      using directory = new Directory(MEMORY);
      await using file = await AioFile.open(directory.file(), READ_WRITE);
      const contents = pattern(2 * MIB + 4097);
      assertEquals(await file.writeAt(contents, begin), contents.length);
      const seam = BigInt(begin) + BigInt(MIB);
      assertBytes(
        await bytesAt(file, seam - 8n, 16),
        contents.subarray(MIB - 8, MIB + 8),
      );
      const end = BigInt(begin) + BigInt(contents.length);
      assertBytes(await bytesAt(file, end - 3n, 16), contents.subarray(-3));
    },
  );

  test(
    `readAt() reads every piece from its place from ${begin} on`,
    { ignore },
    async () => {
      using directory = new Directory(MEMORY);
      await using file = await AioFile.open(directory.file(), READ_WRITE);
      const contents = pattern(2 * MIB + 4097);
      const pinned = allocatePinned(contents.length);
      pinned.set(contents);
      await file.writeAt(pinned, begin);
      const read = new Uint8Array(contents.length + 1);
      assertEquals(await file.readAt(read, begin), contents.length);
      assertBytes(read.subarray(0, contents.length), contents);
    },
  );

  test(
    `writable() and readable() pass ${begin} without a slip`,
    { ignore },
    async () => {
      using directory = new Directory(MEMORY);
      await using file = await AioFile.open(directory.file(), READ_WRITE);
      const contents = pattern(2 * MIB + 4097);
      const writer = file.writable({ offset: begin }).getWriter();
      await writer.write(contents.subarray(0, 5));
      await writer.write(contents.subarray(5));
      await writer.close();
      const chunks: Uint8Array[] = [];
      const options = { offset: begin, chunkSize: 100_001 };
      for await (const chunk of file.readable(options)) chunks.push(chunk);
      assertBytes(concat(chunks), contents);
      const part = { offset: begin, length: MIB + 3, chunkSize: MIB };
      const parts: Uint8Array[] = [];
      for await (const chunk of file.readable(part)) parts.push(chunk);
      assertBytes(concat(parts), contents.subarray(0, MIB + 3));
    },
  );
}

/** What `readAt()`, `batch()` and a queue read into a buffer that is made for each. */
async function readEach(
  file: AioFile,
  make: () => Uint8Array,
  offset: bigint,
): Promise<number[]> {
  const outcomes = [await file.readAt(make(), offset)];
  const read = { type: "read", buffer: make(), offset } as const;
  const [outcome] = await file.batch([read]);
  if (outcome.status === "rejected") throw outcome.reason;
  outcomes.push(outcome.value);
  await using queue = new CompletionQueue();
  queue.read(file, make(), offset);
  for await (const { bytes, error } of queue.drain()) {
    assertEquals(error, null);
    outcomes.push(bytes);
  }
  return outcomes;
}

/** No file is longer. */
const SIZE_MAX = 2n ** 63n - 1n;

/** Memory where the system finds it, and memory that may move. */
const MAKERS = [allocatePinned, (length: number) => new Uint8Array(length)];

for (const pageCache of [true, false]) {
  const how = pageCache ? "with" : "without";
  test(
    `reads up to the largest offset there is are 0 bytes behind the end, ${how} the page cache`,
    { onFirstThread: import.meta.url, pageCache },
    async () => {
      using directory = new Directory();
      await using file = await AioFile.open(directory.file("contents"));
      for (const left of [0n, 1n, 4095n, 4096n, 300_000n]) {
        const offset = SIZE_MAX - left;
        for (const length of [1, 4096, 300_000]) {
          for (const make of MAKERS) {
            const read = await readEach(file, () => make(length), offset);
            assertEquals(read, [0, 0, 0]);
            const list = [make(length), make(9)];
            assertEquals(await file.readAt(list, offset), 0);
          }
        }
        assertEquals((await file.read(offset, 10)).length, 0);
        assertEquals((await file.read(offset, Infinity)).length, 0);
      }
    },
  );
}

test("reads up to the largest offset there is have what the file has", {
  ignore,
}, async () => {
  using directory = new Directory(MEMORY);
  await using file = await AioFile.open(directory.file(), READ_WRITE);
  const contents = pattern(7);
  const offset = SIZE_MAX - 10n;
  assertEquals(await file.writeAt(contents, offset), 7);
  for (const length of [7, 10, 11, 300_000]) {
    assertBytes(await bytesAt(file, offset, length), contents);
    assertBytes(await file.read(offset, length), contents);
  }
  await file.writeAt(pattern(3, 7), SIZE_MAX - 3n);
  const read = await readEach(file, () => new Uint8Array(16), offset);
  assertEquals(read, [10, 10, 10]);
  const list = [new Uint8Array(8), new Uint8Array(8)];
  assertEquals(await file.readAt(list, offset), 10);
  assertBytes(concat(list).subarray(0, 10), pattern(10));
});

test("a read at the largest offset of what is for writing only is EBADF", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), { write: true });
  const read = file.readAt(new Uint8Array(5), SIZE_MAX);
  await assertAioError(read, "EBADF");
});

test("copyTo() copies from beyond 2 ** 53 to the exact end of a file", {
  ignore,
}, async () => {
  using directory = new Directory(MEMORY);
  await using source = await AioFile.open(directory.file(), READ_WRITE);
  const offset = 2n ** 60n;
  const contents = pattern(356);
  await source.writeAt(contents, offset);
  for (const length of [Infinity, 300, 356, 1000]) {
    await using target = await AioFile.open(directory.file(), READ_WRITE);
    const expected = contents.subarray(0, Math.min(length, 356));
    const copied = await source.copyTo(target, { offset, length });
    assertEquals(copied, expected.length);
    assertBytes(await target.read(0, Infinity), expected);
  }
});

test(
  "copyTo() of a hole replaces what was there beyond 2 ** 53, to its exact end",
  {
    ignore,
  },
  async () => {
    using directory = new Directory(MEMORY);
    await using source = await AioFile.open(directory.file(), READ_WRITE);
    await source.truncate(8192);
    await source.writeAt(pattern(10), 8192);
    const to = 2n ** 60n + 200n;
    await using target = await AioFile.open(directory.file(), READ_WRITE);
    await target.writeAt(pattern(940), to);
    assertEquals(await source.copyTo(target, { to }), 8202);
    assertBytes(await bytesAt(target, to, 8192), new Uint8Array(8192));
  },
);

test("copyTo() refuses more bytes than a number can tell, and takes a length", {
  ignore,
}, async () => {
  using directory = new Directory(MEMORY);
  const [from, to] = [directory.file(), directory.file()];
  await using source = await AioFile.open(from, READ_WRITE);
  await source.writeAt(pattern(3), 2n ** 55n + 4096n * 3n + 1n);
  await using target = await AioFile.open(to, READ_WRITE);
  await assertAioError(source.copyTo(target), "EOVERFLOW", { path: from });
  assertEquals(await target.size(), 0);
  for (const length of [2 ** 40, LAST]) {
    assertEquals(await source.copyTo(target, { length }), length);
    assertEquals(await target.size(), length);
  }
  assertEquals((await target.stat()).blocks, 8n);
});

/** What is given, and what comes back: a number wherever one is exact. */
const OFFSETS: [number | bigint, number | bigint][] = [
  [0n, 0],
  [LAST, LAST],
  [BigInt(LAST), LAST],
  [2n ** 53n, 2n ** 53n],
  [2n ** 53n + 1n, 2n ** 53n + 1n],
  [2n ** 62n + 1n, 2n ** 62n + 1n],
];

test("Completion.offset is exact", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file());
  await using queue = new CompletionQueue<number | bigint>();
  for (const [given, exact] of OFFSETS) {
    queue.read(file, new Uint8Array(1), given, exact);
  }
  let seen = 0;
  for await (const { offset, tag, error } of queue.drain()) {
    assertEquals([offset, error], [tag, null]);
    seen++;
  }
  assertEquals(seen, OFFSETS.length);
});

test("AioError.offset is exact for a request of a file", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using file = await AioFile.open(path, { write: true });
  for (const [given, offset] of OFFSETS) {
    const read = file.readAt(new Uint8Array(1), given);
    await assertAioError(read, "EBADF", { offset });
  }
});

test("AioError.offset is exact for a control block", async () => {
  using directory = new Directory();
  const fd = openSync(directory.file(), "w");
  for (const [aio_offset, offset] of OFFSETS) {
    const aio_buf = allocatePinned(1);
    using block = new Aiocb({ aio_fildes: fd, aio_buf, aio_offset });
    aio_read(block);
    await aio_suspend([block]);
    const error = assertThrows(() => aio_return(block), AioError);
    assertEquals((error as AioError).offset, offset);
  }
  closeSync(fd);
});

test("AioError.offset is exact in an error of one's own", () => {
  for (const [offset, exact] of OFFSETS) {
    const options = { errno: EIO, syscall: "aio_read", offset };
    assertEquals(new AioError("Cannot read", options).offset, exact);
  }
});

/** What the native control block at an address says. */
function nativeNbytes(address: bigint): bigint {
  const block = new Deno.UnsafePointerView(Deno.UnsafePointer.create(address)!);
  return block.getBigUint64(platform.aiocb.nbytes);
}

test("aio_read() asks the system for no more bytes than it can report", async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("0123456789"), "r");
  // Of so much memory only the page that is written to is taken.
  const aio_buf = allocatePinned(2 ** 31 + 4096);
  using block = new Aiocb({ aio_fildes: fd, aio_buf });
  for (const nbytes of [2 ** 31 + 4096, 2 ** 31 - 1, 2 ** 31 - 4096, 5]) {
    block.aio_nbytes = nbytes;
    aio_read(block);
    assertEquals(
      nativeNbytes(block.address),
      BigInt(Math.min(nbytes, 2 ** 31 - 4096)),
    );
    await aio_suspend([block]);
    assertEquals(aio_return(block), Math.min(nbytes, 10));
    assertEquals(block.aio_nbytes, nbytes);
  }
  closeSync(fd);
});
