// Reads that the page cache answers: the bytes are those that the engine would have
// given, and the system is asked for no more than it has to be.

import { assert, assertEquals } from "@std/assert";
import { runtime } from "../../ffi/current.ts";
import { librt } from "../../ffi/librt.ts";
import {
  closeSync,
  ftruncateSync,
  openSync,
  truncateSync,
  writeSync,
} from "node:fs";
import {
  AioFile,
  allocatePinned,
  CompletionQueue,
  isPinned,
  metrics,
} from "../../mod.ts";
import { platform } from "../../lib/system/constants.ts";
import {
  assertAioError,
  assertBytes,
  concat,
  Directory,
  encode,
  type EngineName,
  evict,
  Fifo,
  hasDirectTransfers,
  hasPreadv2,
  isThere,
  pattern,
  readIntoCache,
  report,
  test as anyTest,
  type TestFunction,
} from "../helpers/mod.ts";
import type { Plan, PlannedRead } from "../programs/page_cache_calls.ts";

const PAGE_BYTES = 4096;
const KIB = 1024;
const { RWF_NOWAIT } = platform.constants;

/** A test of what Linux has. */
function test(name: string, fn: TestFunction, ignore = false): void {
  anyTest(name, { ignore: ignore || !hasPreadv2, pageCache: true }, fn);
}

/** What the page cache was asked for while a function ran. */
async function asked(
  fn: () => Promise<unknown>,
): Promise<{ hits: number; misses: number }> {
  const before = metrics();
  await fn();
  const after = metrics();
  return {
    hits: after.cacheHits - before.cacheHits,
    misses: after.cacheMisses - before.cacheMisses,
  };
}

const HIT = { hits: 1, misses: 0 };
const MISS = { hits: 0, misses: 1 };
const NOT_ASKED = { hits: 0, misses: 0 };

/** How often the device may be so fast that nothing waits for it. */
const TRIES_MAX = 50;

/** Memory of each kind, with bytes around it that nobody may touch. */
const MEMORIES: Record<string, (byteLength: number) => Uint8Array> = {
  "ordinary memory": (byteLength) => new Uint8Array(byteLength),
  "a part of ordinary memory": (byteLength) =>
    new Uint8Array(byteLength + 200).subarray(77, 77 + byteLength),
  "a part of a resizable buffer": (byteLength) =>
    new Uint8Array(
      new ArrayBuffer(byteLength + 9, { maxByteLength: 2 * byteLength + 9 }),
      9,
    ),
  "a part of shared memory": (byteLength) =>
    new Uint8Array(new SharedArrayBuffer(byteLength + 20), 13, byteLength),
  "pinned memory": allocatePinned,
  "a part of pinned memory": (byteLength) =>
    allocatePinned(byteLength + 5000).subarray(4099, 4099 + byteLength),
};

const GUARD = 0xee;
/** The last of what the library copies, and of what it asks for. */
const COPIED_BYTES_MAX = 16 * KIB;
const ASKED_BYTES_MAX = 128 * KIB;
const LENGTHS = [
  1,
  100,
  COPIED_BYTES_MAX,
  COPIED_BYTES_MAX + 1,
  ASKED_BYTES_MAX - 1,
  ASKED_BYTES_MAX,
];

/** Reads into memory, and asserts that this and only this has the bytes. */
async function assertReads(
  file: AioFile,
  into: Uint8Array,
  offset: number | bigint,
  expected: Uint8Array,
): Promise<void> {
  const whole = new Uint8Array(into.buffer);
  const { byteOffset, byteLength } = into;
  const last = byteOffset + byteLength;
  const around = [
    whole.subarray(Math.max(0, byteOffset - 64), byteOffset),
    whole.subarray(last, last + 64),
  ];
  const before = around.map((bytes) => bytes.slice());
  into.fill(GUARD);
  const count = await file.readAt(into, offset);
  assertBytes(into.slice(0, count), expected);
  assert(into.slice(count).every((byte) => byte === GUARD), "more was read");
  around.forEach((bytes, at) => assertBytes(bytes.slice(), before[at]));
}

