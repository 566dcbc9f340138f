// The share of a turn of the event loop that reads have which are answered at once:
// whatever is asked for, timers have their turn, and what waits for the next turn is
// a request like any other.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { turn as own } from "../../lib/engine/turn.ts";
import {
  AioFile,
  type BatchRequest,
  CompletionQueue,
  configure,
  metrics,
} from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  decode,
  Directory,
  encode,
  hasPreadv2,
  pattern,
  placesOf,
  test as anyTest,
  type TestFunction,
  type TestOptions,
  turn,
} from "../helpers/mod.ts";

/** A test of what Linux has. */
function test(
  name: string,
  fn: TestFunction,
  options: TestOptions = {},
): void {
  anyTest(name, { ...options, ignore: !hasPreadv2, pageCache: true }, fn);
}

/** Where a ring has many reads at once, and the page cache those that are alone. */
const hasRing = () => metrics().engine === "io_uring";

/** How many answers a turn has at most. */
const ANSWERS_MAX = 256;
const BLOCK_BYTES = 512;
const BLOCKS = 256;
const contents = pattern(BLOCKS * BLOCK_BYTES);

/** A file that is cached, and goes with the directory. */
class CachedFile implements AsyncDisposable {
  readonly #directory = new Directory();
  readonly path = this.#directory.file(contents);
  readonly file: Promise<AioFile>;

