// FileQueue, and what decides for it, above an engine that does what a test says:
// short transfers and refusals, which a real one has seldom.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PromisedRequest } from "../../lib/file/promised_request.ts";
import { FileQueue } from "../../lib/requests/file_queue.ts";
import type { Request } from "../../lib/requests/request.ts";
import {
  EAGAIN,
  ECANCELED,
  EIO,
  platform,
} from "../../lib/system/constants.ts";
import { AioError } from "../../lib/system/error.ts";
import { settings } from "../../lib/system/settings.ts";
import { AioFile, configure, metrics } from "../../mod.ts";
import {
  FakeEngine,
  FILE,
  microtasks,
  submit,
} from "../helpers/fake_engine.ts";
import {
  assertAioError,
  delay,
  Directory,
  encode,
  engineHere,
  Fifo,
  hasPreadv2,
  isLinux,
  test,
} from "../helpers/mod.ts";

const { ENOSPC } = platform.errno;

/**
 * Of tests in which the page cache is asked, where the system has it, and a turn of the
 * event loop is long enough for all of it.
 */
const ASKING = { ignore: !hasPreadv2, pageCache: true };

/** How often the page cache was asked, in vain: there is no such descriptor. */
function asked(fn: () => void): number {
  const { cacheMisses } = metrics();
  fn();
  return metrics().cacheMisses - cacheMisses;
}

/** Takes the buffer of a request away. */
function detach({ view }: Request): void {
  const buffer = (view as Uint8Array).buffer as ArrayBuffer;
  structuredClone(buffer, { transfer: [buffer] });
}

/** Those of two descriptors of one file. */
function twoQueues(): [FileQueue, FileQueue] {
  const queue = new FileQueue(99, FILE);
  return [queue, new FileQueue(98, FILE, queue.commits)];
}

/** Writes through a queue. */
async function write(engine: FakeEngine, queue: FileQueue): Promise<void> {
  const { outcome } = submit(queue, "write", "a");
  engine.complete(queue, 0, 1);
  await outcome;
}

test("FileQueue writes no byte twice of appends that are canceled too late", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const appends = ["ab", "cd", "ef"].map((text) =>
    submit(queue, "append", text)
  );
  await microtasks();
  assertEquals(engine.submitted.map(({ length }) => length), [6]);
  engine.complete(queue, 0, 3);
  assertEquals(queue.cancel(appends[2].request), false);
  queue.roomAgain();
  assertEquals(engine.submitted.map(({ transferred }) => transferred), [3]);
  engine.complete(queue, 0, 3);
  assertEquals(
    await Promise.all(appends.map(({ outcome }) => outcome)),
    [2, 2, 2],
  );
});

test("FileQueue has appends in order after one of them is canceled", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const appends = ["a", "bc", "def", "ghij"].map((text) =>
    submit(queue, "append", text)
  );
  await microtasks();
  assert(queue.cancel(appends[1].request));
  await assertAioError(appends[1].outcome, "ECANCELED");
  const [batch] = engine.submitted;
  assertEquals(new TextDecoder().decode(batch.view as Uint8Array), "adefghij");
  engine.complete(queue, 0, 8);
  await Promise.all([appends[0], appends[2], appends[3]]
    .map(({ outcome }) => outcome));
});

test("FileQueue cancels one append of a batch after another", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const appends = ["a", "bc", "def"].map((text) =>
    submit(queue, "append", text)
  );
  await microtasks();
  const lengths = [];
  for (const { request, outcome } of appends) {
    lengths.push(...engine.submitted.map(({ length }) => length));
    assert(queue.cancel(request));
    await assertAioError(outcome, "ECANCELED");
  }
  assertEquals(lengths, [6, 5, 3]);
  assertEquals(engine.submitted, []);
});

test("FileQueue tells each append of a batch how far it came", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const appends = ["ab", "cd", "ef"].map((text) =>
    submit(queue, "append", text)
  );
  await microtasks();
  engine.complete(queue, 0, 3);
  queue.roomAgain();
  engine.complete(queue, EIO, 0);
  const [whole, part, none] = appends.map(({ outcome }) => outcome);
  assertEquals(await whole, 2);
  await assertAioError(part, "EIO", { bytesTransferred: 1 });
  await assertAioError(none, "EIO", { bytesTransferred: 0 });
});