for (const [what, allocate] of Object.entries(MEMORIES)) {
  test(`what is cached is read at once into ${what}`, async () => {
    using directory = new Directory();
    const contents = pattern(2 * ASKED_BYTES_MAX);
    await using file = await AioFile.open(directory.file(contents));
    for (const byteLength of LENGTHS) {
      for (const offset of [0, 3, PAGE_BYTES - 1]) {
        const expected = contents.subarray(offset, offset + byteLength);
        const read = () =>
          assertReads(file, allocate(byteLength), offset, expected);
        assertEquals(await asked(read), HIT, `${byteLength} at ${offset}`);
      }
    }
  });

  test(`what is cached in part is read as a whole into ${what}`, async () => {
    using directory = new Directory();
    const contents = pattern(64 * KIB);
    const path = directory.file(contents);
    for (const byteLength of [2 * PAGE_BYTES, 40 * KIB]) {
      await using file = await AioFile.open(path);
      evict(path);
      readIntoCache(path, PAGE_BYTES);
      const read = () =>
        assertReads(
          file,
          allocate(byteLength),
          100,
          contents.subarray(100, 100 + byteLength),
        );
      const { hits, misses } = await asked(read);
      // What follows may have come in meanwhile.
      assertEquals(hits + misses, 1);
      // It is cached now.
      assertEquals(await asked(read), HIT);
    }
  });

  test(`what is not cached is read into ${what}`, async () => {
    using directory = new Directory();
    const contents = pattern(64 * KIB);
    const path = directory.file(contents);
    for (const byteLength of [1, 2 * PAGE_BYTES, 40 * KIB]) {
      const expected = contents.subarray(0, byteLength);
      for (let tries = 1;; tries++) {
        await using file = await AioFile.open(path);
        evict(path);
        const read = () => assertReads(file, allocate(byteLength), 0, expected);
        const first = await asked(read);
        // Asking has the device begin: it may be done before it is asked for more.
        if (first.hits === 1 && tries < TRIES_MAX) continue;
        assertEquals(first, MISS);
        assertEquals(await asked(read), HIT);
        break;
      }
    }
  });
}

/** The same for memory that may move, which has to be copied by this thread anyway. */
const MOVABLE_ASKED_BYTES_MAX = 1024 * KIB;

for (const [what, allocate] of Object.entries(MEMORIES)) {
  const isMovable = !isPinned(allocate(1));
  const most = isMovable ? MOVABLE_ASKED_BYTES_MAX : ASKED_BYTES_MAX;

  test(`the page cache is asked for a read of up to ${most} bytes into ${what}`, async () => {
    using directory = new Directory();
    const contents = pattern(2 * MOVABLE_ASKED_BYTES_MAX);
    await using file = await AioFile.open(directory.file(contents));
    const read = (byteLength: number) => () =>
      assertReads(
        file,
        allocate(byteLength),
        3,
        contents.subarray(3, 3 + byteLength),
      );
    assertEquals(await asked(read(most)), HIT);
    assertEquals(await asked(read(most + 1)), NOT_ASKED);
  });
}

/** Ordinary memory whose address is so many bytes behind a page. */
function behindPage(byteLength: number, behind: number): Uint8Array {
  const buffer = new ArrayBuffer(byteLength + 2 * PAGE_BYTES);
  const address = runtime.addressOfBuffer(buffer);
  const begin = PAGE_BYTES - address % PAGE_BYTES + behind;
  return new Uint8Array(buffer, begin, byteLength);
}

test("a cached read is the same to wherever in a page memory begins", async () => {
  using directory = new Directory();
  const byteLength = 400 * KIB + 77;
  const contents = pattern(byteLength + PAGE_BYTES);
  await using file = await AioFile.open(directory.file(contents));
  for (const behind of [0, 1, 16, 31, 32, 4095]) {
    for (const offset of [0, 7, PAGE_BYTES - 16, 2n * BigInt(PAGE_BYTES)]) {
      const begin = Number(offset);
      const expected = contents.subarray(begin, begin + byteLength);
      const read = () =>
        assertReads(file, behindPage(byteLength, behind), offset, expected);
      assertEquals(await asked(read), HIT, `${behind} behind, at ${offset}`);
    }
  }
});

