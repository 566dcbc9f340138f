// Lists of buffers: a request of several does what one of a single buffer does, and the
// bytes are in the buffers in order.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AioFile, allocatePinned, metrics } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  concat,
  cut,
  decode,
  Directory,
  encode,
  Fifo,
  hasDirectTransfers,
  isLinux,
  pattern,
  report,
  test,
  turn,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;
const READ_WRITE = { read: true, write: true };
const GUARD = 0xee;
/** One more than two calls of the system take. */
const MANY = 2 * 1024 + 1;

/** How memory is divided among the buffers of a list. */
const MEMORIES: Record<
  string,
  (byteLength: number, index: number) => Uint8Array
> = {
  ordinary: (byteLength) => new Uint8Array(byteLength),
  pinned: (byteLength) => allocatePinned(byteLength, { alignment: 1 }),
  shared: (byteLength) => new Uint8Array(new SharedArrayBuffer(byteLength)),
  resizable: (byteLength) =>
    new Uint8Array(
      new ArrayBuffer(byteLength + 7, { maxByteLength: byteLength + 99 }),
      3,
      byteLength,
    ),
  "of every kind": (byteLength, index) =>
    index % 2 === 0
      ? new Uint8Array(byteLength)
      : allocatePinned(byteLength, { alignment: 1 }),
};

type Allocate = (byteLength: number, index: number) => Uint8Array;

const SHAPES: Record<string, number[]> = {
  "a header, a payload and a trailer": [16, 4096, 8],
  "empty ones between others": [0, 5, 0, 0, 600, 0],
  "one that is all": [5000],
  "blocks": [4096, 4096, 4096],
  "more than is copied at once": [9000, 30_001, 7, 30_000],
  "more than the page cache is asked for": [100_000, 99, 200_000],
  "more than the library's own memory holds": [700_000, 1_100_000, 3, 900_000],
  "more of them than a call takes": Array(MANY).fill(3),
};

function sum(lengths: number[]): number {
  return lengths.reduce((all, length) => all + length, 0);
}

for (const [memory, allocate] of Object.entries(MEMORIES)) {
  for (const [shape, lengths] of Object.entries(SHAPES)) {
    for (const pageCache of [true, false]) {
      const where = pageCache ? ", cached" : "";
      test(
        `readAt() fills a list of ${memory} buffers in order: ${shape}${where}`,
        {
          pageCache,
        },
        () => assertReads(lengths, allocate),
      );
    }

    test(`writeAt() and append() write a list of ${memory} buffers in order: ${shape}`, async () => {
      using directory = new Directory();
      const path = directory.file(new Uint8Array(20).fill(GUARD));
      const from = listOf(lengths, allocate);
      const total = sum(lengths);
      const expected = pattern(total);
      from.reduce((at, buffer) => {
        buffer.set(expected.subarray(at, at + buffer.length));
        return at + buffer.length;
      }, 0);
      {
        await using file = await AioFile.open(path, READ_WRITE);
        assertEquals(await file.writeAt(from, 10), total);
        assertEquals(await file.append(from), total);
      }
      assertBytes(
        Deno.readFileSync(path),
        concat([
          new Uint8Array(10).fill(GUARD),
          expected,
          new Uint8Array(Math.max(0, 10 - total)).fill(GUARD),
          expected,
        ]),
      );
    });
  }
}

function listOf(lengths: number[], allocate: Allocate): Uint8Array[] {
  return lengths.map((length, index) => allocate(length, index).fill(GUARD));
}

/** Reads a list as a whole, and across the end of the file. */
async function assertReads(
  lengths: number[],
  allocate: Allocate,
): Promise<void> {
  using directory = new Directory();
  const total = sum(lengths);
  const contents = pattern(total + 13);
  await using file = await AioFile.open(directory.file(contents));
  for (const offset of [0, 13, 14, Math.ceil(total / 2), total + 13]) {
    const into = listOf(lengths, allocate);
    const bytes = await file.readAt(into, offset);
    const expected = new Uint8Array(total).fill(GUARD);
    expected.set(contents.subarray(offset, offset + total));
    assertEquals(bytes, Math.min(total, total + 13 - offset));
    assertBytes(concat(into), expected);
  }
}

test("readAt() and writeAt() take an empty list, as they take an empty buffer", async () => {
  using directory = new Directory();
  const path = directory.file("abc");
  await using file = await AioFile.open(path, READ_WRITE);
  for (const list of [[], [new Uint8Array(0)], [encode(""), encode("")]]) {
    assertEquals(await file.readAt(list, 0), 0);
    assertEquals(await file.readAt(list, 0, {}), 0);
    assertEquals(await file.writeAt(list, 1), 0);
    assertEquals(await file.append(list), 0);
  }
  assertEquals(Deno.readTextFileSync(path), "abc");
  await using readOnly = await AioFile.open(path);
  await assertAioError(readOnly.writeAt([], 0), "EBADF");
});

