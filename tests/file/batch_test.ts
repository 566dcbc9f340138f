// batch(): many requests with one native call, each with an outcome of its own.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AioError,
  AioFile,
  allocatePinned,
  type BatchRequest,
  CompletionQueue,
  configure,
  metrics,
} from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  decode,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  pattern,
  report,
  test,
  turn,
} from "../helpers/mod.ts";

/** The error of an outcome. */
function errorOf(outcome: PromiseSettledResult<number>): AioError {
  assertEquals(outcome.status, "rejected");
  return (outcome as PromiseRejectedResult).reason;
}

/** What every outcome came to: a number of bytes, or a code of an error. */
function summary(outcomes: PromiseSettledResult<number>[]): unknown[] {
  return outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : outcome.reason.code
  );
}

test("batch() resolves with the outcomes in the order of the requests", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(10_000));
  await using file = await AioFile.open(path, { read: true, write: true });
  const requests = Array.from({ length: 300 }, (_, index): BatchRequest => {
    const length = 1 + index % 29;
    const offset = index * 30;
    const allocate = index % 4 < 2
      ? allocatePinned
      : (length: number) => new Uint8Array(length);
    const buffer = allocate(length);
    if (index % 2 === 0) return { type: "read", buffer, offset };
    buffer.set(pattern(length, 7));
    return { type: "write", buffer, offset: BigInt(offset) };
  });
  const outcomes = await file.batch(requests);
  assertEquals(
    summary(outcomes),
    requests.map(({ buffer }) => buffer.length),
  );
  const after = Deno.readFileSync(path);
  for (const { type, buffer, offset } of requests) {
    const at = Number(offset);
    const isRead = type === "read";
    assertBytes(buffer, pattern(buffer.length, isRead ? at : 7));
    assertBytes(after.subarray(at, at + buffer.length), buffer);
  }
});

test("batch() of nothing resolves with nothing", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const { submitted } = metrics();
  assertEquals(await file.batch([]), []);
  assertEquals(metrics().submitted, submitted);
});

test("batch() reads as far as the file goes, and nothing past its end", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("0123456789"));
  const outcomes = await file.batch([0, 8, 10, 1000].map((offset) => ({
    type: "read",
    buffer: new Uint8Array(4),
    offset,
  })));
  assertEquals(summary(outcomes), [4, 2, 0, 0]);
});

test("batch() rejects what fails and leaves the others alone", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("0123456789");
  await using file = await AioFile.open(path);
  const types = ["write", "read", "write", "read"] as const;
  const outcomes = await file.batch(types.map((type, index) => ({
    type,
    buffer: new Uint8Array(2),
    offset: index * 2,
  })));
  assertEquals(summary(outcomes), ["EBADF", 2, "EBADF", 2]);
  const error = errorOf(outcomes[2]);
  assert(error instanceof AioError, "it is no AioError");
  const { syscall, fd, offset, bytesTransferred } = error;
  assertEquals({ syscall, fd, offset, bytesTransferred, path: error.path }, {
    syscall: "aio_write",
    fd: file.fd,
    offset: 4,
    bytesTransferred: 0,
    path,
  });
  assertEquals(Deno.readTextFileSync(path), "0123456789");

  await using full = await AioFile.open("/dev/full", {
    read: true,
    write: true,
  });
  const mixed = await full.batch(types.map((type) => ({
    type,
    buffer: new Uint8Array(2).fill(7),
    offset: 0,
  })));
  assertEquals(summary(mixed), ["ENOSPC", 2, "ENOSPC", 2]);
});

test("batch() rejects only those whose buffer was taken away meanwhile", {
  // A read that is answered at once has its bytes before that.
  pageCache: false,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(100)));
  const buffers = Array.from({ length: 9 }, () => new Uint8Array(10));
  const outcomes = file.batch(
    buffers.map((buffer) => ({ type: "read", buffer, offset: 5 })),
  );
  const taken = buffers.filter((_, index) => index % 3 === 1);
  structuredClone(taken, { transfer: taken.map(({ buffer }) => buffer) });
  (await outcomes).forEach((outcome, index) => {
    if (index % 3 === 1) {
      assert(errorOf(outcome) as unknown instanceof TypeError);
    } else {
      assertEquals(outcome, { status: "fulfilled", value: 10 });
      assertBytes(buffers[index], pattern(10, 5));
    }
  });
});

test("batch() hands everything to the system with one lio_listio", {
  engine: "librt",
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(4096));
  const { calls, values } = await report("engine_listio", {
    args: ["batch", "64", path],
    pageCache: false,
  });
  assertEquals(values, Array(64).fill(64));
  assertEquals(calls, { lio_listio: [64] });
});

