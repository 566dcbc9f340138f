// metrics() and supported(): what they tell, and that it adds up.

import { assert, assertEquals } from "@std/assert";
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  type Metrics,
  metrics,
  supported,
} from "../../mod.ts";
import {
  assertAioError,
  closeSync,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  openSync,
  pattern,
  succeeds,
  test,
} from "../helpers/mod.ts";

type Counts = Omit<Metrics, "engine">;

/** How much each count has changed. */
function since(before: Counts): Counts {
  const { engine: _, ...now } = metrics();
  const names = Object.keys(now) as (keyof Counts)[];
  for (const name of names) now[name] -= before[name];
  return now;
}

/** Asserts what holds at any time. */
function assertAddsUp(): void {
  const { submitted, completed, failed, canceled, inFlight, queued } =
    metrics();
  assertEquals(submitted, completed + failed + canceled + inFlight + queued);
  const { engine: _, ...counts } = metrics();
  for (const [name, count] of Object.entries(counts)) {
    assert(Number.isInteger(count) && count >= 0, `${name} is ${count}`);
  }
}

test(
  "metrics() counts requests by what became of them",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file("contents"));
    await using fifo = new Fifo();
    const before = metrics();
    await file.readAt(new Uint8Array(4), 0);
    await file.batch([
      { type: "read", buffer: new Uint8Array(4), offset: 0 },
      { type: "write", buffer: new Uint8Array(4), offset: 0 },
    ]);
    await assertAioError(file.writeAt(new Uint8Array(4), 0), "EBADF");
    await Promise.all([file.sync(), file.sync(), file.syncData()]);
    const { read } = await fifo.waitingRead();
    const controller = new AbortController();
    const { signal } = controller;
    const others = [
      fifo.file.readAt(new Uint8Array(1), 0, { signal }),
      fifo.file.readAt(new Uint8Array(1), 0, { signal }),
    ];
    const { submitted, completed, failed, canceled, inFlight, queued } = since(
      before,
    );
    assertEquals(
      { submitted, completed, failed, canceled, inFlight, queued },
      {
        submitted: 10,
        completed: 5,
        failed: 2,
        canceled: 0,
        // The system never has what waits for a FIFO.
        inFlight: 0,
        queued: 3,
      },
    );
    controller.abort();
    await Promise.allSettled(others);
    fifo.feed("x");
    await read;
    const after = since(before);
    assertEquals(
      [after.completed, after.failed, after.canceled],
      [6, 2, 2],
    );
    assertEquals([after.inFlight, after.queued], [0, 0]);
  },
);

test("metrics() counts requests that a signal canceled, whatever the reason", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { read } = await fifo.waitingRead();
  const before = metrics();
  const reasons = [
    new Error("enough"),
    "enough",
    0,
    null,
    new DOMException(),
  ];
  const reads = reasons.map((reason) => {
    const controller = new AbortController();
    const { signal } = controller;
    const reading = fifo.file.readAt(new Uint8Array(1), 0, { signal });
    controller.abort(reason);
    return reading;
  });
  await Promise.allSettled(reads);
  const { submitted, canceled, failed, queued } = since(before);
  assertEquals({ submitted, canceled, failed, queued }, {
    submitted: 5,
    canceled: 5,
    failed: 0,
    queued: 0,
  });
  fifo.feed("x");
  await read;
});

test(
  "metrics() adds up at every moment of a mixed load",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const path = directory.file(pattern(100_000));
    await using file = await AioFile.open(path, { read: true, write: true });
    await using log = await AioFile.open(path, { append: true });
    await using readOnly = await AioFile.open(path);
    const before = metrics();
    const calls: Promise<unknown>[] = [];
    const follow = (...made: Promise<unknown>[]) => {
      calls.push(...made);
      for (const call of made) call.catch(() => {}); // Until all are made.
    };
    let submitted = 0;
    for (let index = 0; index < 2000; index++) {
      const controller = new AbortController();
      const { signal } = controller;
      const buffer = new Uint8Array(100);
      follow(
        file.readAt(buffer, index, { signal }),
        file.writeAt(buffer, 200_000 + index),
        log.append(buffer, { signal }),
        file.append(buffer),
        readOnly.writeAt(buffer, 0),
      );
      submitted += 5;
      if (index % 20 === 0) {
        follow(file.sync({ signal }), log.syncData({ signal }));
        submitted += 2;
      }
      if (index % 3 === 0) controller.abort();
      assertAddsUp();
      if (index % 50 === 0) await delay(0);
      if (index % 700 === 699) await file.cancel();
    }
    let isDone = false;
    const settling = Promise.allSettled(calls).then((settled) => {
      isDone = true;
      return settled;
    });
    while (!isDone) {
      await delay(0);
      assertAddsUp();
    }
    const settled = await settling;
    const after = since(before);
    const done = settled.filter(({ status }) => status === "fulfilled").length;
    assertEquals(after.submitted, submitted);
    assertEquals(after.completed, done);
    assertEquals(after.failed + after.canceled, submitted - done);
    assertEquals([after.inFlight, after.queued], [0, 0]);
    assert(after.failed >= 2000, "writes of a file that is only for reading");
  },
);