test("what would be copied slowly is read in pieces, and other memory at once", async () => {
  using directory = new Directory();
  const contents = pattern(512 * KIB);
  const bound = librt() as { preadv2: (...args: unknown[]) => number };
  const { preadv2 } = bound;
  let calls = 0;
  bound.preadv2 = (...args) => (calls++, preadv2(...args));
  try {
    await using file = await AioFile.open(directory.file(contents));
    for (const [behind, count] of [[16, 4], [64, 1]]) {
      calls = 0;
      await assertReads(file, behindPage(512 * KIB, behind), 0, contents);
      assertEquals(calls, count, `${behind} bytes behind`);
    }
  } finally {
    bound.preadv2 = preadv2;
  }
});

test("what is read in pieces ends where the page cache does, and the engine goes on", async () => {
  using directory = new Directory();
  const byteLength = 512 * KIB;
  const contents = pattern(byteLength);
  const path = directory.file(contents);
  for (const cached of [100 * KIB, 128 * KIB, 300 * KIB]) {
    await using file = await AioFile.open(path);
    evict(path);
    readIntoCache(path, cached);
    const read = () =>
      assertReads(file, behindPage(byteLength, 16), 0, contents);
    const { hits, misses } = await asked(read);
    // What follows may have come in meanwhile.
    assertEquals(hits + misses, 1);
  }
});

for (const what of ["pinned", "ordinary", "pinned and ordinary"]) {
  test(`the page cache is asked for lists of ${what} memory as for a buffer`, async () => {
    using directory = new Directory();
    const contents = pattern(2 * MOVABLE_ASKED_BYTES_MAX);
    await using file = await AioFile.open(directory.file(contents));
    const read = (byteLength: number) => async () => {
      const list = [100, 1000, byteLength - 1100].map((length, index) =>
        what === "pinned" || index === 1 && what !== "ordinary"
          ? allocatePinned(length)
          : new Uint8Array(length)
      );
      assertEquals(await file.readAt(list, 3), byteLength);
      assertBytes(concat(list), contents.subarray(3, 3 + byteLength));
    };
    const most = what === "pinned" ? ASKED_BYTES_MAX : MOVABLE_ASKED_BYTES_MAX;
    assertEquals(await asked(read(most)), HIT);
    assertEquals(await asked(read(most + 1)), NOT_ASKED);
  });
}

test("a cached read is short at the end of the file, and nowhere else", async () => {
  using directory = new Directory();
  const contents = pattern(3 * PAGE_BYTES + 10);
  await using file = await AioFile.open(directory.file(contents));
  for (const allocate of Object.values(MEMORIES)) {
    for (const byteLength of [0, 1, 20, 2 * PAGE_BYTES, 20 * KIB]) {
      for (
        const offset of [
          0,
          contents.length - 1,
          contents.length - PAGE_BYTES,
          contents.length,
          contents.length + 1,
          contents.length + PAGE_BYTES,
          2 ** 40,
        ]
      ) {
        const expected = contents.subarray(offset, offset + byteLength);
        const read = () =>
          assertReads(file, allocate(byteLength), offset, expected);
        assertEquals(await asked(read), HIT, `${byteLength} at ${offset}`);
      }
    }
  }
});

test("a cached read of an empty file has no bytes", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file());
  const read = () => assertReads(file, new Uint8Array(9), 0, new Uint8Array(0));
  assertEquals(await asked(read), HIT);
});