test("a list is that of the call: its array may be changed at once", async () => {
  using directory = new Directory();
  const path = directory.file("..........");
  await using file = await AioFile.open(path, READ_WRITE);
  const from = [encode("ab"), encode("cd")];
  const write = file.writeAt(from, 0, {});
  from[0] = encode("XY");
  from.length = 1;
  assertEquals(await write, 4);
  assertEquals(Deno.readTextFileSync(path), "abcd......");
  const into = [new Uint8Array(2), new Uint8Array(3)];
  const [first, second] = into;
  const read = file.readAt(into, 0, {});
  into.reverse();
  into.push(new Uint8Array(9));
  assertEquals(await read, 5);
  assertEquals([first, second].map(decode), ["ab", "cd."]);
});

const NO_LISTS: Record<string, unknown> = {
  "has null in it": [new Uint8Array(1), null],
  "has a hole": Object.assign(new Array(3), [new Uint8Array(1)]),
  "has a list in it": [new Uint8Array(1), [new Uint8Array(1)]],
  "has an array of another type in it": [new Uint16Array(1)],
  "has a proxy in it": [new Proxy(new Uint8Array(1), {})],
  "is a set": new Set([new Uint8Array(1)]),
  "is like an array": { length: 1, 0: new Uint8Array(1) },
};

for (const [what, given] of Object.entries(NO_LISTS)) {
  test(`nothing is submitted if a list ${what}`, async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    await using file = await AioFile.open(path, READ_WRITE);
    const { submitted } = metrics();
    const list = given as Uint8Array[];
    await assertRejects(() => file.readAt(list, 0), TypeError, "into");
    await assertRejects(() => file.writeAt(list, 0), TypeError, "from");
    await assertRejects(() => file.append(list), TypeError, "from");
    assertEquals(metrics().submitted, submitted);
    assertEquals(Deno.readTextFileSync(path), "contents");
  });
}

test("a list with a buffer that is detached is refused", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("abc"), READ_WRITE);
  const list = [new Uint8Array(1), new Uint8Array(2)];
  list[1].buffer.transfer();
  await assertRejects(() => file.readAt(list, 0), TypeError, "detached");
  await assertRejects(() => file.writeAt(list, 0), TypeError, "detached");
});

const REMOVALS: Record<string, (buffer: ArrayBuffer) => void> = {
  detached: (buffer) => buffer.transfer(),
  resized: (buffer) => buffer.resize(3),
};

/** A list, and what takes one of its buffers away. */
function losing(at: number, remove: (buffer: ArrayBuffer) => void) {
  const buffers = [4, 4, 4].map((byteLength) =>
    new ArrayBuffer(byteLength, { maxByteLength: 8 })
  );
  const list = buffers.map((buffer) => new Uint8Array(buffer));
  return { list, lose: () => remove(buffers[at]) };
}

for (const [how, remove] of Object.entries(REMOVALS)) {
  for (const at of [0, 1, 2]) {
    const what = `buffer ${at} of a list that is ${how}`;

    test(`readAt() rejects with TypeError for ${what}`, {
      ignore: !isLinux,
    }, async () => {
      await using fifo = new Fifo();
      const { list, lose } = losing(at, remove);
      const read = fifo.file.readAt(list, 0);
      const rejected = assertRejects(() => read, TypeError, "detached");
      await turn(); // In which the library has tried it.
      lose();
      fifo.feed("abcdefghijklm");
      await rejected;
      // No bytes are gone with it.
      assertEquals(decode(fifo.drain()), "abcdefghijklm");
    });

    test(`writeAt() rejects with TypeError for ${what}`, {
      ignore: !isLinux,
    }, async () => {
      await using fifo = new Fifo();
      fifo.fill();
      const { list, lose } = losing(at, remove);
      const write = fifo.file.writeAt(list, 0);
      const rejected = assertRejects(() => write, TypeError, "detached");
      lose();
      fifo.drain();
      await rejected;
      assertEquals(fifo.drain().length, 0);
    });

    test(`append() rejects with TypeError for ${what}, and no other`, async () => {
      using directory = new Directory();
      const path = directory.file("contents");
      await using file = await AioFile.open(path, READ_WRITE);
      const { list, lose } = losing(at, remove);
      const append = file.append(list);
      const others = [file.append(encode("!")), file.append([encode("?")])];
      const rejected = assertRejects(() => append, TypeError, "detached");
      lose();
      await rejected;
      assertEquals(await Promise.all(others), [1, 1]);
      assertEquals(Deno.readTextFileSync(path), "contents!?");
    });
  }
}