test("FileQueue rejects one append of a batch whose buffer is taken away", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const appends = ["ab", "cd"].map((text) => submit(queue, "append", text));
  await microtasks();
  detach(appends[0].request);
  engine.complete(queue, 0, 4);
  await assertRejects(() => appends[0].outcome, TypeError, "detached");
  assertEquals(await appends[1].outcome, 2);
});

for (
  const [code, isSynchronous] of [
    ["EINVAL", false],
    ["EBADF", true],
  ] as const
) {
  test(`FileQueue makes the appends of a batch that is refused with ${code} one by one`, async () => {
    using engine = new FakeEngine();
    const queue = new FileQueue(99, {
      ...FILE,
      isAppending: true,
      isSynchronous,
    });
    const appends = ["ab", "cde", "f"].map((text) =>
      submit(queue, "append", text)
    );
    await microtasks();
    const results = Promise.allSettled(appends.map(({ outcome }) => outcome));
    const lengths = [];
    for (
      const [errno, bytes] of [
        [platform.errno[code], 0],
        [0, 2],
        [platform.errno[code], 0],
        [0, 1],
      ]
    ) {
      lengths.push(engine.submitted[0].length);
      engine.complete(queue, errno, bytes);
      queue.roomAgain();
    }
    assertEquals(lengths, [6, 2, 3, 1]);
    const told = (await results).map((result) =>
      result.status === "fulfilled" ? result.value : result.reason.code
    );
    assertEquals(told, [2, code, 1]);
    assertEquals([engine.submitted, queue.outstanding], [[], 0]);
  });
}

test("FileQueue makes no append again of a batch that was written in part", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const appends = ["ab", "cd"].map((text) => submit(queue, "append", text));
  const results = Promise.allSettled(appends.map(({ outcome }) => outcome));
  await microtasks();
  engine.complete(queue, 0, 3);
  queue.roomAgain();
  engine.complete(queue, platform.errno.EINVAL, 0);
  queue.roomAgain();
  assertEquals(engine.submitted, []);
  const states = (await results).map(({ status }) => status);
  assertEquals(states, ["fulfilled", "rejected"]);
});

test("FileQueue makes no append again that may be written, though a batch fails", async () => {
  for (
    const [isSynchronous, errno] of [[true, EIO], [false, ENOSPC]] as const
  ) {
    using engine = new FakeEngine();
    const queue = new FileQueue(99, {
      ...FILE,
      isAppending: true,
      isSynchronous,
    });
    const appends = ["a", "b"].map((text) => submit(queue, "append", text));
    const outcomes = Promise.allSettled(appends.map(({ outcome }) => outcome));
    await microtasks();
    engine.complete(queue, errno, 0);
    queue.roomAgain();
    assertEquals(engine.submitted, []);
    const states = (await outcomes).map(({ status }) => status);
    assertEquals(states, ["rejected", "rejected"]);
  }
});

test("FileQueue combines no append that has begun with others", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isAppending: true });
  const first = submit(queue, "append", "abcd");
  await microtasks();
  engine.isTaking = false;
  const second = submit(queue, "append", "ef");
  engine.complete(queue, 0, 1);
  engine.isTaking = true;
  queue.roomAgain();
  assertEquals(engine.submitted[0], first.request);
  engine.complete(queue, 0, 3);
  queue.roomAgain();
  assertEquals(engine.submitted.at(-1), second.request);
  engine.complete(queue, 0, 2);
  await Promise.all([first.outcome, second.outcome]);
});

test("FileQueue serves the rest of a transfer before what came later", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const first = submit(queue, "write", "abcd");
  engine.isTaking = false;
  const second = submit(queue, "write", "xy");
  engine.complete(queue, 0, 1);
  engine.isTaking = true;
  queue.roomAgain();
  assertEquals(engine.submitted, [first.request, second.request]);
  engine.complete(queue, 0, 3);
  engine.complete(queue, 0, 2);
  assertEquals(await first.outcome, 4);
  assertEquals(await second.outcome, 2);
});

test("FileQueue has requests of which the engine takes none back in order", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const made = ["a", "b", "c"].map((text) => submit(queue, "write", text));
  for (const request of [...engine.submitted].reverse()) {
    engine.submitted.pop();
    request.entry = null;
    queue.putBack(request);
  }
  while (engine.submitted.length < made.length) await delay(1);
  assertEquals(engine.submitted, made.map(({ request }) => request));
  for (const { outcome } of made) {
    engine.complete(queue, 0, 1);
    assertEquals(await outcome, 1);
  }
});

