// What is in flight in a ring: who hears of what, what waits for room, and what a
// cancellation may meet. The kernel is one that does what it is told.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { clock_ms } from "../../ffi/event_loop.ts";
import type { Entry, Rings } from "../../ffi/io_uring.ts";
import { IOSQE_ASYNC, OPCODE } from "../../ffi/io_uring.ts";
import { buffersOf } from "../../lib/checks/buffers.ts";
import type {
  ChannelOwner,
  EngineRequest,
  FileTraits,
} from "../../lib/engine/engine.ts";
import {
  isFasterByLibrt,
  isGoneOnByLibrt,
} from "../../lib/engine/io_uring/io_uring_engine.ts";
import {
  ReadsTogether,
  readsTogetherMin,
} from "../../lib/engine/io_uring/reads_together.ts";
import { Ring, type RingEntry } from "../../lib/engine/io_uring/ring.ts";
import { RingChannel } from "../../lib/engine/io_uring/ring_channel.ts";
import { RingWaiter, waits } from "../../lib/engine/io_uring/ring_waiter.ts";
import { settings } from "../../lib/system/settings.ts";
import { delay, test } from "../helpers/mod.ts";

const ENOENT = 2;
const EBADF = 9;
const EAGAIN = 11;
const EOPNOTSUPP = 95;
const ECANCELED = 125;
const TWO_TO_32 = 2 ** 32;

interface Submitted extends Entry {
  key: number;
}

/** Rings of four entries, or more. */
class Kernel {
  readonly fd = -1;
  readonly size: number;
  /** How often it was called. */
  calls = 0;
  /** In the ring of submissions. */
  inRing: Submitted[] = [];
  /** Taken by the kernel. */
  taken: Submitted[] = [];
  /** What the next calls fail with. */
  errors: number[] = [];
  /** What came of some, for the next harvest. */
  completions: [place: number, result: number][] = [];
  /** Called when entries were submitted. */
  onSubmit: () => void = () => {};
  /** Called when the kernel is to complete what is done. */
  onComplete: () => void = () => {};

  constructor(size = 4) {
    this.size = size;
  }

  get pending(): number {
    return this.inRing.length;
  }

  get isFull(): boolean {
    return this.inRing.length === this.size;
  }

  add(entry: Entry, key: number): void {
    assert(!this.isFull);
    const { opcode, address, fd } = entry;
    this.inRing.push({ ...entry, opcode, address, fd, key });
  }

  submit(): number {
    this.calls++;
    const errno = this.errors.shift() ?? 0;
    if (errno === 0) this.taken.push(...this.inRing.splice(0));
    this.onSubmit();
    return errno;
  }

  submitAndComplete(): number {
    const errno = this.submit();
    if (errno === 0) this.onComplete();
    return errno;
  }

  harvest(completed: (place: number, result: number) => void): number {
    const found = this.completions.splice(0);
    for (const [place, result] of found) completed(place, result);
    return found.length;
  }

  /** One of those that were taken is done. */
  complete({ key }: { key: number }, result: number): void {
    this.taken = this.taken.filter((one) => one.key !== key);
    this.completions.push([key % TWO_TO_32, result]);
  }

  /** All of those are done. */
  completeAll(result: number): void {
    for (const one of this.taken.slice()) this.complete(one, result);
  }

  /** A thread that waits for longer than any test. */
  wait(): Promise<void> {
    return new Promise(() => {});
  }
}