test("a cached read takes offsets beyond 2 ** 32, as number and as bigint", async () => {
  using directory = new Directory();
  const path = directory.file();
  const contents = pattern(40 * KIB, 5);
  const fd = openSync(path, "r+");
  // Other bytes would come of the lower half of an offset alone.
  for (const at of [2 ** 32 + 5, 2 ** 43 - 40 * KIB]) {
    writeSync(fd, contents, 0, contents.length, at);
  }
  writeSync(fd, new Uint8Array(40 * KIB).fill(9), 0, 40 * KIB, 0);
  closeSync(fd);
  await using file = await AioFile.open(path);
  for (const at of [2 ** 32 + 5, 2 ** 43 - 40 * KIB]) {
    for (const offset of [at, BigInt(at)]) {
      for (const byteLength of [10, 40 * KIB]) {
        const expected = contents.subarray(0, byteLength);
        const read = () =>
          assertReads(file, new Uint8Array(byteLength), offset, expected);
        assertEquals(await asked(read), HIT);
      }
    }
  }
});

test("a cached read of what is for writing only fails as any other", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { write: true });
  const offset = 2n ** 63n - 2n;
  const error = await file.readAt(new Uint8Array(8), offset)
    .then(() => null, (error) => error);
  assertEquals(
    [error?.code, error?.offset, error?.bytesTransferred],
    ["EBADF", offset, 0],
  );
});

test("a cached read of a hole has zeros", async () => {
  using directory = new Directory();
  const path = directory.file();
  truncateSync(path, 64 * KIB);
  await using file = await AioFile.open(path);
  const expected = new Uint8Array(20 * KIB);
  await file.readAt(new Uint8Array(64 * KIB), 0);
  const read = () => assertReads(file, new Uint8Array(20 * KIB), 99, expected);
  assertEquals(await asked(read), HIT);
});

test("what others write, append and cut off is seen by the next read", async () => {
  using directory = new Directory();
  const path = directory.file("0123456789");
  await using file = await AioFile.open(path);
  const other = openSync(path, "r+");
  const read = async (length: number, offset: number) => {
    const into = new Uint8Array(length);
    const bytes = await file.readAt(into, offset);
    return new TextDecoder().decode(into.subarray(0, bytes));
  };
  const all = async () => {
    assertEquals(await read(20, 0), "0123456789");
    assertEquals(await read(4, 10), "");
    writeSync(other, encode("abcd"), 0, 4, 10);
    assertEquals(await read(4, 10), "abcd");
    assertEquals(await read(20, 8), "89abcd");
    writeSync(other, encode("XY"), 0, 2, 0);
    assertEquals(await read(3, 0), "XY2");
    ftruncateSync(other, 2);
    assertEquals(await read(20, 0), "XY");
    assertEquals(await read(4, 10), "");
    ftruncateSync(other, 4);
    assertEquals(await read(20, 0), "XY\0\0");
  };
  assertEquals(await asked(all), { hits: 8, misses: 0 });
  closeSync(other);
});

test("a read amid writes has for each byte what was there or was written", async () => {
  using directory = new Directory();
  const LENGTH = 3 * PAGE_BYTES;
  const path = directory.file(new Uint8Array(LENGTH));
  await using file = await AioFile.open(path, { read: true, write: true });
  let last = 0;
  let begun = 0;
  const writing = (async () => {
    for (let version = 1; version <= 200; version++) {
      begun = version;
      await file.writeAt(new Uint8Array(LENGTH).fill(version), 0);
      last = version;
    }
  })();
  const into = new Uint8Array(LENGTH);
  let reads = 0;
  for (; last < 200; reads++) {
    const least = last;
    assertEquals(await file.readAt(into, 0), LENGTH);
    const most = begun;
    assert(
      into.every((byte) => byte >= least && byte <= most),
      `a read had other versions than ${least} to ${most}`,
    );
    // The writes are noticed in a turn of their own.
    if (reads % 8 === 7) await new Promise((resolve) => setTimeout(resolve));
  }
  await writing;
  assert(reads > 0);
});