test("FileQueue tries again what was put back while nothing is in flight", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const { request, outcome } = submit(queue, "read", "abcd");
  engine.submitted.pop();
  request.entry = null;
  queue.putBack(request);
  while (engine.submitted.length === 0) await delay(1);
  engine.complete(queue, 0, 4);
  assertEquals(await outcome, 4);
});

for (const isServing of [false, true]) {
  const when = isServing ? "when it is served" : "when it enters";
  test(`FileQueue leaves the event loop alone while the system refuses what it took, ${when}`, async () => {
    using engine = new FakeEngine();
    const queue = new FileQueue(99, FILE);
    let calls = 0;
    const refuse = () => {
      assert(++calls <= 100, "it goes on without end");
      if (engine.submitted.length === 3) engine.refuseAll();
    };
    if (isServing) engine.isTaking = false;
    else engine.onSubmit = refuse;
    const made = ["a", "b", "c"].map((text) => submit(queue, "read", text));
    if (isServing) {
      engine.onSubmit = refuse;
      engine.isTaking = true;
      while (calls < 6) await delay(1);
    }
    assertEquals(engine.submitted, []);
    engine.onSubmit = () => {};
    while (engine.submitted.length < 3) await delay(1);
    assertEquals(
      engine.submitted,
      made.map(({ request }) => request) as Request[],
    );
    for (const _ of made) engine.complete(queue, 0, 1);
    await Promise.all(made.map(({ outcome }) => outcome));
  });
}

test("FileQueue is served when others are done, though the system refused it before", async () => {
  using engine = new FakeEngine();
  const [one, other] = [new FileQueue(99, FILE), new FileQueue(98, FILE)];
  const made = [one, other].map((queue) => submit(queue, "read", "a"));
  const refused = engine.submitted.pop()!;
  refused.entry = null;
  other.putBack(refused);
  engine.complete(one, 0, 1);
  one.roomAgain();
  assertEquals(engine.submitted, [refused]);
  engine.complete(other, 0, 1);
  await Promise.all(made.map(({ outcome }) => outcome));
});

test("FileQueue is served although a channel failed that others wait for", async () => {
  using engine = new FakeEngine(1);
  const [one, other] = [new FileQueue(99, FILE), new FileQueue(98, FILE)];
  const made = [one, one, other].map((queue) => submit(queue, "read", "a"));
  engine.complete(one, 0, 1);
  engine.onSubmit = () => {
    throw new Error("a wrong state");
  };
  assertThrows(() => one.roomAgain(), Error, "a wrong state");
  engine.onSubmit = () => {};
  engine.complete(one, 0, 1);
  one.roomAgain();
  assertEquals(engine.submitted.length, 1);
  engine.complete(other, 0, 1);
  await Promise.all(made.map(({ outcome }) => outcome));
});

test("FileQueue is tried again later, however many requests enter that the system refuses", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  let calls = 0;
  engine.onSubmit = () => {
    calls++;
    if (engine.submitted.length === 3) engine.refuseAll();
  };
  const made = [..."abcdefgh"].map((text) => submit(queue, "read", text));
  assertEquals(calls, 3);
  engine.onSubmit = () => {};
  while (engine.submitted.length < made.length) await delay(1);
  for (const _ of made) engine.complete(queue, 0, 1);
  await Promise.all(made.map(({ outcome }) => outcome));
});

test("FileQueue tries again what the engine refuses, until it is taken", async () => {
  using engine = new FakeEngine();
  const { inFlight, queued } = metrics();
  const queues = [new FileQueue(99, FILE), new FileQueue(98, FILE)];
  engine.isTaking = false;
  const made = queues.map((queue) => submit(queue, "read", "abcd"));
  await delay(5);
  assertEquals(metrics().inFlight, inFlight);
  assertEquals(metrics().queued, queued + 2);
  engine.isTaking = true;
  while (engine.submitted.length < 2) await delay(1);
  for (const { queue } of [...engine.submitted]) {
    engine.complete(queue as FileQueue, 0, 4);
  }
  const outcomes = made.map(({ outcome }) => outcome);
  assertEquals(await Promise.all(outcomes), [4, 4]);
});