  constructor() {
    this.file = AioFile.open(this.path, { read: true, write: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.file).close().catch(() => {});
    this.#directory[Symbol.dispose]();
  }
}

/** Uses up what this turn has, so that the next read waits for another one. */
async function useTurnUp(file: AioFile): Promise<void> {
  await turn();
  const { cacheHits } = metrics();
  const block = new Uint8Array(BLOCK_BYTES);
  for (let count = 0; metrics().cacheHits - cacheHits === count; count++) {
    assert(count <= ANSWERS_MAX, "a turn has no end");
    // The last one waits, and is canceled by some tests.
    file.readAt(block, 0).catch(() => {});
  }
}

function assertAddsUp(): void {
  const { submitted, completed, failed, canceled, inFlight, queued } =
    metrics();
  assertEquals(submitted, completed + failed + canceled + inFlight + queued);
  assert(queued >= 0 && inFlight >= 0);
}

/** Counts the turns of the event loop that pass until something is done. */
async function turnsUntil(done: Promise<unknown>): Promise<number> {
  let isDone = false;
  const noticed = done.finally(() => isDone = true);
  let turns = 0;
  for (; !isDone; turns++) await turn();
  await noticed;
  return turns;
}

test("next() has a function called in the next turn, and once", async () => {
  const calls = [0, 0];
  const fns = calls.map((_, index) => () => {
    calls[index]++;
  });
  own.next(fns[0]);
  own.next(fns[0]);
  own.next(fns[1]);
  assertEquals(calls, [0, 0]);
  await turn();
  assertEquals(calls, [1, 1]);
  own.next(fns[1]);
  await turn();
  assertEquals(calls, [1, 2]);
});

test("those for whom a turn was too short go first in the next one", async () => {
  const served: string[] = [];
  const isDone = () => served.length >= 6;
  for (const name of ["one", "two", "three"]) {
    const takeAll = () => {
      if (own.hasRoom) served.push(name);
      while (own.hasRoom) own.count(64 * 1024);
      if (!isDone()) own.next(takeAll);
    };
    own.next(takeAll);
  }
  for (let turns = 0; !isDone() && turns < 20; turns++) await turn();
  assertEquals(served, ["one", "two", "three", "one", "two", "three"]);
});

test("cached reads of one file do not keep those of another one waiting", async () => {
  using directory = new Directory();
  const bytes = 64 * 1024;
  const open = () => AioFile.open(directory.file(pattern(bytes)));
  await using busy = await open();
  await using other = await open();
  let reads = 0;
  let isOver = false;
  const readers = Array.from({ length: 64 }, async () => {
    const block = new Uint8Array(bytes);
    for (; !isOver && reads < 20_000; reads++) await busy.readAt(block, 0);
  });
  await turn();
  let most = 0;
  for (let count = 0; count < 8; count++) {
    const before = reads;
    await other.readAt(new Uint8Array(16), 0);
    most = Math.max(most, reads - before);
  }
  isOver = true;
  await Promise.all(readers);
  assert(most < 2_000, `${most} reads of one file before one of the other`);
});

test("a turn is over after some time, whatever the length of answers", async () => {
  for (const byteLength of [0, 8 * 1024, 20 * 1024]) {
    await turn();
    let answers = 0;
    for (; own.hasRoom; answers++) {
      own.count(byteLength);
      const since_ms = performance.now();
      while (performance.now() - since_ms < 0.1);
    }
    assert(answers <= 20, `${answers} answers of 0.1 ms`);
  }
});

test("one long answer is as many as it takes time", async () => {
  await turn();
  let answers = 0;
  for (; own.hasRoom; answers++) own.count(1024 * 1024);
  assert(answers >= 1 && answers < 4, `${answers} answers of a MiB in a turn`);
  await turn();
  assert(own.hasRoom);
});

const MANY = 10_000;
/** Each turn of one's own may see a part of two of the library's. */
const TURNS_MIN = Math.floor(MANY / ANSWERS_MAX / 2);

/** Ways in which 10,000 reads can be made. */
const WAYS: Record<string, (file: AioFile) => Promise<unknown>> = {
  async "readAt(), one after another"(file) {
    const block = new Uint8Array(BLOCK_BYTES);
    for (let count = 0; count < MANY; count++) await file.readAt(block, 0);
  },
  async "readAt() with options, one after another"(file) {
    const block = new Uint8Array(BLOCK_BYTES);
    const { signal } = new AbortController();
    for (let count = 0; count < MANY; count++) {
      await file.readAt(block, 0, { signal });
    }
  },
  "readAt(), all at once"(file) {
    return Promise.all(
      Array.from(
        { length: MANY },
        () => file.readAt(new Uint8Array(1), 0),
      ),
    );
  },
  async "batch()"(file) {
    const buffer = new Uint8Array(BLOCK_BYTES);
    const read: BatchRequest = { type: "read", buffer, offset: 0 };
    const outcomes = await file.batch(Array(MANY).fill(read));
    assert(outcomes.every(({ status }) => status === "fulfilled"));
  },
  async "a completion queue, one after another"(file) {
    await using queue = new CompletionQueue<number>();
    const buffer = new Uint8Array(BLOCK_BYTES);
    queue.read(file, buffer, 0, 1);
    for await (const { tag } of queue.drain()) {
      if (tag < MANY) queue.read(file, buffer, 0, tag + 1);
    }
  },
  async "a completion queue, all at once"(file) {
    await using queue = new CompletionQueue<number>();
    const buffer = new Uint8Array(BLOCK_BYTES);
    queue.submit(
      Array.from(
        { length: MANY },
        (_, tag) => ({ type: "read", file, buffer, offset: 0, tag }),
      ),
    );
    let count = 0;
    for await (const { error } of queue.drain()) {
      assertEquals(error, null);
      count++;
    }
    assertEquals(count, MANY);
  },
  async "many files"(file) {
    const files = await Promise.all(
      Array.from(
        { length: 100 },
        () => AioFile.open(`/proc/self/fd/${file.fd}`),
      ),
    );
    await Promise.all(files.map(async (file) => {
      const block = new Uint8Array(BLOCK_BYTES);
      for (let count = 0; count < MANY / 100; count++) {
        await file.readAt(block, 0);
      }
    }));
    await Promise.all(files.map((file) => file.close()));
  },
};

for (const [how, read] of Object.entries(WAYS)) {
  test(`${MANY} cached reads leave others their turns: ${how}`, async () => {
    await using cached = new CachedFile();
    const file = await cached.file;
    const { cacheHits } = metrics();
    const turns = await turnsUntil(read(file));
    const hits = metrics().cacheHits - cacheHits;
    const isForRing = hasRing() && /all at once|batch/.test(how);
    assert(hits === MANY || isForRing && hits < MANY, `${hits} hits`);
    assert(turns >= TURNS_MIN, `they had ${turns} turns`);
    assertAddsUp();
  });
}

test("a timer fires while cached reads follow each other without an end", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  const block = new Uint8Array(BLOCK_BYTES);
  let isDue = false;
  setTimeout(() => isDue = true, 1);
  let reads = 0;
  for (; !isDue && reads < 100_000; reads++) await file.readAt(block, 0);
  assert(isDue, `it did not within ${reads} reads`);
});

test("reads that wait for the next turn have their bytes", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  const blocks = Array.from(
    { length: 4 * BLOCKS },
    () => new Uint8Array(BLOCK_BYTES),
  );
  const { cacheHits } = metrics();
  const reads = blocks.map((block, at) =>
    file.readAt(block, at % BLOCKS * BLOCK_BYTES)
  );
  assert(metrics().cacheHits - cacheHits <= ANSWERS_MAX);
  assert(metrics().queued > 0, "none waits");
  assertAddsUp();
  for (const count of await Promise.all(reads)) {
    assertEquals(count, BLOCK_BYTES);
  }
  const hits = metrics().cacheHits - cacheHits;
  assert(hits === blocks.length || hasRing() && hits > 0, `${hits} hits`);
  blocks.forEach((block, at) =>
    assertBytes(block, pattern(BLOCK_BYTES, at % BLOCKS * BLOCK_BYTES))
  );
});