test("a list is filled though a buffer of it has grown meanwhile", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const growing = new ArrayBuffer(3, { maxByteLength: 8 });
  const into = [new Uint8Array(growing), new Uint8Array(3)];
  const read = fifo.file.readAt(into, 0);
  growing.resize(8);
  fifo.feed("abcdef");
  assertEquals(await read, 6);
  assertEquals(into.map(decode), ["abc\0\0\0\0\0", "def"]);
});

test("long lists reject with TypeError when one of their buffers is taken away", async () => {
  using directory = new Directory();
  const contents = pattern(5 * MIB);
  const path = directory.file(contents);
  await using file = await AioFile.open(path, READ_WRITE);
  for (let turns = 0; turns < 5; turns++) {
    const into = cut(new Uint8Array(4 * MIB), [9, MIB + 1]);
    const from = cut(contents.slice(0, 4 * MIB), [9, MIB + 1]);
    into.push(new Uint8Array(MIB));
    from.push(contents.slice(4 * MIB));
    const outcomes = Promise.allSettled([
      file.readAt(into, 0),
      file.writeAt(from, 0),
    ]);
    for (let turn = 0; turn < turns; turn++) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    const taken = [into[3], from[3]].map(({ buffer }) =>
      (buffer as ArrayBuffer).transfer()
    );
    for (const outcome of await outcomes) {
      if (outcome.status === "fulfilled") assertEquals(outcome.value, 5 * MIB);
      else assert(outcome.reason instanceof TypeError, String(outcome.reason));
    }
    assertBytes(new Uint8Array(taken[1]), contents.subarray(4 * MIB));
  }
  assertBytes(Deno.readFileSync(path), contents);
});

test(
  "the time that a list takes does not grow with the square of its buffers",
  {
    // With the square it takes three times as long as this.
    limit_ms: 10_000,
    onFirstThread: import.meta.url,
  },
  async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file(), READ_WRITE);
    const count = 800_000, each = 16;
    const all = allocatePinned(count * each);
    const from = Array.from(
      { length: count },
      (_, at) => all.subarray(at * each, (at + 1) * each),
    );
    assertEquals(await file.writeAt(from, 0), count * each);
  },
);

test("the buffers of a list may overlap: they are used in order", async () => {
  using directory = new Directory();
  const path = directory.file("abcdef");
  await using file = await AioFile.open(path, READ_WRITE);
  for (const options of [undefined, {}]) {
    for (
      const allocate of [
        (length: number) => new Uint8Array(length),
        allocatePinned,
      ]
    ) {
      const into = allocate(4);
      const list = [into.subarray(0, 3), into.subarray(2, 4), into.subarray(3)];
      assertEquals(await file.readAt(list, 0, options), 6);
      assertEquals(decode(into), "abdf");
      const same = into.subarray(0, 2);
      assertEquals(await file.writeAt([same, into, same], 10), 8);
      const bytes = new Uint8Array(8);
      await file.readAt(bytes, 10);
      assertEquals(decode(bytes), "ababdfab");
    }
  }
});

test("a read of a pipe fills a list with what is there", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const into = ["..", "...", "...."].map(encode);
  fifo.feed("abcd");
  assertEquals(await fifo.file.readAt(into, 0), 4);
  assertEquals(into.map(decode), ["ab", "cd.", "...."]);
  const pinned = cut(allocatePinned(6), [1, 3]);
  fifo.feed("123456789");
  assertEquals(await fifo.file.readAt(pinned, 0), 6);
  assertEquals(pinned.map(decode), ["1", "23", "456"]);
  assertEquals(decode(fifo.drain()), "789");
});

test("a list is written to a pipe whole, though it has to wait for room", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const contents = pattern(300_000);
  const write = fifo.file.writeAt(cut(contents, [1, 5, 70_000, 290_000]), 0);
  assertBytes(await fifo.take(contents.length), contents);
  assertEquals(await write, contents.length);
});

test("appends of lists keep the order of the calls, among those of single buffers", async () => {
  using directory = new Directory();
  const path = directory.file();
  const texts = Array.from({ length: 60 }, (_, at) => `line ${at};`);
  {
    await using file = await AioFile.open(path, { append: true });
    const counts = await Promise.all(texts.map((text, at) => {
      const bytes = encode(text);
      return file.append(at % 3 === 0 ? bytes : cut(bytes, [at % 3, 4]));
    }));
    assertEquals(counts, texts.map(({ length }) => length));
    await file.syncData();
  }
  assertEquals(Deno.readTextFileSync(path), texts.join(""));
});