test("a buffer that is taken away after a cached read does it no harm", async () => {
  using directory = new Directory();
  const contents = pattern(100);
  await using file = await AioFile.open(directory.file(contents));
  const into = new Uint8Array(100);
  const reading = file.readAt(into, 0);
  const taken = into.buffer.transfer();
  assertEquals(await reading, 100);
  assertBytes(new Uint8Array(taken), contents);
});

test("a cached read is not fooled by a view that lies about itself", async () => {
  using directory = new Directory();
  const contents = pattern(40 * KIB);
  await using file = await AioFile.open(directory.file(contents));
  for (const byteLength of [100, 20 * KIB]) {
    const buffer = new ArrayBuffer(byteLength);
    const view = new Uint8Array(buffer, 10, byteLength - 20);
    for (const key of ["buffer", "byteOffset", "byteLength", "length", "set"]) {
      Object.defineProperty(view, key, { value: 40 * KIB });
    }
    const read = async () => {
      assertEquals(await file.readAt(view, 1), byteLength - 20);
    };
    assertEquals(await asked(read), HIT);
    const expected = new Uint8Array(byteLength);
    expected.set(contents.subarray(1, byteLength - 19), 10);
    assertBytes(new Uint8Array(buffer), expected);
  }
});

test("a cached read of what cannot be read fails as any other", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using folder = await AioFile.open(directory.path);
  await assertAioError(folder.readAt(new Uint8Array(1), 0), "EISDIR", {
    syscall: "aio_read",
    bytesTransferred: 0,
  });
  await using writable = await AioFile.open(path, { write: true });
  await assertAioError(writable.readAt(new Uint8Array(1), 0), "EBADF");
  const closed = await AioFile.open(path);
  await closed.close();
  const refused = () =>
    assertAioError(closed.readAt(new Uint8Array(1), 0), "EBADF");
  assertEquals(await asked(refused), NOT_ASKED);
});

test("each way of reading asks the page cache", async () => {
  using directory = new Directory();
  const contents = pattern(PAGE_BYTES);
  await using file = await AioFile.open(directory.file(contents));
  const into = new Uint8Array(PAGE_BYTES);
  const reads: Record<string, () => Promise<unknown>> = {
    "readAt()": () => file.readAt(into, 0),
    "readAt() with options": () => file.readAt(into, 0, {}),
    "readAt() with a signal": () => {
      const { signal } = new AbortController();
      return file.readAt(into, 0, { signal });
    },
    "readAt() with a priority": () => file.readAt(into, 0, { priority: 3 }),
    "batch()": () => file.batch([{ type: "read", buffer: into, offset: 0 }]),
    "readable()": async () => {
      const chunks = file.readable({ length: PAGE_BYTES });
      for await (const chunk of chunks) into.set(chunk);
    },
  };
  for (const notify of ["auto", "poll"] as const) {
    reads[`CompletionQueue with "${notify}"`] = async () => {
      await using queue = new CompletionQueue({ notify });
      queue.read(file, into, 0, undefined);
      queue.submit([
        { type: "read", file, buffer: into, offset: 0, tag: undefined },
      ]);
      for await (const { error } of queue.drain()) assertEquals(error, null);
    };
  }
  for (const [how, read] of Object.entries(reads)) {
    into.fill(0);
    const { hits, misses } = await asked(read);
    assert(hits > 0, how);
    assertEquals(misses, 0, how);
    assertBytes(into, contents);
  }
});

test("an appending file's reads ask the page cache, too", async () => {
  using directory = new Directory();
  const path = directory.file("0123456789");
  const options = { read: true, append: true };
  await using file = await AioFile.open(path, options);
  const into = new Uint8Array(4);
  const reads = async () => {
    assertEquals(await file.readAt(into, 2), 4);
    assertEquals(await file.readAt(into, 2, { priority: 1 }), 4);
    const [first, second] = [
      file.append(encode("a")),
      file.append(encode("b")),
    ];
    assertEquals(await file.readAt(into, 2, {}), 4);
    assertEquals(await Promise.all([first, second]), [1, 1]);
  };
  assertEquals(await asked(reads), { hits: 3, misses: 0 });
  assertEquals(Deno.readTextFileSync(path), "0123456789ab");
});