test("reads that wait for the next turn are answered in their order", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await useTurnUp(file);
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      await file.readAt(new Uint8Array(1), index);
      order.push(index);
    }),
  );
  assertEquals(order, Array.from({ length: 200 }, (_, index) => index));
});

test("priority: an urgent read goes before those that wait for the next turn", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await useTurnUp(file);
  const order: number[] = [];
  await Promise.all([20, 3, 0, 20, 3, 0].map(async (priority, index) => {
    await file.readAt(new Uint8Array(1), 0, { priority });
    order.push(index);
  }));
  assertEquals(order, [2, 5, 1, 4, 0, 3]);
});

test("a signal that was aborted before has its reason told, and nothing read", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const before = metrics();
  const into = new Uint8Array(4);
  const error = await assertRejects(() => file.readAt(into, 0, { signal }));
  assertEquals(error, reason);
  assertEquals(into, new Uint8Array(4));
  const { submitted, cacheHits } = metrics();
  assertEquals([submitted, cacheHits], [before.submitted, before.cacheHits]);
});

test("a signal that is aborted after a cached read leaves it", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await turn();
  const controller = new AbortController();
  const { signal } = controller;
  const into = new Uint8Array(BLOCK_BYTES);
  const reading = file.readAt(into, 0, { signal });
  controller.abort("too late");
  assertEquals(await reading, BLOCK_BYTES);
  assertBytes(into, contents.subarray(0, BLOCK_BYTES));
});

test("a signal cancels a read that waits for the next turn", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await useTurnUp(file);
  const controller = new AbortController();
  const { signal } = controller;
  const into = new Uint8Array(4);
  const reading = file.readAt(into, 0, { signal });
  const other = file.readAt(new Uint8Array(4), 0);
  controller.abort("enough");
  const reason = await reading.then(() => null, (reason) => reason);
  assertEquals(reason, "enough");
  assertEquals(await other, 4);
  assertEquals(into, new Uint8Array(4));
  assertAddsUp();
});

test("cancel() counts only reads that were not answered", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await turn();
  const before = metrics();
  const blocks = Array.from(
    { length: 500 },
    () => new Uint8Array(BLOCK_BYTES),
  );
  const reads = blocks.map((block) => file.readAt(block, 0));
  const answered = metrics().cacheHits - before.cacheHits;
  assert(answered > 0 && answered <= ANSWERS_MAX, `${answered} answers`);
  const canceled = await file.cancel();
  const outcomes = await Promise.allSettled(reads);
  const isRejected = outcomes.map(({ status }) => status === "rejected");
  // A ring has those that wait at once: what it has done is not canceled.
  const isKnown = (_: boolean, at: number) => at < answered || !hasRing();
  assertEquals(
    isRejected.filter(isKnown),
    isRejected.map((_, at) => at >= answered).filter(isKnown),
  );
  outcomes.forEach((outcome, at) => {
    if (outcome.status === "rejected") {
      assertEquals(outcome.reason.code, "ECANCELED");
      assertEquals(outcome.reason.bytesTransferred, 0);
      assertEquals(blocks[at], new Uint8Array(BLOCK_BYTES));
    } else assertBytes(blocks[at], contents.subarray(0, BLOCK_BYTES));
  });
  assertEquals(canceled, isRejected.filter((is) => is).length);
  assertEquals(metrics().canceled - before.canceled, canceled);
  assertAddsUp();
  // It goes on as before.
  assertEquals(await file.readAt(new Uint8Array(4), 0), 4);
});

test("CompletionQueue.cancel() counts only reads that were not answered", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await turn();
  await using queue = new CompletionQueue<number>();
  const { cacheHits } = metrics();
  for (let tag = 0; tag < 500; tag++) {
    queue.read(file, new Uint8Array(4), 0, tag);
  }
  const waiting = 500 - (metrics().cacheHits - cacheHits);
  assert(waiting >= 500 - ANSWERS_MAX && waiting < 500, `${waiting} wait`);
  const canceled = queue.cancel();
  assert(canceled === waiting || hasRing() && canceled < waiting);
  const codes: Record<string, number> = {};
  for await (const { error } of queue.drain()) {
    const code = error?.code ?? "done";
    codes[code] = (codes[code] ?? 0) + 1;
  }
  const expected = { done: 500 - canceled, ECANCELED: canceled };
  assertEquals({ ECANCELED: 0, ...codes }, expected);
  assertAddsUp();
});