/** The next turn of the event loop. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function newRing() {
  const kernel = new Kernel();
  let changes = 0;
  const ring = new Ring(kernel as unknown as Rings, () => changes++);
  return { kernel, ring, changes: () => changes };
}

function newEntry(told: number[] = [], fd = 0): RingEntry {
  return {
    opcode: OPCODE.READ,
    address: 0,
    entryFlags: 0,
    fd,
    length: 1,
    offset: 0,
    operationFlags: 0,
    key: -1,
    result: null,
    submission: 0,
    hasWaited: false,
    shareOf: () => 0,
    completed: (result) => told.push(result),
  };
}

const untilAll = () => false;

test("Ring.add() hands nothing over, and flush() all at once", () => {
  const { kernel, ring } = newRing();
  const entries = [1, 2, 3].map((fd) => newEntry([], fd));
  for (const entry of entries) ring.add(entry);
  assertEquals(kernel.taken, []);
  assertEquals(ring.count, 3);
  ring.flush();
  assertEquals(kernel.taken.map(({ fd }) => fd), [1, 2, 3]);
});

test("Ring.flushSoon() hands over together what a loop asks for one by one, within its turn", async () => {
  const { kernel, ring } = newRing();
  async function* numbers() {
    yield* [1, 2, 3];
  }
  for await (const fd of numbers()) {
    await null;
    ring.add(newEntry([], fd));
    ring.flushSoon();
    assertEquals(kernel.taken, []);
  }
  await nextTurn();
  assertEquals(kernel.taken.map(({ fd }) => fd), [1, 2, 3]);
  assertEquals(kernel.calls, 1);
  ring.add(newEntry([], 4));
  ring.flushSoon();
  await nextTurn();
  assertEquals(kernel.taken.length, 4);
});

test("Ring.harvest() tells of each once, with its own result", () => {
  const { kernel, ring } = newRing();
  const told = [1, 2, 3].map(() => [] as number[]);
  told.forEach((heard, fd) => ring.add(newEntry(heard, fd)));
  ring.flush();
  const [first, second, third] = kernel.taken;
  kernel.complete(third, 30);
  kernel.complete(first, 10);
  assertEquals(ring.harvest(untilAll), 2);
  assertEquals(told, [[10], [], [30]]);
  assertEquals(ring.count, 1);
  kernel.complete(second, -5);
  assertEquals(ring.harvest(untilAll), 1);
  assertEquals(told, [[10], [-5], [30]]);
  assertEquals([ring.count, ring.harvest(untilAll)], [0, 0]);
});

test("Ring.harvest() that has told enough keeps the others, in their order", () => {
  const { kernel, ring } = newRing();
  const told: number[] = [];
  for (let count = 0; count < 3; count++) ring.add(newEntry(told));
  ring.flush();
  kernel.taken.slice().forEach((one, at) => kernel.complete(one, at));
  assertEquals(ring.harvest(() => true), 1);
  assertEquals([told, ring.hasDone, ring.count], [[0], true, 2]);
  assertEquals(ring.harvest(() => true), 1);
  assertEquals(ring.harvest(() => true), 1);
  assertEquals([told, ring.hasDone, ring.count], [[0, 1, 2], false, 0]);
});

test("Ring.add() from one that is told is in flight, and told later", () => {
  const { kernel, ring } = newRing();
  const told: number[] = [];
  ring.add({ ...newEntry(), completed: () => ring.add(newEntry(told)) });
  ring.flush();
  kernel.complete(kernel.taken[0], 0);
  assertEquals(ring.harvest(untilAll), 1);
  assertEquals([told, ring.count], [[], 1]);
  ring.flush();
  kernel.complete(kernel.taken[0], 7);
  ring.harvest(untilAll);
  assertEquals(told, [7]);
});

test("Ring.add() of more than it has room for hands over what was there", () => {
  const { kernel, ring } = newRing();
  for (let fd = 0; fd < 10; fd++) ring.add(newEntry([], fd));
  ring.flush();
  assertEquals(kernel.taken.map(({ fd }) => fd), [...Array(10).keys()]);
});

test("Ring tries again by itself what the kernel refused, in order", async () => {
  const { kernel, ring } = newRing();
  kernel.errors = [EAGAIN, EAGAIN, EAGAIN];
  for (let fd = 0; fd < 10; fd++) ring.add(newEntry([], fd));
  ring.flush();
  assertEquals(kernel.taken, []);
  assertEquals(ring.count, 10);
  while (kernel.taken.length < 10) await delay(1);
  assertEquals(kernel.taken.map(({ fd }) => fd), [...Array(10).keys()]);
});

test("Ring hands over what had no room though another call made it", async () => {
  const { kernel, ring } = newRing();
  kernel.errors = [EAGAIN, EAGAIN];
  for (let fd = 0; fd < 10; fd++) ring.add(newEntry([], fd));
  ring.flush();
  // A call for completions takes along what is in the ring.
  kernel.submitAndComplete();
  assertEquals([kernel.taken.length, kernel.pending], [4, 0]);
  while (kernel.taken.length < 10) await delay(1);
  assertEquals(kernel.taken.map(({ fd }) => fd), [...Array(10).keys()]);
});

test("Ring.cancel() of what is in flight tells nobody, and leaves no trace", () => {
  const { kernel, ring, changes } = newRing();
  const told: number[] = [];
  const [entry, other] = [newEntry(told), newEntry(told)];
  ring.add(entry);
  ring.add(other);
  ring.flush();
  kernel.onComplete = () => {
    const [canceled, , cancellation] = kernel.taken;
    assertEquals(cancellation.opcode, OPCODE.ASYNC_CANCEL);
    assertEquals(cancellation.address, canceled.key);
    kernel.complete(canceled, -ECANCELED);
    kernel.complete(cancellation, 0);
  };
  const before = changes();
  assert(ring.cancel(entry));
  assert(changes() > before);
  assertEquals([ring.count, ring.hasDone], [1, false]);
  ring.harvest(untilAll);
  assertEquals(told, []);
  kernel.complete(kernel.taken[0], 1);
  ring.harvest(untilAll);
  assertEquals([told, ring.count], [[1], 0]);
});

test("Ring.cancel() of what the kernel leaves running changes nothing", () => {
  const { kernel, ring } = newRing();
  const told: number[] = [];
  const entry = newEntry(told);
  ring.add(entry);
  ring.flush();
  kernel.onComplete = () => kernel.complete(kernel.taken[1], -114);
  assert(!ring.cancel(entry));
  assertEquals(ring.count, 1);
  kernel.complete(kernel.taken[0], 8);
  ring.harvest(untilAll);
  assertEquals(told, [8]);
});

test("Ring.cancel() of what is done is told of its outcome", () => {
  const { kernel, ring } = newRing();
  const told: number[] = [];
  const [entry, other] = [newEntry(told), newEntry(told)];
  ring.add(entry);
  ring.add(other);
  ring.flush();
  const [first, second] = kernel.taken;
  kernel.complete(second, 6);
  kernel.complete(first, 5);
  // The other one is told, this one was found with it.
  assertEquals(ring.harvest(() => true), 1);
  assert(!ring.cancel(entry));
  assertEquals(kernel.taken, []);
  ring.harvest(untilAll);
  assertEquals(told, [6, 5]);
});

test("Ring.cancel() of what a file system ends with ECANCELED is told of that", () => {
  const { kernel, ring } = newRing();
  const told: number[] = [];
  const [before, meanwhile] = [newEntry(told), newEntry(told)];
  ring.add(before);
  ring.add(meanwhile);
  ring.flush();
  const [first, second] = kernel.taken;
  kernel.complete(first, -ECANCELED);
  kernel.onComplete = () => {
    kernel.complete(second, -ECANCELED);
    kernel.complete(kernel.taken[0], -ENOENT);
  };
  assert(!ring.cancel(meanwhile));
  assert(!ring.cancel(before));
  ring.harvest(untilAll);
  assertEquals(told, [-ECANCELED, -ECANCELED]);
});

test("Ring.cancel() twice is one cancellation", () => {
  const { kernel, ring } = newRing();
  const entry = newEntry();
  ring.add(entry);
  ring.flush();
  kernel.onComplete = () => {
    const [canceled, cancellation] = kernel.taken;
    kernel.complete(canceled, -ECANCELED);
    kernel.complete(cancellation, 0);
  };
  assert(ring.cancel(entry));
  assert(!ring.cancel(entry));
  assertEquals(ring.count, 0);
});

test("a cancellation that comes late names nobody who has its place", async () => {
  const { kernel, ring } = newRing();
  const entry = newEntry();
  ring.add(entry);
  ring.flush();
  // The kernel takes the cancellation later, when the entry is done.
  kernel.errors = [EAGAIN, EAGAIN];
  assert(!ring.cancel(entry));
  const [first] = kernel.taken;
  kernel.complete(first, 3);
  ring.harvest(untilAll);
  const later = newEntry([], 9);
  ring.add(later);
  while (kernel.taken.length < 2) await delay(1);
  const cancellation = kernel.taken.find(({ opcode }) =>
    opcode === OPCODE.ASYNC_CANCEL
  )!;
  const has = kernel.taken.find(({ fd }) => fd === 9)!;
  assertEquals(has.key % TWO_TO_32, first.key % TWO_TO_32);
  assertEquals(cancellation.address, first.key);
  assertNotEquals(has.key, first.key);
});

test("Ring.ask() returns what the kernel says at once, and tells nobody", () => {
  const { kernel, ring } = newRing();
  kernel.onComplete = () => kernel.complete(kernel.taken[0], -95);
  assertEquals(ring.ask({ opcode: OPCODE.READ, fd: 3 }), -95);
  assertEquals([ring.count, ring.hasDone], [0, false]);
  kernel.onComplete = () => {};
  assertEquals(ring.ask({ opcode: OPCODE.READ, fd: 3 }), null);
});

test("Ring.ask() has somebody look for what it hands over, and for nothing else", () => {
  const { kernel, ring, changes } = newRing();
  kernel.onComplete = () => kernel.complete(kernel.taken.at(-1)!, 7);
  ring.ask({ opcode: OPCODE.READ });
  assertEquals(changes(), 0, "its own answer is there");
  const told: number[] = [];
  ring.add(newEntry(told));
  assertEquals(ring.ask({ opcode: OPCODE.READ }), 7);
  assertEquals(kernel.taken.length, 1, "the one that was in the ring");
  assertEquals(changes(), 1);
  ring.flush();
  assertEquals(changes(), 1, "nothing is left to hand over");
});

test("places are used again, and no more than are in flight at once", () => {
  const { kernel, ring } = newRing();
  for (let round = 0; round < 100; round++) {
    for (let count = 0; count < 3; count++) ring.add(newEntry());
    ring.flush();
    const places = kernel.taken.map(({ key }) => key % TWO_TO_32);
    assertEquals(places.sort(), [0, 1, 2]);
    kernel.completeAll(0);
    assertEquals(ring.harvest(untilAll), 3);
  }
});

/** A channel of a direct file. */
function newUntried(
  traits: Partial<FileTraits> = {},
  { size = 128, together = new ReadsTogether(() => {}) } = {},
) {
  const kernel = new Kernel(size);
  const waiter = new RingWaiter(kernel as unknown as Rings, true, () => {});
  const done = { count: 0 };
  const owner = { completed: () => done.count++ } as unknown as ChannelOwner;
  const file = { isDirect: true, isSeekable: true, flags: 0, ...traits };
  const channel = new RingChannel(
    -1,
    file as FileTraits,
    owner,
    waiter,
    new Set(),
    together,
  );
  return { kernel, waiter, channel, done };
}

