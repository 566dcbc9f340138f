// append(): at the end, in the order of the calls, on any file open for writing.

import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import {
  aio_read,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
} from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  concat,
  constants,
  descriptorsOf,
  Directory,
  encode,
  engineHere,
  Fifo,
  isLinux,
  isPending,
  pattern,
  placesOf,
  test,
  turn,
} from "../helpers/mod.ts";
import { close, openPipe, write } from "../helpers/channels.ts";

const MIB = 1024 * 1024;

/** The ways in which a file may be open for writing. */
const modes = {
  "for appending": { append: true },
  "for reading and appending": { read: true, append: true },
  "for writing": { write: true },
  "for reading and writing": { read: true, write: true },
};

/** The access modes of the descriptors of this process that are on `path`. */
function accessModesOf(path: string): number[] {
  return descriptorsOf(path).map((fd) => {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const flags = parseInt(info.match(/^flags:\s*([0-7]+)$/m)![1], 8);
    return flags & (constants.O_WRONLY | constants.O_RDWR);
  });
}

for (const [how, options] of Object.entries(modes)) {
  test(`append() keeps the order of 500 calls, on a file open ${how}`, {
    ignore: !isLinux && !("append" in options),
  }, async () => {
    using directory = new Directory();
    const path = directory.file("head\n");
    await using file = await AioFile.open(path, options);
    const lines = Array.from(
      { length: 500 },
      (_, at) => encode(`${at} ${"x".repeat(at * 37 % 900)}\n`),
    );
    const counts = await Promise.all(lines.map((line) => file.append(line)));
    assertEquals(counts, lines.map((line) => line.length));
    assertBytes(
      Deno.readFileSync(path),
      concat([encode("head\n"), ...lines]),
    );
  });

  test(`append() keeps long ones in one piece, on a file open ${how}`, {
    ignore: !isLinux && !("append" in options),
  }, async () => {
    using directory = new Directory();
    const path = directory.file();
    await using file = await AioFile.open(path, options);
    const parts = [100, 3 * MIB + 1, 5, 2 * MIB, MIB + 7, 0, 1].map(
      (length, index) => {
        const part = index % 2 === 0
          ? new Uint8Array(length)
          : allocatePinned(length);
        part.set(pattern(length, index * 1_000_003));
        return part;
      },
    );
    await Promise.all(parts.map((part) => file.append(part)));
    assertBytes(Deno.readFileSync(path), concat(parts));
  });
}

test("reads of a file that is open for appending, too, run at the same time", {
  // Its requests have one lane.
  ignore: engineHere() === "librt",
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(64 * 1024));
  await using file = await AioFile.open(path, { read: true, append: true });
  const blocks = Array.from({ length: 16 }, () => new Uint8Array(4096));
  const reads = blocks.map((block, index) => file.readAt(block, index * 4096));
  assertEquals(metrics().inFlight, 16);
  const end = encode("the end");
  await Promise.all([...reads, file.append(end), file.append(end)]);
  blocks.forEach((block, at) => assertBytes(block, pattern(4096, at * 4096)));
  assertBytes(
    Deno.readFileSync(path),
    concat([pattern(64 * 1024), end, end]),
  );
});

test(
  "append() goes to where the end is by then",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const path = directory.file("one ");
    await using file = await AioFile.open(path, { write: true });
    await file.append(encode("two "));
    Deno.writeTextFileSync(path, "three ", { append: true });
    await file.append(encode("four "));
    await file.writeAt(encode("ONE"), 0);
    await file.append(encode("five"));
    assertEquals(Deno.readTextFileSync(path), "ONE two three four five");
    await file.truncate();
    await file.append(encode("six"));
    assertEquals(Deno.readTextFileSync(path), "six");
  },
);

test("append() by two files on one path loses nothing", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using one = await AioFile.open(path, { append: true });
  await using two = await AioFile.open(path, { append: true });
  const appends = Array.from({ length: 200 }, (_, at) => [
    one.append(encode(`one ${at}\n`)),
    two.append(encode(`two ${at}\n`)),
  ]);
  await Promise.all(appends.flat());
  const lines = Deno.readTextFileSync(path).trimEnd().split("\n");
  for (const name of ["one", "two"]) {
    assertEquals(
      lines.filter((line) => line.startsWith(name)),
      Array.from({ length: 200 }, (_, at) => `${name} ${at}`),
    );
  }
});

test("append() leaves writeAt() of the same file where it says", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("0".repeat(1000));
  await using file = await AioFile.open(path, { write: true });
  const operations = Array.from({ length: 100 }, (_, at) => [
    file.append(encode("a")),
    file.writeAt(encode("w"), at * 10),
  ]);
  await Promise.all(operations.flat());
  assertEquals(
    Deno.readTextFileSync(path),
    "w000000000".repeat(100) + "a".repeat(100),
  );
});

test(
  "append() on a file that has no name any more",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const path = directory.file("a");
    await using file = await AioFile.open(path, { read: true, write: true });
    Deno.removeSync(path);
    await file.append(encode("b"));
    const into = new Uint8Array(3);
    assertEquals(await file.readAt(into, 0), 2);
    assertEquals(into, encode("ab\0"));
  },
);