test("FileQueue has its turn beside others when there is room for one", async () => {
  using engine = new FakeEngine(1);
  const one = new FileQueue(99, FILE);
  const other = new FileQueue(98, FILE);
  const made = [one, one, one, other, other]
    .map((queue) => submit(queue, "read", "a"));
  const served: number[] = [];
  for (const _ of made) {
    assertEquals(engine.submitted.length, 1);
    const [request] = engine.submitted;
    served.push(made.findIndex((each) => each.request === request));
    const queue = request.queue as FileQueue;
    engine.complete(queue, 0, 1);
    queue.roomAgain();
  }
  assertEquals(served, [0, 1, 3, 2, 4]);
  await Promise.all(made.map(({ outcome }) => outcome));
});

test("FileQueue has a sync wait for room, too", async () => {
  using engine = new FakeEngine(1);
  const one = new FileQueue(99, FILE);
  const other = new FileQueue(98, FILE);
  const read = submit(one, "read", "a");
  const sync = submit(other, "sync");
  await microtasks();
  assertEquals(engine.submitted, [read.request]);
  engine.complete(one, 0, 1);
  one.roomAgain();
  assertEquals(engine.submitted.map(({ operation }) => operation), ["sync"]);
  engine.complete(other, 0, 0);
  await Promise.all([read.outcome, sync.outcome]);
});

test("FileQueue of a pipe takes no room of others", async () => {
  using engine = new FakeEngine(1);
  const { inFlight } = metrics();
  const file = new FileQueue(99, FILE);
  const pipe = new FileQueue(98, { ...FILE, isSeekable: false });
  const waiting = submit(pipe, "read", "a");
  const read = submit(file, "read", "a");
  const behind = submit(pipe, "read", "a");
  const requests = [waiting, read, behind].map(({ request }) => request);
  assertEquals(engine.submitted, requests);
  assertEquals(metrics().inFlight, inFlight + 1);
  for (const request of requests) {
    engine.complete(request.queue as FileQueue, 0, 1);
  }
  await Promise.all([waiting, read, behind].map(({ outcome }) => outcome));
});

test("FileQueue submits nothing whose buffer is gone", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  engine.isTaking = false;
  const { request, outcome } = submit(queue, "write", "abcd");
  detach(request);
  engine.isTaking = true;
  queue.roomAgain();
  await assertRejects(() => outcome, TypeError, "detached");
  assertEquals(engine.submitted, []);
});

for (
  const [what, traits, isLast] of [
    ["ends a read of a pipe that is short", { isSeekable: false }, true],
    ["ends a direct read off a sector", { isDirect: true }, true],
    ["goes on with a read that is short", {}, false],
  ] as const
) {
  test(`FileQueue ${what}`, async () => {
    using engine = new FakeEngine();
    const queue = new FileQueue(99, { ...FILE, ...traits });
    const { request, outcome } = submit(queue, "read", "abcd");
    engine.complete(queue, 0, 1);
    queue.roomAgain();
    assertEquals(engine.submitted.includes(request), !isLast);
    if (!isLast) engine.complete(queue, 0, 0);
    assertEquals(await outcome, 1);
  });
}

test("FileQueue ends a write between two pieces if it is to be canceled", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const { request, outcome } = submit(queue, "write", "abcd");
  request.isCancelWanted = true;
  engine.complete(queue, 0, 1);
  await assertAioError(outcome, "ECANCELED");
  assertEquals(request.transferred, 1);
});

test("FileQueue fails a write of which nothing is written, with EIO", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const { outcome } = submit(queue, "write", "abcd");
  engine.complete(queue, 0, 0);
  await assertAioError(outcome, "EIO");
});

test("FileQueue makes a transfer again that ends with EAGAIN, but no sync", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const write = submit(queue, "write", "a");
  engine.complete(queue, EAGAIN, 0);
  const sync = submit(queue, "sync");
  while (engine.submitted.length === 0) {
    await delay(1);
  }
  engine.complete(queue, 0, 1);
  assertEquals(await write.outcome, 1);
  await microtasks();
  engine.complete(queue, EAGAIN, 0);
  await assertAioError(sync.outcome, "EAGAIN");
});

test("FileQueue of an O_DSYNC file fails a sync after a write that failed", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, { ...FILE, isSynchronous: true });
  const write = submit(queue, "write", "a");
  const sync = submit(queue, "sync");
  engine.complete(queue, EIO, 0);
  await assertAioError(write.outcome, "EIO");
  await assertAioError(sync.outcome, "EIO");
  assertEquals(engine.submitted, []);
});