/** The same on a kernel that can try what it is given, if it says 0. */
function newChannel(
  traits: Partial<FileTraits> = {},
  { tried = 0, ...options }: {
    tried?: number;
    size?: number;
    together?: ReadsTogether;
  } = {},
) {
  const made = newUntried(traits, options);
  const { kernel, channel } = made;
  kernel.onComplete = () => {
    kernel.completeAll(tried);
  };
  assertEquals(channel.canTry, tried === 0);
  kernel.onComplete = () => {};
  return made;
}

/** Submits reads of a channel. */
function submitReads(channel: RingChannel, count: number) {
  for (let i = 0; i < count; i++) {
    assert(channel.submit(requestOf("read", 0)));
  }
}

/** How many completions each turn hands over, until there were so many. */
async function inTurns(done: { count: number }, all: number) {
  const counts: number[] = [];
  while (done.count < all) {
    const before = done.count;
    await nextTurn();
    counts.push(done.count - before);
  }
  return counts.filter((count) => count > 0);
}

for (const isDirect of [true, false]) {
  const reads = isDirect ? "direct reads" : "buffered reads";
  test(`of ${reads} a turn hands over two, then twice as many each, up to half of what is in flight`, async () => {
    const { kernel, waiter, channel, done } = newChannel({ isDirect });
    submitReads(channel, 64);
    waiter.ring.flush();
    kernel.completeAll(512);
    assertEquals(await inTurns(done, 64), [2, 4, 8, 16, 17, 9, 8]);
    submitReads(channel, 128);
    waiter.ring.flush();
    await nextTurn();
    kernel.completeAll(512);
    const counts = await inTurns(done, 192);
    assertEquals(counts.slice(0, 6), [2, 4, 8, 16, 32, 32], "an empty look");
    channel.close();
  });

  test(`of ${reads} that were done at once a turn hands over 256`, async () => {
    const { kernel, waiter, channel, done } = newChannel({ isDirect }, {
      size: 512,
    });
    submitReads(channel, 300);
    kernel.onSubmit = () => {
      kernel.completeAll(512);
    };
    waiter.ring.flush();
    assertEquals(await inTurns(done, 300), [256, 44]);
    channel.close();
  });
}