test("metrics() counts a synchronization through two descriptors once", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(100));
  await using file = await AioFile.open(path, { read: true, write: true });
  await file.writeAt(new Uint8Array(10), 0);
  await file.append(new Uint8Array(10)); // Through a descriptor of its own.
  const before = metrics();
  let isDone = false;
  const syncing = file.sync().finally(() => isDone = true);
  while (!isDone) {
    await null;
    const { submitted, completed, inFlight, queued } = since(before);
    assertEquals(submitted, completed + inFlight + queued);
    assert(inFlight <= 1, `${inFlight} are in flight`);
    assert(queued >= 0, `${queued} are queued`);
    if (inFlight === 1) await delay(0);
  }
  await syncing;
});

test("metrics() counts open files as lanes, until they are closed", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const before = metrics();
  const files = await Promise.all([1, 2, 3].map(() => AioFile.open(path)));
  assertEquals(since(before).lanes, 3);
  await Promise.all(files.map((file) => file.close()));
  assertEquals(since(before).lanes, 0);
});

test("metrics() counts looks from the event loop, and aio_suspend", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const before = metrics();
  // The C interface has a thread wait for a FIFO.
  using cb = new Aiocb({
    aio_fildes: fifo.file.fd,
    aio_buf: allocatePinned(1),
  });
  aio_read(cb);
  const suspended = aio_suspend([cb]);
  await delay(50);
  const { polls, suspends } = since(before);
  assert(polls > 0, "it did not look");
  assert(suspends > 0, "it did not suspend");
  fifo.feed("x");
  await suspended;
  assertEquals(aio_return(cb), 1);
});

test("metrics() gives counts of the moment, which nobody can change", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const before = metrics();
  const { submitted } = before;
  await file.readAt(new Uint8Array(1), 0);
  assertEquals(before.submitted, submitted);
  before.submitted = -1;
  assertEquals(metrics().submitted, submitted + 1);
});

test("metrics() is of files only, not of the C interface", async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("contents"), "r");
  const { submitted, completed } = metrics();
  using cb = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(4) });
  aio_read(cb);
  await aio_suspend([cb]);
  assertEquals(aio_return(cb), 4);
  closeSync(fd);
  assertEquals(metrics().submitted, submitted);
  assertEquals(metrics().completed, completed);
});

test("metrics() counts nothing that was refused", async () => {
  using directory = new Directory();
  const file = await AioFile.open(directory.file("contents"));
  const before = metrics();
  const aborted = { signal: AbortSignal.abort() };
  await Promise.allSettled([
    file.readAt(new Uint8Array(1), -1),
    file.readAt("text" as unknown as Uint8Array, 0),
    file.readAt(new Uint8Array(1), 0, { priority: -1 }),
    file.readAt(new Uint8Array(1), 0, aborted),
    file.sync(aborted),
  ]);
  await file.close();
  await assertAioError(file.append(encode("x")), "EBADF");
  assertEquals(since(before).submitted, 0);
});

test("supported() says that this system is, and which one it is", {
  ignore: !isLinux,
}, () => {
  const { available, reason, platform } = supported();
  assertEquals({ available, reason }, { available: true, reason: undefined });
  const isMusl = Deno.build.target.includes("musl");
  const libc = isMusl ? "musl" : "glibc";
  assertEquals(platform, `linux-${libc}-${Deno.build.arch}`);
  assertEquals(isMusl, !succeeds("getconf", "GNU_LIBC_VERSION"));
});