test("what has no page cache is never asked", async () => {
  await using fifo = new Fifo();
  fifo.feed("x");
  await using zero = await AioFile.open("/dev/zero");
  const reads = async () => {
    assertEquals(await fifo.file.readAt(new Uint8Array(2), 0), 1);
    await zero.readAt(new Uint8Array(2), 0);
  };
  assertEquals(await asked(reads), NOT_ASKED);
});

const canGoDirect = hasDirectTransfers();

test("direct reads are never asked for", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(2 * PAGE_BYTES));
  await using file = await AioFile.open(path, { direct: true });
  const into = allocatePinned(PAGE_BYTES);
  const read = async () => {
    assertEquals(await file.readAt(into, PAGE_BYTES), PAGE_BYTES);
  };
  assertEquals(await asked(read), NOT_ASKED);
  assertBytes(into, pattern(PAGE_BYTES, PAGE_BYTES));
}, !canGoDirect);

test("a file of /proc is asked for once, and has its bytes", async () => {
  await using file = await AioFile.open("/proc/self/auxv");
  const expected = Deno.readFileSync("/proc/self/auxv");
  const reads = async () => {
    for (let count = 0; count < 5; count++) {
      const into = new Uint8Array(expected.length + 1);
      assertEquals(await file.readAt(into, 0), expected.length);
      assertBytes(into.subarray(0, expected.length), expected);
    }
  };
  assertEquals(await asked(reads), MISS);
});

// What the system is asked for, in a process whose calls are looked at.

const LONG_BYTES = 200_000;

interface Calls {
  preadv2: [flags: number, result: number][];
  engineReads: [offset: number, length: number][];
  hits: number;
  misses: number;
  asked: number[];
  bytes: number[];
  areRight: boolean;
}

/** Runs a plan on a file of {@linkcode LONG_BYTES}. */
async function callsOf(
  plan: Omit<Plan, "path" | "byteLength">,
  { parent, ...options }: {
    parent?: string;
    engine?: EngineName;
    env?: Record<string, string>;
    flags?: string[];
  } = {},
): Promise<Calls> {
  using directory = new Directory(parent);
  const byteLength = LONG_BYTES;
  const path = directory.file(pattern(byteLength));
  const args = [JSON.stringify({ ...plan, path, byteLength })];
  const calls = await report("page_cache_calls", {
    pageCache: true,
    ...options,
    args,
  });
  assert(calls.areRight, "bytes are wrong");
  assertEquals(calls.bytes, plan.reads.map(({ length }) => length));
  return calls;
}

function repeated(count: number, read: PlannedRead = { length: 100 }) {
  return Array.from({ length: count }, () => read);
}

const PARTS = {
  "ordinary memory": { length: 2 * PAGE_BYTES },
  "ordinary memory, in place": { length: 40 * KIB },
  "pinned memory": { length: 2 * PAGE_BYTES, memory: "pinned" },
  "shared memory": { length: 40 * KIB, memory: "shared" },
  "a list of ordinary memory": { length: 2 * PAGE_BYTES, cuts: [16, 5000] },
  "a list of ordinary memory, in place": {
    length: 40 * KIB,
    cuts: [16, PAGE_BYTES, 6000],
  },
  "a list of pinned memory": {
    length: 2 * PAGE_BYTES,
    memory: "pinned",
    cuts: [16, 5000],
  },
  "a list, by a read with options": {
    length: 2 * PAGE_BYTES,
    hasOptions: true,
    cuts: [PAGE_BYTES],
  },
  "ordinary memory, by a read with options": {
    length: 2 * PAGE_BYTES,
    hasOptions: true,
  },
  "ordinary memory, by a completion queue": {
    length: 2 * PAGE_BYTES,
    notify: "auto",
  },
} satisfies Record<string, PlannedRead>;