test("with pollMicroseconds 0 a ring with many in flight is looked at once", async () => {
  const { pollMicroseconds } = settings;
  settings.pollMicroseconds = 0;
  try {
    const { kernel, waiter, channel, done } = newChannel();
    // What the channel has tried is looked for, too.
    await nextTurn();
    const { polls } = waits;
    submitReads(channel, 8);
    waiter.ring.flush();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    assertEquals(waits.polls - polls, 1);
    submitReads(channel, 1);
    waiter.ring.flush();
    kernel.completeAll(512);
    await inTurns(done, 9);
    channel.close();
  } finally {
    settings.pollMicroseconds = pollMicroseconds;
  }
});

test("a turn hands over two of those, too, that were submitted with something else", async () => {
  const { kernel, waiter, channel, done } = newChannel();
  submitReads(channel, 64);
  assertEquals(waiter.ring.ask({ opcode: OPCODE.READ }), null);
  kernel.completeAll(512);
  assertEquals((await inTurns(done, 64)).slice(0, 3), [2, 4, 8]);
  channel.close();
});

/** Spends so long, which other programs can only make longer. */
function spend(time_us: number): void {
  const end_ms = clock_ms() + time_us / 1000;
  while (clock_ms() < end_ms);
}

/** Asks until it is measured whether so many reads go together. */
function measured(together: ReadsTogether, reads: number): boolean {
  for (let asked = 0; asked < 64; asked++) together.pay(reads);
  return together.pay(reads);
}