test(
  "append() on a file open for reading is EBADF, and opens nothing for writing",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    await using file = await AioFile.open(path);
    const appends = [1, 2, 3].map(() => file.append(encode("x")));
    assertEquals(accessModesOf(path), [constants.O_RDONLY]);
    for (const append of appends) {
      await assertAioError(append, "EBADF", { fd: file.fd });
    }
    assertEquals(accessModesOf(path), [constants.O_RDONLY]);
    assertEquals(Deno.readTextFileSync(path), "contents");
    assertEquals(await file.readAt(new Uint8Array(9), 0), 8);
  },
);

test("append() leaves no descriptor of its own behind close()", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const file = await AioFile.open(path, { write: true });
  await file.append(encode("x"));
  assert(accessModesOf(path).length > 1, "it appends by the file's own");
  await file.close();
  assertEquals(accessModesOf(path), []);
});

test("append() on a FIFO writes in the order of the calls", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const appends = [
    fifo.file.append(encode("one ")),
    fifo.file.writeAt(encode("two "), 0),
    fifo.file.append(encode("three")),
  ];
  assertBytes(await fifo.take(13), encode("one two three"));
  assertEquals(await Promise.all(appends), [4, 4, 5]);
});

test("append() is covered by sync() and awaited by close()", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file();
  const file = await AioFile.open(path, { write: true });
  let done = 0;
  for (let at = 0; at < 100; at++) {
    file.append(encode("x")).then(() => done++);
  }
  await file.sync();
  assertEquals(done, 100);
  for (let at = 0; at < 100; at++) file.append(encode("y"));
  await file.close();
  assertEquals(
    Deno.readTextFileSync(path),
    "x".repeat(100) + "y".repeat(100),
  );
});

test("append() that is canceled leaves those before and after it", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { write } = await fifo.waitingWrite(encode("1"));
  const controller = new AbortController();
  const appends = [
    fifo.file.append(encode("2")),
    fifo.file.append(encode("3"), { signal: controller.signal }),
    fifo.file.append(encode("4")),
  ];
  const outcome = Promise.allSettled(appends);
  controller.abort("no 3");
  assert(await isPending(appends[0]));
  const first = fifo.drain();
  assertEquals(await write, 1);
  assertEquals(await outcome, [
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: "no 3" },
    { status: "fulfilled", value: 1 },
  ]);
  const all = concat([first, fifo.drain()]);
  assertBytes(all.subarray(-3), encode("124"));
});

test("append() goes on where a read is canceled that no thread has yet", {
  ignore: !isLinux,
  engine: "librt",
  onFirstThread: import.meta.url,
  pageCache: false,
}, async () => {
  configure({ threads: 1 });
  using directory = new Directory();
  const path = directory.file();
  const file = await AioFile.open(path, { read: true, append: true });
  const { reader, writer } = openPipe();
  // The only thread waits.
  const waiting = new Aiocb({
    aio_fildes: reader,
    aio_buf: allocatePinned(1),
  });
  aio_read(waiting);
  const controller = new AbortController();
  const read = file.readAt(new Uint8Array(1), 0, controller);
  const append = file.append(encode("end"));
  await turn();
  controller.abort("no read");
  assertEquals(await Promise.allSettled([read]), [
    { status: "rejected", reason: "no read" },
  ]);
  write(writer, encode("x"));
  assertEquals(await append, 3);
  await file.close();
  assertEquals(Deno.readTextFileSync(path), "end");
  close(reader);
  close(writer);
});

for (const [place, where] of placesOf(import.meta.url)) {
  test(
    `append() writes what shared memory had before it grew, ${place}`,
    where,
    async () => {
      using directory = new Directory();
      const path = directory.file();
      {
        await using file = await AioFile.open(path, { append: true });
        const memory = new SharedArrayBuffer(4, { maxByteLength: 4096 });
        const growing = new Uint8Array(memory);
        growing.set(encode("grow"));
        const appends = [file.append(encode("first")), file.append(growing)];
        memory.grow(4096);
        appends.push(file.append(encode("last")));
        assertEquals(await Promise.all(appends), [5, 4, 4]);
      }
      assertEquals(Deno.readTextFileSync(path), "firstgrowlast");
    },
  );
}

for (const notify of ["suspend", "thread"] as const) {
  test(
    `append() keeps its place behind writes that are noticed by "${notify}"`,
    {
      ignore: !isLinux,
    },
    async () => {
      using directory = new Directory();
      const path = directory.file();
      await using file = await AioFile.open(path, { append: true });
      await using queue = new CompletionQueue<null>({ notify });
      // The long ones go in pieces, and those between them by another way.
      const parts = Array.from(
        { length: 20 },
        (_, at) => new Uint8Array(at % 2 === 0 ? MIB + 1 : 1).fill(at),
      );
      const appends = parts.map((part, at) => {
        if (at % 2 === 1) return file.append(part);
        queue.write(file, part, 0, null);
        return part.length;
      });
      const counts = await Promise.all(appends);
      assertEquals(counts, parts.map(({ length }) => length));
      for await (const { error } of queue.drain()) assertEquals(error, null);
      assertBytes(Deno.readFileSync(path), concat(parts));
    },
  );
}