test("FileQueue of an O_DSYNC file succeeds with a sync after a write that was refused", async () => {
  for (const code of ["EINVAL", "EBADF"]) {
    using engine = new FakeEngine();
    const queue = new FileQueue(99, { ...FILE, isSynchronous: true });
    const write = submit(queue, "write", "a");
    const sync = submit(queue, "sync");
    engine.complete(queue, platform.errno[code], 0);
    await assertAioError(write.outcome, code);
    await microtasks();
    engine.complete(queue, 0, 0);
    await sync.outcome;
  }
});

test("FileQueue tells of a write that failed before a sync behind it succeeds", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const told: string[] = [];
  const write = submit(queue, "write", "a");
  const writing = write.outcome.catch(({ code }) => told.push(code));
  const sync = submit(queue, "sync");
  const syncing = sync.outcome.then(() => told.push("synchronized"));
  engine.complete(queue, ENOSPC, 0);
  // The system has it at once, and is done with it at once.
  while (engine.submitted.length === 0) await null;
  engine.complete(queue, 0, 0);
  await Promise.all([writing, syncing]);
  assertEquals(told, ["ENOSPC", "synchronized"]);
});

test("FileQueue asks for a sync again that there was no memory for", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  await write(engine, queue);
  const failed = submit(queue, "sync");
  await microtasks();
  engine.lackMemory(queue);
  await assertAioError(failed.outcome, "ENOMEM");
  const { outcome } = submit(queue, "sync");
  await microtasks();
  assertEquals(engine.submitted.length, 1);
  engine.complete(queue, 0, 0);
  await outcome;
});

test("FileQueue fails a sync with what is lost since another one had no memory", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  await write(engine, queue);
  const failed = submit(queue, "sync");
  await microtasks();
  engine.lackMemory(queue);
  await assertAioError(failed.outcome, "ENOMEM");
  queue.closeFailed(EIO);
  await assertAioError(submit(queue, "sync").outcome, "EIO");
});

test("FileQueue makes a request again less and less often while the system refuses what it took", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  let tries = 0;
  engine.onSubmit = () => {
    tries++;
    queueMicrotask(() => engine.refuseAll());
  };
  const { outcome } = submit(queue, "write", "a");
  // One each millisecond would be hundreds.
  await delay(500);
  assert(tries > 1 && tries < 40, `${tries} tries`);
  engine.onSubmit = () => {};
  while (engine.submitted.length === 0) await delay(1);
  engine.complete(queue, 0, 1);
  await outcome;
});

test("FileQueue tells of a loss though another descriptor had no memory for the sync", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  for (const one of [queue, second]) await write(engine, one);
  const { outcome } = submit(queue, "sync");
  const rejected = assertAioError(outcome, "EIO");
  await microtasks();
  engine.lackMemory(queue);
  engine.complete(second, EIO, 0);
  engine.lackMemory(queue);
  await rejected;
});

test("FileQueue forgets what one sync told of when the next one succeeds", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  for (const errno of [EIO, 0]) {
    await write(engine, queue);
    const { outcome } = submit(queue, "sync");
    const settled = errno === 0 ? outcome : assertAioError(outcome, "EIO");
    await microtasks();
    engine.complete(queue, errno, 0);
    await settled;
  }
});

test("FileQueue asks no descriptor for a sync that was canceled at another one", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  for (const one of [second, queue]) {
    await write(engine, one);
    if (one === queue) break;
    const sync = submit(queue, "sync");
    await microtasks();
    engine.complete(second, 0, 0);
    await sync.outcome;
  }
  const sync = submit(queue, "sync");
  await microtasks();
  assertEquals(engine.submitted.map((leader) => leader.queue), [queue]);
  assert(queue.cancel(sync.request));
  await assertAioError(sync.outcome, "ECANCELED");
  assertEquals(engine.submitted, []);
  assertEquals([queue.outstanding, second.outstanding], [0, 0]);
});