for (const [what, read] of Object.entries(PARTS)) {
  test(`only what is not cached is for the engine: ${what}`, async () => {
    const calls = await callsOf({ preadv2: "one page", reads: [read] });
    assertEquals(calls.preadv2, [[RWF_NOWAIT, PAGE_BYTES], [RWF_NOWAIT, -1]]);
    assertEquals(calls.engineReads, [[PAGE_BYTES, read.length - PAGE_BYTES]]);
    assertEquals([calls.hits, calls.misses], [0, 1]);
  });

  test(`a cached read is one call, and none of the engine: ${what}`, async () => {
    const calls = await callsOf({ reads: [read] });
    assertEquals(calls.preadv2, [[RWF_NOWAIT, read.length]]);
    assertEquals(calls.engineReads, []);
    assertEquals([calls.hits, calls.misses], [1, 0]);
  });
}

for (const [code, errno] of [["EOPNOTSUPP", 95], ["ENOSYS", 38]] as const) {
  test(`a file that says ${code} is not asked a second time`, async () => {
    const reads = repeated(5);
    const calls = await callsOf({ preadv2: errno, reads });
    assertEquals(calls.preadv2, [[RWF_NOWAIT, -1]]);
    assertEquals(calls.engineReads, Array(5).fill([0, 100]));
    assertEquals([calls.hits, calls.misses], [0, 1]);
  });
}

test("an error of preadv2() is for the engine to tell, and is not kept", async () => {
  const EIO = 5;
  const calls = await callsOf({ preadv2: EIO, reads: repeated(5) });
  assertEquals(calls.preadv2, Array(5).fill([RWF_NOWAIT, -1]));
  assertEquals(calls.engineReads, Array(5).fill([0, 100]));
});

const WAYS = {
  "readAt()": { length: 100 },
  "readAt() with options": { length: 100, hasOptions: true },
  "a completion queue": { length: 100, notify: "auto" },
} satisfies Record<string, PlannedRead>;

for (const [how, read] of Object.entries(WAYS)) {
  test(`a file whose reads miss is asked less and less often, by ${how}`, async () => {
    const EAGAIN = 11;
    const reads = repeated(860, read);
    const calls = await callsOf({ preadv2: EAGAIN, reads });
    // None is left out after the first one, then 3, 15, 63, and at last 255.
    assertEquals(calls.asked, [0, 1, 5, 21, 85, 341, 597, 853]);
    assertEquals(calls.preadv2.length, calls.asked.length);
    assertEquals(calls.engineReads.length, reads.length);
  });
}

test("a hit has the next miss leave out half as many reads", async () => {
  const calls = await callsOf({ misses: [0, 1, 3], reads: repeated(16) });
  assertEquals(calls.asked, [0, 1, 5, 6, 14, 15]);
});

test("a file of which every second answer is a miss is asked hardly ever", async () => {
  const misses = Array.from({ length: 1000 }, (_, answer) => 2 * answer);
  const calls = await callsOf({ misses, reads: repeated(2000) });
  assert(calls.asked.length < 100, `${calls.asked.length} asked`);
});

for (const [what, read] of Object.entries(PARTS)) {
  test(`what comes page by page is put together: ${what}`, async () => {
    const reads = [read, { ...read, length: 3 * PAGE_BYTES + 5, offset: 7 }];
    const calls = await callsOf({ preadv2: "page by page", reads });
    assertEquals([calls.hits, calls.misses], [2, 0]);
    assertEquals(calls.engineReads, []);
    const pages = reads.map(({ length }) => Math.ceil(length / PAGE_BYTES));
    assertEquals(calls.preadv2.length, pages[0] + pages[1]);
  });
}

test("a read that waits for room in the system is asked for once", async () => {
  const EIO = 5;
  const reads = repeated(40, { length: 100, hasOptions: true });
  const calls = await callsOf({
    preadv2: EIO,
    maxInFlight: 1,
    isTogether: true,
    reads,
  });
  // The others wait behind it when they are made.
  assertEquals(calls.asked, [0, 1]);
  const { length } = calls.preadv2;
  assert(length <= reads.length, `${length} calls`);
});