test("a ring goes before the page cache with as many short reads as pay", () => {
  const together = new ReadsTogether(() => spend(5));
  const { channel } = newChannel({}, { together });
  const isAhead = (reads: number, length: number) =>
    channel.isAheadOfCache(reads, { ...requestOf("read", 0), length });
  assert(!isAhead(8, 4096), "before that is measured");
  assert(measured(together, 8));
  assertEquals([1, 7, 8, 4096].map((reads) => isAhead(reads, 4096)), [
    false,
    false,
    true,
    true,
  ]);
  assertEquals([16_384, 16_385].map((length) => isAhead(8, length)), [
    true,
    false,
  ]);
});

test("the longer a call takes, the fewer reads pay to be handed over together", () => {
  const counts = [0.1, 1, 1.25, 1.5, 2, 3, 50].map(readsTogetherMin);
  assertEquals(counts, [Infinity, Infinity, 48, 24, 12, 8, 8]);
});

test("a call takes as long as in the shortest round", () => {
  let calls = 0;
  // Only the last round of all is short.
  const together = new ReadsTogether(() => ++calls <= 63 * 16 && spend(5));
  assert(!measured(together, 4096));
  assertEquals(calls, 64 * 16);
});

test("a file is not tried before as many reads pay to go together", () => {
  const { kernel, channel } = newUntried();
  kernel.onComplete = () => assert(false, "it is tried");
  const isAhead = (reads: number) =>
    channel.isAheadOfCache(reads, { ...requestOf("read", 0), length: 1 });
  assert(![1, 7, 8, 4096].some(isAhead));
});

test("fewer reads than ever pay do not have calls measured", () => {
  const together = new ReadsTogether(() => {
    throw new Error("a call was made");
  });
  assert(!measured(together, 7));
});