test("sync() does not wait for reads that wait for the next turn", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await useTurnUp(file);
  const order: string[] = [];
  const note = (name: string) => () => order.push(name);
  const write = file.writeAt(encode("new!"), 0).then(note("write"));
  const into = new Uint8Array(4);
  const read = file.readAt(into, BLOCK_BYTES).then(note("read"));
  const sync = file.sync().then(note("sync"));
  await Promise.all([write, read, sync]);
  assert(order.indexOf("write") < order.indexOf("sync"), `${order}`);
  assertBytes(into, contents.subarray(BLOCK_BYTES, BLOCK_BYTES + 4));
  assertEquals(await file.readAt(into, 0), 4);
  assertEquals(decode(into), "new!");
});

test("a write is not held up by reads that wait for the next turn", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await useTurnUp(file);
  const into = Array.from({ length: 300 }, () => new Uint8Array(4));
  const reads = into.map((view) => file.readAt(view, 0));
  const write = file.writeAt(encode("later"), 1000);
  await Promise.all([...reads, write]);
  assertEquals(Deno.readTextFileSync(cached.path).slice(1000, 1005), "later");
  for (const view of into) assertBytes(view, contents.subarray(0, 4));
});

for (const cancel of [false, true]) {
  test(`close(${cancel ? "{ cancel: true }" : ""}) waits for reads that wait for the next turn`, async () => {
    await using cached = new CachedFile();
    const file = await cached.file;
    await useTurnUp(file);
    const into = new Uint8Array(BLOCK_BYTES);
    let isSettled = false;
    const reading = file.readAt(into, 0).finally(() => isSettled = true);
    reading.catch(() => {});
    await file.close({ cancel });
    assert(isSettled, "it was closed before");
    if (cancel) await assertAioError(reading, "ECANCELED");
    else {
      assertEquals(await reading, BLOCK_BYTES);
      assertBytes(into, contents.subarray(0, BLOCK_BYTES));
    }
    await assertAioError(file.readAt(into, 0), "EBADF");
    await turn(); // In which the file would be asked again.
    assertAddsUp();
  });
}

test("a buffer that is taken away before the next turn is a TypeError", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  await useTurnUp(file);
  const [taken, kept] = [new Uint8Array(4), new Uint8Array(4)];
  const reads = [file.readAt(taken, 0), file.readAt(kept, 0)];
  const other = new Uint8Array(taken.buffer.transfer());
  await assertRejects(() => reads[0], TypeError);
  assertEquals(await reads[1], 4);
  assertBytes(kept, contents.subarray(0, 4));
  assertEquals(other, new Uint8Array(4));
  assertAddsUp();
});

for (const [place, where] of placesOf(import.meta.url)) {
  test(
    `a read has the length it was asked for when shared memory grows before its turn, ${place}`,
    async () => {
      await using cached = new CachedFile();
      const file = await cached.file;
      await useTurnUp(file);
      const buffer = new SharedArrayBuffer(16, { maxByteLength: 64 });
      const view = new Uint8Array(buffer);
      const reading = file.readAt(view, 0);
      buffer.grow(64);
      assertEquals(await reading, 16);
      const expected = new Uint8Array(64);
      expected.set(contents.subarray(0, 16));
      assertBytes(view.slice(), expected);
    },
    where,
  );
}

test("reads that the page cache is asked for later need no room in the system", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  configure({ maxInFlight: 1 });
  try {
    await useTurnUp(file);
    let most = 0;
    await Promise.all(Array.from({ length: 500 }, async () => {
      await file.readAt(new Uint8Array(4), 0);
      most = Math.max(most, metrics().inFlight);
    }));
    assertEquals(most, 0);
  } finally {
    configure({ maxInFlight: 512 });
  }
});

test("metrics() adds up at every moment of cached reads and others", async () => {
  await using cached = new CachedFile();
  const file = await cached.file;
  const before = metrics();
  const calls: Promise<unknown>[] = [];
  for (let index = 0; index < 1000; index++) {
    const controller = new AbortController();
    const { signal } = controller;
    const made: Promise<unknown>[] = [
      file.readAt(new Uint8Array(50), index),
      file.readAt(new Uint8Array(50), index, { signal }),
      file.writeAt(new Uint8Array(5), 200_000 + index),
      file.readAt(new Uint8Array(200_000), 0),
    ];
    if (index % 20 === 0) made.push(file.syncData());
    for (const call of made) call.catch(() => {}); // Until all are made.
    calls.push(...made);
    if (index % 3 === 0) controller.abort();
    if (index % 300 === 299) await file.cancel();
    if (index % 50 === 0) await turn();
    assertAddsUp();
  }
  const settled = await Promise.allSettled(calls);
  const done = settled.filter(({ status }) => status === "fulfilled").length;
  const after = metrics();
  assertEquals(after.submitted - before.submitted, calls.length);
  assertEquals(after.completed - before.completed, done);
  assertEquals(after.canceled - before.canceled, calls.length - done);
  assertEquals([after.inFlight, after.queued], [0, 0]);
});