test("FileQueue asks every descriptor for an error of a sync before it tells", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  for (const one of [queue, second]) await write(engine, one);
  const before = submit(queue, "sync");
  await microtasks();
  engine.complete(queue, 0, 0);
  engine.complete(second, 0, 0);
  await before.outcome;
  // Only the first one is written through, but the second one may know as well.
  await write(engine, queue);
  const { outcome } = submit(queue, "sync");
  const rejected = assertRejects(() => outcome, AioError, "EIO");
  await microtasks();
  assertEquals(engine.submitted.map((leader) => leader.queue), [queue]);
  engine.complete(queue, EIO, 0);
  assertEquals(engine.submitted.map((leader) => leader.queue), [second]);
  engine.complete(second, EIO, 0);
  await rejected;
});

test("FileQueue asks a descriptor again that was synchronized before another one told of an error", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  for (const one of [queue, second]) await write(engine, one);
  const { outcome } = submit(queue, "sync");
  const rejected = assertAioError(outcome, "EIO");
  await microtasks();
  engine.complete(queue, 0, 0);
  engine.complete(second, EIO, 0);
  assertEquals(engine.submitted.map((leader) => leader.queue), [queue]);
  engine.complete(queue, EIO, 0);
  await rejected;
});

test("FileQueue asks a descriptor for an error of a sync whose first write is in flight", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  await write(engine, queue);
  const { outcome } = submit(queue, "sync");
  const rejected = assertAioError(outcome, "EIO");
  await microtasks();
  const late = submit(second, "write", "a");
  engine.complete(queue, EIO, 0);
  engine.complete(second, 0, 1);
  await late.outcome;
  assertEquals(engine.submitted.map((leader) => leader.queue), [second]);
  engine.complete(second, EIO, 0);
  await rejected;
});

test("FileQueue sends a sync after one that failed through the same descriptors", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  await write(engine, second);
  const failed = submit(queue, "sync");
  const rejected = assertAioError(failed.outcome, "EIO");
  await microtasks();
  assertEquals(engine.submitted.map((leader) => leader.queue), [second]);
  engine.complete(second, EIO, 0);
  engine.complete(queue, 0, 0);
  await rejected;
  // A write of a later group, so that there is something to synchronize.
  await write(engine, queue);
  const { outcome } = submit(queue, "sync");
  await microtasks();
  assertEquals(
    new Set(engine.submitted.map((leader) => leader.queue)),
    new Set([queue, second]),
  );
  engine.complete(engine.submitted[0].queue as FileQueue, 0, 0);
  engine.complete(engine.submitted[0].queue as FileQueue, 0, 0);
  // The first one told of what was lost: this one covers what came later.
  await outcome;
});

test("FileQueue has a sync that arrives while one runs wait for the next", async () => {
  using engine = new FakeEngine();
  const queue = new FileQueue(99, FILE);
  const syncs = [submit(queue, "syncData")];
  await microtasks();
  syncs.push(submit(queue, "sync"), submit(queue, "syncData"));
  await microtasks();
  const operations = () => engine.submitted.map(({ operation }) => operation);
  assertEquals(operations(), ["syncData"]);
  engine.complete(queue, 0, 0);
  await syncs[0].outcome;
  await microtasks();
  assertEquals(operations(), ["sync"]);
  engine.complete(queue, 0, 0);
  await Promise.all(syncs.map(({ outcome }) => outcome));
});

test("FileQueue through which only a canceled write went is not synchronized", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  const write = submit(second, "write", "a");
  assert(second.cancel(write.request));
  await assertAioError(write.outcome, "ECANCELED");
  const { outcome } = submit(queue, "sync");
  await microtasks();
  assertEquals(engine.submitted.map((leader) => leader.queue), [queue]);
  engine.complete(queue, 0, 0);
  await outcome;
});

test("FileQueue through which a write went that the system fails with ECANCELED is synchronized", async () => {
  using engine = new FakeEngine();
  const [queue, second] = twoQueues();
  const write = submit(second, "write", "a");
  engine.complete(second, ECANCELED, 0);
  await assertAioError(write.outcome, "ECANCELED");
  const { outcome } = submit(queue, "sync");
  await microtasks();
  assertEquals(engine.submitted.map((leader) => leader.queue), [second]);
  engine.complete(second, 0, 0);
  await outcome;
});