test("what waits with a list is canceled as with a buffer", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const controller = new AbortController();
  const into = ["..", "..."].map(encode);
  const read = fifo.file.readAt(into, 0, { signal: controller.signal });
  const canceled = assertRejects(() => read, Error, "no more");
  controller.abort(new Error("no more"));
  await canceled;
  fifo.feed("abcde");
  assertEquals(into.map(decode), ["..", "..."]);
});

test(
  "a write of a list says what the system says, and how much was asked for",
  {
    ignore: !isLinux,
  },
  async () => {
    await using file = await AioFile.open("/dev/full", { write: true });
    const list = [encode("abc"), encode("de")];
    const error = await assertAioError(file.writeAt(list, 0), "ENOSPC");
    assert(error.message.includes("5 bytes"), error.message);
  },
);

test("direct transfers take lists, of which the whole has to be aligned", {
  ignore: !hasDirectTransfers(),
}, async () => {
  using directory = new Directory();
  const contents = pattern(16_384);
  const path = directory.file(contents);
  await using file = await AioFile.open(path, { ...READ_WRITE, direct: true });
  for (
    const allocate of [
      (length: number) => new Uint8Array(length),
      allocatePinned,
    ]
  ) {
    for (const places of [[4096, 12_288], [16, 4096], [16_000]]) {
      const into = cut(allocate(16_384), places);
      assertEquals(await file.readAt(into, 0), 16_384);
      assertBytes(concat(into), contents);
      assertEquals(await file.writeAt(into, 16_384), 16_384);
      assertEquals(await file.readAt(into, 16_384), 16_384);
      assertBytes(concat(into), contents);
    }
    // Each begins where it should, but does not end there.
    const apart = [4000, 12_384].map((length) => allocate(length));
    assertEquals(await file.readAt(apart, 0), 16_384);
    assertBytes(concat(apart), contents);
    const odd = cut(allocate(5000), [4096]);
    const error = await assertAioError(file.readAt(odd, 0), "EINVAL");
    assert(error.message.includes("length must be"), error.message);
  }
});

/** A number from 0 to `below`, the same ones in each run. */
function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
}

for (const seed of [1, 2, 3, 4]) {
  test(`lists and buffers read and write the same, at random, seed ${seed}`, async () => {
    using directory = new Directory();
    const random = numbers(seed);
    const model = pattern(60_000);
    await using file = await AioFile.open(directory.file(model), READ_WRITE);
    for (let step = 0; step < 150; step++) {
      const length = random(random(2) === 0 ? 300 : 30_000);
      const offset = random(60_000 - length);
      const memory = random(2) === 0
        ? allocatePinned(length)
        : new Uint8Array(length);
      const places = Array.from(
        { length: random(20) },
        () => random(length + 1),
      ).sort((a, b) => a - b);
      const list = cut(memory, places);
      if (random(2) === 0) {
        memory.set(pattern(length, random(1000)));
        assertEquals(await file.writeAt(list, offset), length);
        model.set(memory, offset);
      } else {
        const options = random(2) === 0 ? undefined : {};
        assertEquals(await file.readAt(list, offset, options), length);
        assertBytes(memory, model.subarray(offset, offset + length));
      }
    }
  });
}

test(
  "a ring has pinned lists in place, as many buffers as a call takes, and copies others",
  {
    engine: "io_uring",
  },
  async () => {
    using directory = new Directory();
    const path = directory.file(pattern(16_384));
    const [READV, WRITEV, READ, WRITE] = [1, 2, 22, 23];
    assertEquals(
      await report("ring_lists", { args: [path], pageCache: false }),
      {
        pinned: [[READV, 3], [WRITEV, 3]],
        ordinary: [[READ, 9000], [WRITE, 9000]],
        "pinned and ordinary": [[READ, 9000], [WRITE, 9000]],
        many: [[READV, 1024], [READV, 1024], [READV, 1]],
        // With nothing of others in between.
        appended: [[WRITEV, 1024], [WRITE, 1025]],
        "appended, of more than a copy takes": [[WRITEV, 1024], [WRITEV, 1]],
        "direct, aligned": [[READV, 2], [WRITEV, 2]],
        "direct, not aligned": [[READ, 8192], [WRITE, 8192]],
        left: 0,
      },
    );
  },
);