/** What a kernel says of an empty write that must not wait. */
function newChannelThatWrites(
  result: number,
  traits: Partial<FileTraits> = {},
  tried = 0,
) {
  const made = newChannel({ isDirect: false, ...traits }, { tried });
  const { kernel } = made;
  kernel.onComplete = () => {
    kernel.completeAll(result);
  };
  return made;
}

test("short writes are for librt where the file system only writes in calls that may wait", () => {
  const { channel } = newChannelThatWrites(-EAGAIN);
  const isForLibrt = (fields: Partial<EngineRequest>) =>
    isFasterByLibrt({ ...requestOf("write", 0), ...fields }, channel);
  assert(isForLibrt({}));
  assert(isForLibrt({ length: 128 * 1024 }));
  assert(!isForLibrt({ length: 128 * 1024 + 1 }));
  assert(!isForLibrt({ operation: "append" }));
  assert(!isForLibrt({ operation: "read", isWrite: false }));
  assert(!isForLibrt({ operation: "sync", isWrite: false, view: null }));
  const view = buffersOf([new Uint8Array(2), new Uint8Array(2)], "from");
  assert(!isForLibrt({ view }), "several buffers are one call of the ring");
});

test("no writes are for librt where the file system writes at once, or directly", () => {
  const write = requestOf("write", 0);
  const { channel: atOnce } = newChannelThatWrites(0);
  assert(!isFasterByLibrt(write, atOnce));
  const { channel: refused } = newChannelThatWrites(-EBADF);
  assert(!isFasterByLibrt(write, refused));
  const direct = newChannelThatWrites(-EAGAIN, { isDirect: true }).channel;
  assert(!isFasterByLibrt(write, direct));
  const { channel } = newChannelThatWrites(-EAGAIN, {}, -EOPNOTSUPP);
  assert(!isFasterByLibrt(write, channel), "what cannot be tried");
});

test("every write is for librt, and nothing else, where no transfer can be tried", () => {
  for (const tried of [0, -EOPNOTSUPP]) {
    const { channel } = newChannel({}, { tried });
    const isForLibrt = (["write", "read"] as const).map((operation) =>
      isGoneOnByLibrt(requestOf(operation, 0), channel)
    );
    assertEquals(isForLibrt, [tried !== 0, false]);
  }
});

for (const answer of [-EAGAIN, 0, null]) {
  test(`whether a file system writes at once is asked once: ${answer}`, () => {
    const { kernel, channel } = newChannelThatWrites(answer ?? 0);
    if (answer === null) kernel.onComplete = () => {};
    const write = requestOf("write", 0);
    assertEquals(isFasterByLibrt(write, channel), answer === -EAGAIN);
    const { calls } = kernel;
    kernel.onComplete = () => assert(false, "it is asked again");
    assertEquals(isFasterByLibrt(write, channel), answer === -EAGAIN);
    assertEquals(kernel.calls, calls);
  });
}

for (
  const { what, traits, forThreads } of [
    {
      what: "only where it may extend the file",
      traits: {},
      forThreads: [true, true, false, false, true, true, false],
    },
    {
      what: "always if it appends",
      traits: { isAppending: true },
      forThreads: [true, true, true, true, true, true, true],
    },
  ]
) {
  test(`a direct write is for the kernel's threads ${what}`, () => {
    const { kernel, waiter, channel } = newChannel(traits);
    const offsets = [0, 512, 0, 512, 1024, 2n ** 60n, 2 ** 50];
    for (const offset of offsets) {
      assert(channel.submit(requestOf("write", offset)));
    }
    waiter.ring.flush();
    assertEquals(
      kernel.taken.map(({ entryFlags }) => (entryFlags & IOSQE_ASYNC) !== 0),
      forThreads,
    );
  });
}

/** Of pinned memory. */
function requestOf(
  operation: "read" | "write",
  offset: number | bigint,
): EngineRequest {
  return {
    operation,
    view: new Uint8Array(512),
    address: 4096,
    offset,
    length: 512,
    isWrite: operation === "write",
    isSync: false,
    notify: "auto",
    transferred: 0,
    isShort: false,
    entry: null,
    isViewLost: () => false,
  };
}
