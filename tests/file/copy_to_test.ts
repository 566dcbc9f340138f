// copyTo(): bytes from one file to another, with its holes.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readSync } from "node:fs";
import { open } from "node:fs/promises";
import {
  AioFile,
  type CopyOptions,
  metrics,
  type OpenOptions,
} from "../../mod.ts";
import { openFileOf } from "../../lib/file/aio_file.ts";
import {
  assertAioError,
  assertBytes,
  closeSync,
  concat,
  decode,
  descriptorsOf,
  Directory,
  encode,
  Fifo,
  hasDirectTransfers,
  isLinux,
  openSync,
  pattern,
  test,
  until,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;
const BLOCK_BYTES = 4096;
const READ_WRITE = { read: true, write: true };

/** From a disk to memory the system copies nothing; within memory it does. */
const WAYS: Record<string, [from: string, to: string]> = isLinux
  ? {
    "the system": ["/dev/shm", "/dev/shm"],
    "reads and writes": ["/var/tmp", "/dev/shm"],
  }
  : { "whatever there is": ["/tmp", "/tmp"] };

/** A source with contents, and an empty target. */
class Pair implements AsyncDisposable {
  readonly #directories: Directory[];
  readonly sourcePath: string;
  readonly targetPath: string;
  source!: AioFile;
  target!: AioFile;

  private constructor([from, to]: [from: string, to: string]) {
    this.#directories = [new Directory(from), new Directory(to)];
    const [source, target] = this.#directories;
    this.sourcePath = source.file();
    this.targetPath = target.file();
  }

  static async open(
    way: [from: string, to: string],
    contents: string | Uint8Array = "",
    options: OpenOptions = READ_WRITE,
  ): Promise<Pair> {
    const pair = new Pair(way);
    const { sourcePath, targetPath } = pair;
    const bytes = typeof contents === "string" ? encode(contents) : contents;
    Deno.writeFileSync(sourcePath, bytes);
    pair.source = await AioFile.open(sourcePath, READ_WRITE);
    pair.target = await AioFile.open(targetPath, options);
    return pair;
  }

  get copied(): Uint8Array {
    return Deno.readFileSync(this.targetPath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.close();
    await this.target.close();
    for (const directory of this.#directories) directory[Symbol.dispose]();
  }
}

const [memory] = Object.values(WAYS);

async function blocksOf(file: AioFile): Promise<number> {
  await file.sync();
  return Number((await file.stat()).blocks) * 512 / BLOCK_BYTES;
}

for (const [name, way] of Object.entries(WAYS)) {
  test(`copyTo() copies all of a file, by ${name}`, async () => {
    for (const length of [0, 1, 10_007, 9 * MIB + 5]) {
      const contents = pattern(length);
      await using pair = await Pair.open(way, contents);
      assertEquals(await pair.source.copyTo(pair.target), length);
      assertBytes(pair.copied, contents);
    }
  });

  test(`copyTo() copies a part to a place, by ${name}`, async () => {
    const contents = pattern(3 * MIB);
    const cases: CopyOptions[] = [
      { offset: 1, length: 10 },
      { offset: 5, to: 7 },
      { offset: 3n * 1024n * 1024n - 9n, length: 100, to: 2n },
      { offset: 2 * MIB + 3, length: 2 * MIB, to: 3 * MIB + 1 },
      { offset: 2 ** 40, length: 5, to: 3 },
      { length: 0, to: 100 },
    ];
    for (const { offset = 0, length = Infinity, to = 0 } of cases) {
      await using pair = await Pair.open(way, contents);
      await pair.target.writeAt(encode("before"), 0);
      const { source, target } = pair;
      const options = { offset, length, to };
      const expected = contents.slice(
        Number(offset),
        Math.min(Number(offset) + length, contents.length),
      );
      assertEquals(await source.copyTo(target, options), expected.length);
      const place = Number(to);
      const end = expected.length === 0 ? 0 : place + expected.length;
      const all = new Uint8Array(Math.max(6, end));
      all.set(encode("before"));
      if (expected.length > 0) all.set(expected, place);
      assertBytes(pair.copied, all);
    }
  });

  test(
    `copyTo() leaves holes as they are, by ${name}`,
    { ignore: !isLinux },
    async () => {
      await using pair = await Pair.open(way);
      const { source, target } = pair;
      const data = pattern(3 * BLOCK_BYTES);
      await source.writeAt(data, 16 * MIB);
      await source.writeAt(data, 64 * MIB + 1000);
      const end = 100 * MIB + 1;
      await source.truncate(end);
      await source.sync();
      assertEquals(await source.copyTo(target), end);
      assertEquals(await target.size(), end);
      assertBytes(await target.read(0, end), await source.read(0, end));
      // One for the last byte.
      const most = await blocksOf(source) + 2;
      const blocks = await blocksOf(target);
      assert(blocks <= most, `${blocks} blocks, where ${most} are enough`);
    },
  );

  test(`copyTo() of a hole replaces what was there, by ${name}`, async () => {
    await using pair = await Pair.open(way);
    const { source, target } = pair;
    await source.writeAt(encode("begin"), 0);
    await source.writeAt(encode("end"), 4 * MIB);
    await target.writeAt(pattern(6 * MIB, 1), 0);
    await source.copyTo(target, { to: 3 });
    const expected = pattern(6 * MIB, 1);
    expected.set(await source.read(0, Infinity), 3);
    assertBytes(pair.copied, expected);
  });

  test(`sync() of the target covers a copyTo() before it, by ${name}`, async () => {
    await using pair = await Pair.open(way, pattern(4 * MIB));
    const { source, target } = pair;
    let done = 0;
    const copies = Array.from({ length: 20 }, async (_, at) => {
      await source.copyTo(target, { to: at * 4 * MIB });
      done++;
    });
    await target.sync();
    assertEquals(done, copies.length);
    await Promise.all(copies);
  });

  test(`close() of either file waits for copyTo(), by ${name}`, async () => {
    for (const which of ["source", "target"] as const) {
      await using pair = await Pair.open(way, pattern(9 * MIB));
      const copying = pair.source.copyTo(pair.target);
      await pair[which].close();
      assertEquals(await copying, 9 * MIB);
      assertBytes(pair.copied, pattern(9 * MIB));
    }
  });

  test(`copyTo() is ended by its signal, and by cancel(), by ${name}`, async () => {
    await using pair = await Pair.open(way, pattern(64 * MIB));
    const { source, target } = pair;
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    const copying = source.copyTo(target, { signal });
    controller.abort(reason);
    assertEquals(await copying.catch((error) => error), reason);
    const again = source.copyTo(target, { signal });
    assertEquals(await again.catch((error) => error), reason);
    for (const file of [source, target]) {
      const canceled = source.copyTo(target);
      await file.cancel();
      await assertAioError(canceled, "ECANCELED");
    }
  });
}

test("copyTo() has the system copy where it can, without requests", {
  ignore: !isLinux,
}, async () => {
  await using pair = await Pair.open(memory, pattern(3 * MIB));
  const { submitted } = metrics();
  await pair.source.copyTo(pair.target);
  assertEquals(metrics().submitted, submitted);
  assertBytes(pair.copied, pattern(3 * MIB));
});

test("copyTo() ends where the file does that is cut into a hole meanwhile", {
  ignore: !isLinux,
}, async () => {
  for (const begin of [[], [0]]) {
    await using pair = await Pair.open(memory);
    const { source, target, sourcePath } = pair;
    for (const offset of [...begin, 8 * MIB]) {
      await source.writeAt(encode("data"), offset);
    }
    // Asked after the size, and before anything is copied.
    const file = openFileOf(source);
    const stat = file.stat.bind(file);
    file.stat = async () => {
      const stats = await stat();
      Deno.truncateSync(sourcePath, 5 * MIB);
      return stats;
    };
    assertEquals(await source.copyTo(target), 5 * MIB);
    assertBytes(pair.copied, Deno.readFileSync(sourcePath));
  }
});

test("copyTo() copies within a file, where the ranges do not overlap", async () => {
  await using pair = await Pair.open(memory, "0123456789");
  const { source, sourcePath } = pair;
  assertEquals(await source.copyTo(source, { to: 10 }), 10);
  await using other = await AioFile.open(sourcePath, READ_WRITE);
  assertEquals(await source.copyTo(other, { length: 3, to: 3 }), 3);
  const text = Deno.readTextFileSync(sourcePath);
  assertEquals(text, "01201267890123456789");
  for (const target of [source, other]) {
    const overlapping = source.copyTo(target, { length: 4, to: 3 });
    await assertAioError(overlapping, "EINVAL", { path: sourcePath });
  }
  assertEquals(Deno.readTextFileSync(sourcePath), text);
});

test("copyTo() appends a file to itself, where nothing overlaps", async () => {
  await using pair = await Pair.open(memory, "0123456789");
  const { source, sourcePath } = pair;
  await using end = await AioFile.open(sourcePath, {
    append: true,
    read: true,
  });
  assertEquals(await source.copyTo(end), 10);
  assertEquals(await end.copyTo(end, { offset: 18, length: 5 }), 2);
  assertEquals(Deno.readTextFileSync(sourcePath), "0123456789012345678989");
});

test("copyTo() appends to a file opened for appending, holes and all", async () => {
  await using pair = await Pair.open(memory, "", { append: true });
  const { source, target } = pair;
  await target.append(encode("before"));
  await source.writeAt(pattern(5 * MIB), 3 * MIB);
  assertEquals(await source.copyTo(target), 8 * MIB);
  const expected = [encode("before"), await source.read(0, Infinity)];
  assertBytes(pair.copied, concat(expected));
});

test("copyTo() to a file opened with synchronous", async () => {
  const options = { write: true, synchronous: "data" } as const;
  await using pair = await Pair.open(memory, pattern(3 * MIB), options);
  assertEquals(await pair.source.copyTo(pair.target), 3 * MIB);
  assertBytes(pair.copied, pattern(3 * MIB));
});

test(
  "copyTo() between files opened with direct",
  { ignore: !hasDirectTransfers() },
  async () => {
    using directory = new Directory();
    const contents = pattern(5 * MIB);
    const [from, to] = [directory.file(contents), directory.file()];
    await using source = await AioFile.open(from, { direct: true });
    const options = { write: true, direct: true };
    await using target = await AioFile.open(to, options);
    assertEquals(await source.copyTo(target), 5 * MIB);
    assertBytes(Deno.readFileSync(to), contents);
  },
);

test(
  "copyTo() copies any number of bytes between files opened with direct",
  { ignore: !hasDirectTransfers() },
  async () => {
    const direct = true;
    for (const length of [1, 5000, 3 * MIB + 512 + 7]) {
      using directory = new Directory();
      const contents = pattern(length);
      const from = directory.file(contents);
      await using source = await AioFile.open(from, { direct });
      await using cached = await AioFile.open(from);
      const part = { length: Math.ceil(length / 2) };
      for (const [one, options] of [[source, part], [cached, {}]] as const) {
        const to = directory.file();
        const writing = { read: true, write: true, direct };
        await using target = await AioFile.open(to, writing);
        const { length: most = length } = options as CopyOptions;
        assertEquals(await one.copyTo(target, options), most);
        await target.sync();
        const expected = contents.subarray(0, most);
        assertBytes(Deno.readFileSync(to), expected);
        assertBytes(await target.read(0, Infinity), expected);
      }
    }
  },
);

test(
  "copyTo() to a file opened with direct takes what comes from a pipe, and any place",
  { ignore: !isLinux || !hasDirectTransfers() },
  async () => {
    using directory = new Directory();
    const to = directory.file();
    const options = { write: true, direct: true };
    await using target = await AioFile.open(to, options);
    await using fifo = new Fifo();
    const copying = fifo.file.copyTo(target, { length: 11, to: 3 });
    fifo.feed("hello ");
    fifo.feed("world and more");
    assertEquals(await copying, 11);
    assertEquals(decode(Deno.readFileSync(to)), "\0\0\0hello world");
    fifo.drain();
  },
);

test("copyTo() reads a pipe to its end", { ignore: !isLinux }, async () => {
  await using pair = await Pair.open(memory);
  await using fifo = new Fifo();
  const path = `/dev/fd/${fifo.file.fd}`;
  await using reader = await AioFile.open(path);
  const copying = reader.copyTo(pair.target, { length: 11, to: 2 });
  fifo.feed("hello ");
  fifo.feed("world and more");
  assertEquals(await copying, 11);
  assertEquals(decode(pair.copied), "\0\0hello world");
  fifo.drain();
});

test("copyTo() writes to a pipe, in order", { ignore: !isLinux }, async () => {
  const contents = pattern(3 * MIB);
  await using pair = await Pair.open(memory, contents);
  await using fifo = new Fifo();
  const copying = pair.source.copyTo(fifo.file);
  assertBytes(await fifo.take(3 * MIB), contents);
  assertEquals(await copying, 3 * MIB);
});

test(
  "copyTo() is ended by cancel() and close() of one file while the other one waits",
  {
    ignore: !isLinux,
  },
  async () => {
    const ends = [
      (file: AioFile) => file.cancel(),
      (file: AioFile) => file.close({ cancel: true }),
    ];
    for (const end of ends) {
      await using pair = await Pair.open(memory, pattern(3 * MIB));
      const { source, target } = pair;
      await using silent = new Fifo();
      const reading = silent.file.copyTo(target);
      silent.feed("some");
      await until(() => pair.copied.length === 4, "nothing was copied");
      const notRead = assertAioError(reading, "ECANCELED");
      await end(target);
      await notRead;
      await using full = new Fifo();
      const writing = source.copyTo(full.file);
      await full.take(1);
      const notWritten = assertAioError(writing, "ECANCELED");
      await end(source);
      await notWritten;
    }
  },
);

test("copyTo() copies files that say they have no bytes", {
  ignore: !isLinux,
}, async () => {
  await using pair = await Pair.open(memory);
  await using source = await AioFile.open("/proc/version");
  const text = Deno.readTextFileSync("/proc/version");
  assertEquals(await source.copyTo(pair.target), text.length);
  assertEquals(decode(pair.copied), text);
});

test("copyTo() leaves the position of a descriptor alone", async () => {
  using directory = new Directory();
  await using pair = await Pair.open(memory);
  const fd = openSync(directory.file("0123456789"), "r");
  readSync(fd, new Uint8Array(4));
  {
    await using source = AioFile.adopt(fd, { closeFd: false });
    assertEquals(await source.copyTo(pair.target), 10);
  }
  const next = new Uint8Array(1);
  readSync(fd, next);
  assertEquals(decode(next), "4");
  closeSync(fd);
});

test(
  "copyTo() leaves the position alone while the owner of an adopted file reads by it",
  {
    ignore: !isLinux,
  },
  async () => {
    await using pair = await Pair.open(memory);
    const { source, target, sourcePath } = pair;
    const BLOCKS = 2000;
    for (let block = 0; block < BLOCKS; block += 2) {
      const data = new Uint8Array(BLOCK_BYTES).fill(1 + block % 251);
      await source.writeAt(data, block * BLOCK_BYTES);
    }
    await source.truncate(BLOCKS * BLOCK_BYTES);
    const owner = await open(sourcePath);
    const adopted = AioFile.adopt(owner, { closeFd: false });
    let isRead = false;
    const copying = (async () => {
      while (!isRead) await adopted.copyTo(target);
    })();
    const blocks: number[] = [];
    const memoryOfOwner = new Uint8Array(BLOCK_BYTES);
    for (let block = 0; block < BLOCKS; block++) {
      const { bytesRead } = await owner.read(
        memoryOfOwner,
        0,
        BLOCK_BYTES,
        null,
      );
      blocks.push(bytesRead === BLOCK_BYTES ? memoryOfOwner[0] : -1);
    }
    isRead = true;
    await copying;
    await adopted.close();
    await owner.close();
    const expected = Array.from(
      { length: BLOCKS },
      (_, block) => block % 2 === 0 ? 1 + block % 251 : 0,
    );
    assertEquals(blocks, expected);
  },
);

test(
  "copyTo() leaves the holes of an adopted file, by a descriptor that stays open until close()",
  {
    ignore: !isLinux,
  },
  async () => {
    await using pair = await Pair.open(memory);
    const { source, target, sourcePath } = pair;
    await source.truncate(64 * MIB);
    await source.writeAt(encode("data"), 32 * MIB);
    await source.close();
    const fd = openSync(sourcePath, "r");
    const adopted = AioFile.adopt(fd, { closeFd: false });
    // By node:fs it can be opened with all permissions only, as the tests have them.
    assertEquals(await adopted.copyTo(target), 64 * MIB);
    assertEquals(await adopted.copyTo(target), 64 * MIB);
    assertBytes(pair.copied, Deno.readFileSync(sourcePath));
    const blocks = await blocksOf(target);
    assert(blocks <= 3, `${blocks} blocks, where 3 are enough`);
    const opened = descriptorsOf(sourcePath).filter((other) => other !== fd);
    assert(opened.length > 0, "none is open");
    await adopted.close();
    assertEquals(descriptorsOf(sourcePath), [fd]);
    closeSync(fd);
  },
);

test("copyTo() says which file is not open for it", async () => {
  await using pair = await Pair.open(memory, "contents");
  const { sourcePath, targetPath } = pair;
  await using reader = await AioFile.open(targetPath);
  await using writer = await AioFile.open(sourcePath, { write: true });
  const toReader = pair.source.copyTo(reader);
  await assertAioError(toReader, "EBADF", { path: targetPath });
  const fromWriter = writer.copyTo(pair.target);
  await assertAioError(fromWriter, "EBADF", { path: sourcePath });
});

test("copyTo() says which file is not open for it where there is nothing to copy", async () => {
  await using pair = await Pair.open(memory);
  const { source, target, sourcePath, targetPath } = pair;
  await using reader = await AioFile.open(targetPath);
  await using writer = await AioFile.open(sourcePath, { write: true });
  for (const options of [{}, { length: 0 }, { offset: 2 ** 40 }]) {
    const [read, written] = [
      { path: sourcePath, syscall: "aio_read" },
      { path: targetPath, syscall: "aio_write" },
    ];
    await assertAioError(source.copyTo(reader, options), "EBADF", written);
    await assertAioError(writer.copyTo(target, options), "EBADF", read);
  }
  await source.truncate(MIB);
  const written = { path: targetPath, syscall: "aio_write" };
  await assertAioError(source.copyTo(reader), "EBADF", written);
});

test(
  "copyTo() beyond the space that there is rejects with the system's error",
  {
    ignore: !isLinux,
  },
  async () => {
    await using pair = await Pair.open(memory, "contents");
    await using full = await AioFile.open("/dev/full", { write: true });
    await assertAioError(pair.source.copyTo(full), "ENOSPC");
  },
);

test("copyTo() refuses what is not valid, and closed files", async () => {
  await using pair = await Pair.open(memory, "contents");
  const { source, target } = pair;
  await assertRejects(() => source.copyTo(target, { offset: -1 }), RangeError);
  await assertRejects(() => source.copyTo(target, { length: 0.5 }), RangeError);
  await assertRejects(() => source.copyTo(target, { to: -1 }), RangeError);
  const none = null as unknown as CopyOptions;
  await assertRejects(() => source.copyTo(target, none), TypeError, "options");
  await assertRejects(
    () => source.copyTo({} as AioFile),
    TypeError,
    "must be an AioFile",
  );
  await target.close();
  const particulars = { path: pair.targetPath, syscall: "copy_file_range" };
  await assertAioError(source.copyTo(target), "EBADF", particulars);
  await assertAioError(target.copyTo(source), "EBADF", particulars);
});