test("CompletionQueue.submit() uses one lio_listio for all its files", {
  engine: "librt",
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const { calls, values } = await report("engine_listio", {
    pageCache: false,
    args: [
      "submit",
      "64",
      directory.file(pattern(4096)),
      directory.file(pattern(4096)),
    ],
  });
  assertEquals(values, Array(64).fill(64));
  assertEquals(calls, { lio_listio: [64] });
});

test("batch() takes more requests than the system may have at once", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(5000)), {
    read: true,
    write: true,
  });
  configure({ maxInFlight: 8 });
  try {
    const reads = Array.from({ length: 5000 }, (_, offset): BatchRequest => ({
      type: "read",
      buffer: new Uint8Array(3),
      offset,
    }));
    const reading = file.batch(reads);
    assert(metrics().inFlight <= 8, "there are more than 8");
    const outcomes = await reading;
    assertEquals(
      summary(outcomes),
      reads.map(({ offset }) => Math.min(3, 5000 - Number(offset))),
    );
    reads.forEach(({ buffer, offset }, index) => {
      const { value } = outcomes[index] as PromiseFulfilledResult<number>;
      assertBytes(buffer.subarray(0, value), pattern(value, Number(offset)));
    });
  } finally {
    configure({ maxInFlight: 512 });
  }
});

test("batch() of long transfers transfers all of each", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using file = await AioFile.open(path, { read: true, write: true });
  const LENGTH = 3 * 1024 * 1024 + 11;
  const contents = pattern(5 * LENGTH);
  const parts = Array.from({ length: 5 }, (_, index) => {
    const offset = index * LENGTH;
    return { offset, buffer: contents.subarray(offset, offset + LENGTH) };
  });
  const all = Array(5).fill(LENGTH);
  assertEquals(
    summary(
      await file.batch(parts.map((part) => ({ type: "write", ...part }))),
    ),
    all,
  );
  const into = new Uint8Array(5 * LENGTH);
  const reads = parts.map(({ offset }): BatchRequest => ({
    type: "read",
    buffer: into.subarray(offset, offset + LENGTH),
    offset,
  }));
  assertEquals(summary(await file.batch(reads)), all);
  assertBytes(into, contents);
});

test(
  "batch() keeps the order of its requests on a FIFO",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const written = Array.from({ length: 50 }, (_, at) => encode(`${at};`));
    const outcomes = await fifo.file.batch(
      written.map((buffer) => ({ type: "write", buffer, offset: 0 })),
    );
    assertEquals(summary(outcomes), written.map(({ length }) => length));
    const read = written.map(({ length }) => new Uint8Array(length));
    await fifo.file.batch(
      read.map((buffer) => ({ type: "read", buffer, offset: 0 })),
    );
    assertEquals(read.map(decode), written.map(decode));
  },
);

test(
  "batch() serves requests of greater priority later",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const { read } = await fifo.waitingRead();
    const priorities = [2, 0, 1, 0, 2, 1];
    const buffers = priorities.map(() => new Uint8Array(1));
    const reading = fifo.file.batch(priorities.map((priority, index) => ({
      type: "read",
      buffer: buffers[index],
      offset: 0,
      priority,
    })));
    fifo.feed("xabcdef");
    await read;
    await reading;
    assertEquals(buffers.map(decode), ["e", "a", "c", "b", "f", "d"]);
  },
);

test("batch() that is canceled rejects what waits for a FIFO", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const reading = fifo.file.batch(Array.from({ length: 5 }, () => ({
    type: "read",
    buffer: new Uint8Array(1),
    offset: 0,
  })));
  const { read } = await fifo.waitingRead();
  assertEquals(await fifo.file.cancel(), 6);
  assertEquals(summary(await reading), Array(5).fill("ECANCELED"));
  await assertAioError(read, "ECANCELED");
  fifo.feed("x");
  assertEquals(decode(fifo.drain()), "x");
});

test("batch() is awaited by close()", { ignore: !isLinux }, async () => {
  await using fifo = new Fifo();
  const reading = fifo.file.batch(Array.from({ length: 3 }, () => ({
    type: "read",
    buffer: new Uint8Array(1),
    offset: 0,
  })));
  const closing = fifo.file.close();
  assert(await isPending(closing), "close() did not wait");
  fifo.feed("123");
  await closing;
  assertEquals(summary(await reading), [1, 1, 1]);
});