test(
  "FileQueue does not ask the page cache while the engine has as many reads as are faster together",
  ASKING,
  async () => {
    using engine = new FakeEngine();
    engine.readsTogetherMin = 3;
    const queue = new FileQueue(99, FILE);
    const outcomes: Promise<number>[] = [];
    const read = () => {
      outcomes.push(submit(queue, "read", "a").outcome);
    };
    const complete = (count: number) => {
      for (let at = 0; at < count; at++) engine.complete(queue, 0, 1);
      queue.roomAgain();
    };
    assertEquals(asked(read), 1, "one");
    assertEquals(asked(read), 1, "two");
    assertEquals(asked(read), 0, "three");
    complete(0);
    assert(queue.isForEngine({ length: 1, notify: "auto" }), "none is done");
    complete(3);
    assertEquals(asked(read), 0, "as many are expected again");
    complete(1);
    assertEquals(asked(read), 1, "there was one only");
    assertEquals(asked(read), 1);
    assertEquals(asked(read), 0);
    complete(2);
    assertEquals(asked(read), 0, "one of three is left");
    complete(1);
    assertEquals(asked(read), 1, "there were two");
    complete(2);
    assertEquals(await Promise.all(outcomes), outcomes.map(() => 1));
  },
);

test(
  "FileQueue asks the page cache for reads of which one goes before others",
  ASKING,
  async () => {
    using engine = new FakeEngine();
    engine.readsTogetherMin = 1;
    const queue = new FileQueue(99, FILE);
    const outcome = new Promise<number>((resolve, reject) => {
      const fields = { view: encode("a"), address: 0, offset: 0, priority: 1 };
      const asLast = { ...fields, operation: "read" as const };
      queue.submit(new PromisedRequest(queue, asLast, resolve, reject));
    });
    assertEquals(asked(() => void submit(queue, "read", "b")), 1);
    while (engine.submitted.length < 2) await delay(1);
    engine.complete(queue, 0, 1);
    engine.complete(queue, 0, 1);
    assertEquals(await outcome, 1);
    assertEquals(asked(() => void submit(queue, "read", "c")), 0);
    engine.complete(queue, 0, 1);
  },
);

test(
  "FileQueue asks the page cache where the engine may have few reads at once",
  ASKING,
  async () => {
    using engine = new FakeEngine(2);
    engine.readsTogetherMin = 3;
    const queue = new FileQueue(99, FILE);
    const outcomes: Promise<number>[] = [];
    const misses = asked(() => {
      for (let count = 0; count < 5; count++) {
        outcomes.push(submit(queue, "read", "a").outcome);
      }
    });
    // Those behind the third one are asked for when there is room.
    assertEquals(misses, 3);
    while (engine.submitted.length > 0) {
      engine.complete(queue, 0, 1);
      queue.roomAgain();
    }
    assertEquals(await Promise.all(outcomes), outcomes.map(() => 1));
  },
);

test(
  "files that wait have the room that comes free in turn, and one alone all of it",
  {
    pageCache: false, // Or some wait for another turn of the event loop.
  },
  async () => {
    using engine = new FakeEngine(4);
    const queues = [new FileQueue(98, FILE), new FileQueue(99, FILE)];
    const [one, other] = queues;
    const made = [one, one, one, one, one, one, one, other, other, other]
      .map((queue) => submit(queue, "read", "x"));
    assertEquals(engine.submitted.length, 4);
    const free = () => {
      for (let left = 4; left > 0; left--) {
        engine.complete(engine.submitted[0].queue as FileQueue, 0, 1);
      }
      one.roomAgain();
      return engine.submitted.map(({ queue }) =>
        queue === one ? "one" : "other"
      );
    };
    assertEquals(free(), ["one", "other", "one", "other"]);
    assertEquals(free(), ["one", "other"]);
    for (const { queue } of [...engine.submitted]) {
      engine.complete(queue as FileQueue, 0, 1);
    }
    await Promise.all(made.map(({ outcome }) => outcome));
  },
);

test("a read goes on when a synchronization that took its room is done", {
  ignore: !isLinux,
  pageCache: false, // Or the read needs no room.
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  await using fifo = new Fifo();
  const { maxInFlight } = settings;
  configure({ maxInFlight: 1 });
  try {
    const refused = assertAioError(fifo.file.sync(), "EINVAL");
    // Synchronizations wait for others for some microtasks.
    for (let count = 0; count < 100; count++) await null;
    // Deno's node:fs may be done by then.
    assert(metrics().inFlight === 1 || engineHere() === "fs");
    const reading = file.readAt(new Uint8Array(8), 0);
    await refused;
    assertEquals(await reading, 8);
  } finally {
    configure({ maxInFlight });
  }
});