test(
  "a ring has many short reads at once where calls of the system take long",
  async () => {
    const plan = { hasSlowCalls: true, isTogether: true };
    const options = { engine: "io_uring" } as const;
    // More than one turn answers: the others wait for the next one together.
    const short = await callsOf({ ...plan, reads: repeated(400) }, options);
    assert(short.engineReads.length >= 400 - 256, `${short.hits} hits`);
    assertEquals(short.engineReads.length, 400 - short.hits);
    const reads = repeated(400, { length: COPIED_BYTES_MAX + 1 });
    const long = await callsOf({ ...plan, reads }, options);
    assertEquals(long.engineReads, []);
  },
  !isThere("io_uring"),
);

test("a file whose reads have missed is asked always once one was a hit", async () => {
  // The second read finds what the first one had read; that one misses, unless
  // the device is done by the time that it is asked for more.
  const { hits, misses } = await callsOf({ cached: 0, reads: repeated(20) });
  assertEquals(hits + misses, 20);
  assert(misses <= 1, `${misses} misses`);
});

test("a file in memory is asked in a way that it answers", async () => {
  const calls = await callsOf(
    { reads: [...repeated(3), { length: 100_000 }] },
    { parent: "/dev/shm" },
  );
  // The flag is refused, and what has no other place can be read without it.
  const [first, ...others] = calls.preadv2;
  assertEquals(first[0], RWF_NOWAIT);
  assert(first[1] !== -1 || others.every(([flags]) => flags === 0));
  assert(others.every(([_, result]) => result > 0));
  assert(calls.hits >= 3, `${calls.hits} hits`);
});

const NEVER: Record<
  string,
  [Omit<Plan, "path" | "byteLength">, Parameters<typeof callsOf>[1]?]
> = {
  "a program that says pageCache: false": [
    { pageCache: false, reads: repeated(1) },
  ],
  "a program that is told POSIX_AIO_PAGE_CACHE=0": [
    { reads: repeated(1) },
    { env: { POSIX_AIO_PAGE_CACHE: "0" } },
  ],
  "a system without preadv2()": [{ preadv2: "missing", reads: repeated(1) }],
};

for (const [who, [plan, options]] of Object.entries(NEVER)) {
  test(`the page cache is not asked by ${who}`, async () => {
    const { preadv2, hits, misses, engineReads } = await callsOf(plan, options);
    assertEquals([preadv2, hits, misses], [[], 0, 0]);
    assertEquals(engineReads.length, 1);
  });
}

for (const notify of ["auto", "suspend", "thread", "poll"] as const) {
  test(`the page cache answers a queue that says "${notify}"`, async () => {
    const reads = [{ length: 100, notify }];
    const { hits, engineReads } = await callsOf({ reads });
    assertEquals([hits, engineReads], [1, []]);
  });
}

test("pageCache: true of a program goes before POSIX_AIO_PAGE_CACHE=0", async () => {
  const { hits } = await callsOf(
    { pageCache: true, reads: repeated(1) },
    { env: { POSIX_AIO_PAGE_CACHE: "0" } },
  );
  assertEquals(hits, 1);
});

test("POSIX_AIO_PAGE_CACHE is not looked at without --allow-env", async () => {
  const others = "--allow-env=POSIX_AIO_EMULATED";
  const flags = ["--allow-ffi", "--allow-read", others];
  const { hits } = await callsOf(
    { reads: repeated(1) },
    { env: { POSIX_AIO_PAGE_CACHE: "0" }, flags },
  );
  assertEquals(hits, 1);
});

test("everything works in a system without preadv2()", async () => {
  const reads: PlannedRead[] = [
    { length: 100 },
    { length: 100_000, memory: "pinned" },
    { length: 100, hasOptions: true },
    { length: 100, notify: "auto" },
    { length: 150_000, notify: "poll", memory: "shared" },
  ];
  const { preadv2 } = await callsOf({ preadv2: "missing", reads });
  assertEquals(preadv2, []);
});