test("batch() rejects for a request that is none, and submits none of them", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { read: true, write: true });
  const { submitted } = metrics();
  const good = { type: "write", buffer: encode("!"), offset: 0 };
  const detached = new Uint8Array(4);
  structuredClone(detached, { transfer: [detached.buffer] });
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    [undefined, TypeError],
    [null, TypeError],
    ["write", TypeError],
    [7, TypeError],
    [{ ...good, type: undefined }, TypeError],
    [{ ...good, type: "append" }, TypeError],
    [{ ...good, type: "sync" }, TypeError],
    [{ ...good, buffer: undefined }, TypeError],
    [{ ...good, buffer: "text" }, TypeError],
    [{ ...good, buffer: new Uint32Array(1) }, TypeError],
    [{ ...good, buffer: new ArrayBuffer(8) }, TypeError],
    [{ ...good, buffer: detached }, TypeError],
    [{ ...good, offset: undefined }, TypeError],
    [{ ...good, offset: "0" }, TypeError],
    [{ ...good, offset: -1 }, RangeError],
    [{ ...good, offset: 0.5 }, RangeError],
    [{ ...good, offset: Infinity }, RangeError],
    [{ ...good, offset: 2 ** 53 }, RangeError],
    [{ ...good, offset: -1n }, RangeError],
    [{ ...good, offset: 2n ** 63n }, RangeError],
    [{ ...good, priority: -1 }, RangeError],
    [{ ...good, priority: 10_000 }, RangeError],
    [{ ...good, priority: 0.5 }, RangeError],
  ];
  for (const [request, expected] of wrong) {
    const requests = [good, request, good] as BatchRequest[];
    await assertRejects(() => file.batch(requests), expected);
  }
  for (const requests of [undefined, null, good, "read", 7]) {
    await assertRejects(
      () => file.batch(requests as unknown as BatchRequest[]),
      TypeError,
    );
  }
  assertEquals(metrics().submitted, submitted);
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("batch() of a closed file rejects with EBADF", async () => {
  using directory = new Directory();
  const file = await AioFile.open(directory.file("contents"));
  await file.close();
  const { submitted } = metrics();
  const request = { type: "read", buffer: new Uint8Array(1), offset: 0 };
  await assertAioError(file.batch([request as BatchRequest]), "EBADF");
  await assertAioError(file.batch([]), "EBADF");
  assertEquals(metrics().submitted, submitted);
});

test("batch() cancels the requests whose signals are aborted, and no others", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const later = new AbortController();
  const signals = [AbortSignal.abort("before"), later.signal, undefined];
  const outcomes = fifo.file.batch(signals.map((signal): BatchRequest => ({
    type: "read",
    buffer: new Uint8Array(1),
    offset: 0,
    signal,
  })));
  assert(await isPending(outcomes));
  later.abort("later");
  assert(await isPending(outcomes));
  fifo.feed("x");
  const settled = await outcomes;
  assertEquals(settled.map(({ status }) => status), [
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  const reasons = settled.slice(0, 2) as PromiseRejectedResult[];
  assertEquals(reasons.map(({ reason }) => reason), ["before", "later"]);
});

test("batch() leaves no rejection behind where a request is not what it should be", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const request = { buffer: new Uint8Array(1), offset: 0 };
  // An unhandled rejection would fail the test.
  await assertRejects(
    () =>
      file.batch([
        { ...request, type: "read", signal: AbortSignal.abort() },
        { ...request, type: "none" as "read" },
      ]),
    TypeError,
  );
  await turn();
});

const NOTHING = new Uint8Array();

/** Transfers of nothing, which a program may make in a loop. */
const OF_NOTHING: Record<string, (file: AioFile) => Promise<unknown>> = {
  "readAt() of no bytes": (file) => file.readAt(NOTHING, 0),
  "readAt() of an empty list": (file) => file.readAt([], 0),
  "read() of no bytes": (file) => file.read(0, 0),
  "bytes() of an empty slice": (file) => file.slice(5, 5).bytes(),
  "writeAt() of no bytes": (file) => file.writeAt(NOTHING, 0),
  "append() of no bytes": (file) => file.append(NOTHING),
  "batch() of no requests": (file) => file.batch([]),
  "batch() of a read of no bytes": (file) =>
    file.batch([{ type: "read", buffer: NOTHING, offset: 0 }]),
  "CompletionQueue.read() of no bytes": async (file) => {
    const queue = new CompletionQueue();
    queue.read(file, NOTHING, 0);
    for await (const { bytes } of queue.drain()) assertEquals(bytes, 0);
  },
};

for (const [what, transfer] of Object.entries(OF_NOTHING)) {
  test(`${what} leaves timers their turn`, async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file("contents"), {
      read: true,
      write: true,
    });
    let isOver = false;
    const timer = delay(1).then(() => isOver = true);
    let count = 0;
    for (; !isOver && count < 50_000; count++) await transfer(file);
    assert(isOver, `the timer waited for ${count} transfers`);
    await timer;
  });
}
