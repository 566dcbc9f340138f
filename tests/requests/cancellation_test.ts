// Cancellation: AbortSignal, and cancel(). What waits for a FIFO can always be
// canceled, and what the system has begun on a file never.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { getEventListeners } from "node:events";
import { AioError, AioFile, metrics } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  cancelRunning,
  canStrace,
  closeSync,
  concat,
  constants,
  decode,
  delay,
  Directory,
  encode,
  engineHere,
  Fifo,
  hasPreadv2,
  isLinux,
  isPending,
  maxDescriptors,
  openSync,
  pattern,
  report,
  test,
  turn,
} from "../helpers/mod.ts";
import {
  close,
  openFifo,
  openPipe,
  openSockets,
  openTerminal,
  write,
} from "../helpers/channels.ts";

const MIB = 1024 * 1024;

const canTrace = canStrace();

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

/** What a promise rejects with, of whatever type. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("It did not reject");
}

test("a signal that is aborted already rejects, and nothing is submitted", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { read: true, write: true });
  const { submitted } = metrics();
  for (const reason of [new Error("why"), "why", 0, null, undefined]) {
    const signal = AbortSignal.abort(reason);
    const calls = [
      file.readAt(new Uint8Array(8), 0, { signal }),
      file.writeAt(new Uint8Array(8), 0, { signal }),
      ...(isLinux ? [file.append(new Uint8Array(8), { signal })] : []),
      file.sync({ signal }),
      file.syncData({ signal }),
    ];
    for (const call of calls) {
      assertEquals(await reasonOf(call), signal.reason);
    }
    assertEquals(listeners(signal), 0);
  }
  assertEquals(metrics().submitted, submitted);
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("a signal has one listener, however many requests share it", {
  ignore: !isLinux,
}, async () => {
  const COUNT = 20_000;
  await using fifo = new Fifo();
  const controller = new AbortController();
  const { signal } = controller;
  const settled = Promise.allSettled(
    Array.from(
      { length: COUNT },
      () => fifo.file.readAt(new Uint8Array(1), 0, { signal }),
    ),
  );
  assertEquals(listeners(signal), 1);
  controller.abort("enough");
  const reasons = (await settled).filter((outcome) =>
    outcome.status === "rejected" && outcome.reason === "enough"
  );
  assertEquals([reasons.length, listeners(signal)], [COUNT, 0]);
  assertEquals(await fifo.file.cancel(), 0);
});

test("a signal keeps its listener until the last of its requests is settled", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = fifo.file.readAt(new Uint8Array(1), 0, { signal });
  await file.readAt(new Uint8Array(1), 0, { signal });
  assertEquals(listeners(signal), 1);
  fifo.feed("x");
  assertEquals(await waiting, 1);
  assertEquals(listeners(signal), 0);
  // And has one again for what comes later.
  const later = fifo.file.readAt(new Uint8Array(1), 0, { signal });
  assertEquals(listeners(signal), 1);
  controller.abort("enough");
  assertEquals(await reasonOf(later), "enough");
});

test("a signal rejects one of several requests, and the others go on", {
  ignore: !isLinux,
}, async () => {
  for (const which of [0, 1, 2]) {
    await using fifo = new Fifo();
    const buffers = [1, 2, 3].map(() => new Uint8Array(1));
    const controllers = buffers.map(() => new AbortController());
    const reads = buffers.map((into, index) =>
      fifo.file.readAt(into, 0, { signal: controllers[index].signal })
    );
    await turn();
    const before = metrics();
    const reason = new Error("changed my mind");
    controllers[which].abort(reason);
    assertEquals(await reasonOf(reads[which]), reason);
    assertEquals(metrics().canceled - before.canceled, 1);
    assertEquals(metrics().failed, before.failed);
    const others = reads.filter((_, index) => index !== which);
    assert(await isPending(Promise.race(others), 1));
    fifo.feed("ab");
    assertEquals(await Promise.all(others), [1, 1]);
    const letters = ["a", "b"];
    letters.splice(which, 0, "\0");
    assertEquals(buffers.map(decode), letters);
  }
});

for (const reason of [undefined, null, 0, "", false, "text", new Error("e")]) {
  test(
    `a signal aborted with ${Deno.inspect(reason).split("\n")[0]} ` +
      "rejects with its reason",
    { ignore: !isLinux },
    async () => {
      await using fifo = new Fifo();
      const controller = new AbortController();
      const { signal } = controller;
      const { read } = await fifo.waitingRead(new Uint8Array(1), signal);
      controller.abort(reason);
      assert(Object.is(await reasonOf(read), signal.reason));
    },
  );
}

test("a signal rejects a read that waits for a FIFO, which consumes nothing", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const controller = new AbortController();
  const into = new Uint8Array(4);
  const { read } = await fifo.waitingRead(into, controller.signal);
  controller.abort("enough");
  assertEquals(await reasonOf(read), "enough");
  fifo.feed("data");
  await turn();
  assertEquals(decode(into), "\0\0\0\0");
  assertEquals(decode(fifo.drain()), "data");
});

test("a signal rejects a write that waits for a FIFO, which writes nothing", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const controller = new AbortController();
  const { write } = await fifo.waitingWrite(encode("x"), controller.signal);
  controller.abort("enough");
  assertEquals(await reasonOf(write), "enough");
  assertBytes(fifo.drain(), new Uint8Array(fifo.filling));
  await turn();
  assertEquals(fifo.drain().length, 0);
});

test("a signal does not hide how much of a write is in a FIFO", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const controller = new AbortController();
  const { signal } = controller;
  const from = pattern(MIB + 1);
  const write = fifo.file.writeAt(from, 0, { signal });
  const next = fifo.file.writeAt(encode("next"), 0);
  const taken = await fifo.take(MIB / 2);
  assert(await isPending(write));
  controller.abort("enough");
  const error = await assertAioError(write, "ECANCELED", {
    syscall: "aio_write",
  });
  assertEquals(error.cause, "enough");
  const { bytesTransferred } = error;
  // What it says is there, and what comes next follows it.
  const rest = await fifo.take(bytesTransferred! + 4 - taken.length);
  assertEquals(await next, 4);
  const expected = [from.subarray(0, bytesTransferred), encode("next")];
  assertBytes(concat([taken, rest]), concat(expected));
});

for (const operation of ["read", "write"] as const) {
  test(`a signal leaves a ${operation} of a file that the system has begun`, {
    ignore: !canTrace,
  }, async () => {
    const contents = pattern(4096);
    assertEquals(await cancelRunning("signal", operation, contents), [
      4096,
      true,
    ]);
  });
}

test("a signal does not hide how much of a write is in a file", {
  ignore: !canTrace,
}, async () => {
  // Longer than the library's own memory: it goes in two pieces.
  const contents = pattern(MIB + 1);
  assertEquals(await cancelRunning("signal", "write", contents), [
    "ECANCELED",
    MIB,
    "enough",
  ]);
});

test("a signal aborted while a request runs does not hide its own error", {
  ignore: !canTrace,
}, async () => {
  const contents = pattern(4096);
  assertEquals(await cancelRunning("signal", "write", contents, true), [
    "EBADF",
    0,
    null,
  ]);
});

test(
  "a signal that was listened to does not hide EPIPE of a write that waits",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const controller = new AbortController();
    const { signal } = controller;
    // Its reader goes away while it waits.
    const reader = openSync(
      fifo.path,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    await using writer = AioFile.adopt(
      openSync(fifo.path, constants.O_WRONLY),
    );
    fifo.fill();
    fifo.closeControl();
    await fifo.file.close();
    const write = writer.writeAt(encode("x"), 0, { signal });
    const outcome = assertAioError(write, "EPIPE", { syscall: "aio_write" });
    assert(await isPending(write));
    closeSync(reader);
    await outcome;
    controller.abort();
    assertEquals(listeners(signal), 0);
  },
);

test("AbortSignal.timeout() rejects a request that waits for too long", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const read = fifo.file.readAt(new Uint8Array(1), 0, {
    signal: AbortSignal.timeout(10),
  });
  const error = await assertRejects(() => read, DOMException) as DOMException;
  assertEquals(error.name, "TimeoutError");
});

test("AbortSignal.any() and a signal for many requests reject all that wait", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const controller = new AbortController();
  const never = new AbortController().signal;
  const signal = AbortSignal.any([controller.signal, never]);
  const reads = Array.from(
    { length: 500 },
    () => fifo.file.readAt(new Uint8Array(1), 0, { signal }),
  );
  assertEquals(listeners(signal), 1);
  const outcomes = Promise.allSettled(reads);
  controller.abort("enough");
  for (const outcome of await outcomes) {
    assertEquals(outcome, { status: "rejected", reason: "enough" });
  }
  assertEquals(listeners(signal), 0);
});

test("a signal does not keep listeners of requests that are settled", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const controller = new AbortController();
  const { signal } = controller;
  await file.readAt(new Uint8Array(8), 0, { signal });
  assertEquals(listeners(signal), 0);
  await assertAioError(
    file.writeAt(new Uint8Array(8), 0, { signal }),
    "EBADF",
  );
  assertEquals(listeners(signal), 0);

  await using fifo = new Fifo();
  const { read } = await fifo.waitingRead(new Uint8Array(1), signal);
  const behind = fifo.file.readAt(new Uint8Array(1), 0, { signal });
  const outcome = assertAioError(behind, "ECANCELED");
  assertEquals(listeners(signal), 1);
  fifo.feed("x");
  await read;
  assertEquals(listeners(signal), 1);
  assertEquals(await fifo.file.cancel(), 1);
  await outcome;
  assertEquals(listeners(signal), 0);
  controller.abort(); // Nothing is left that it could reach.
  assertEquals(await file.readAt(new Uint8Array(8), 0), 8);
});

test("a signal does not reject a request twice, or one that is settled", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(4096)));
  for (let round = 0; round < 200; round++) {
    const controller = new AbortController();
    const { signal } = controller;
    const into = new Uint8Array(4096);
    const read = file.readAt(into, 0, { signal });
    if (round % 2 === 0) await read;
    controller.abort("late");
    const outcome = await read.catch((reason) => reason);
    if (outcome === 4096) assertBytes(into, pattern(4096));
    else assertEquals(outcome, "late");
    assert(round % 2 === 1 || outcome === 4096);
  }
});

test("a signal settles each of 2,000 requests with bytes or its reason", async () => {
  using directory = new Directory();
  const contents = pattern(512 * 1000);
  await using file = await AioFile.open(directory.file(contents));
  const controller = new AbortController();
  const { signal } = controller;
  const before = metrics();
  const buffers = Array.from({ length: 2000 }, () => new Uint8Array(512));
  const reads = buffers.map((into, at) =>
    file.readAt(into, at % 1000 * 512, { signal })
  );
  const outcomes = Promise.allSettled(reads);
  await reads[10];
  controller.abort("enough");
  let canceled = 0;
  (await outcomes).forEach((outcome, at) => {
    if (outcome.status === "rejected") {
      assertEquals(outcome.reason, "enough");
      canceled++;
    } else {
      assertEquals(outcome.value, 512);
      const offset = at % 1000 * 512;
      assertBytes(buffers[at], contents.subarray(offset, offset + 512));
    }
  });
  assertEquals(metrics().canceled - before.canceled, canceled);
  assertEquals(metrics().completed - before.completed, 2000 - canceled);
  assertEquals(listeners(signal), 0);
});

test("a signal settles a long transfer with all bytes or its reason", async () => {
  using directory = new Directory();
  const contents = pattern(10 * MIB);
  await using file = await AioFile.open(directory.file(contents));
  for (const wait of [0, 1, 5]) {
    const controller = new AbortController();
    const into = new Uint8Array(10 * MIB);
    const read = file.readAt(into, 0, { signal: controller.signal });
    const outcome = read.catch((reason) => reason);
    for (let turn = 0; turn < wait; turn++) await file.size();
    controller.abort("enough");
    if (await outcome === "enough") continue;
    assertEquals(await outcome, 10 * MIB);
    assertBytes(into, contents);
  }
  assertEquals(await file.readAt(new Uint8Array(9), 0), 9);
});

test("a signal rejects a synchronization that waits for a write", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { write } = await fifo.waitingWrite(encode("x"));
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = fifo.file.sync({ signal });
  const other = fifo.file.sync();
  const outcome = assertAioError(other, "EINVAL");
  controller.abort("enough");
  assertEquals(await reasonOf(aborted), "enough");
  fifo.drain();
  assertEquals(await write, 1);
  await outcome;
});

test("a synchronization of a FIFO does not wait for a read", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { read } = await fifo.waitingRead();
  // A FIFO cannot be synchronized.
  await assertAioError(fifo.file.sync(), "EINVAL");
  assert(await isPending(read, 1));
  fifo.feed("x");
  assertEquals(await read, 1);
});

test("cancel() rejects what waits for a FIFO with ECANCELED, and counts it", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { file } = fifo;
  fifo.fill();
  const before = metrics();
  const outcomes = Promise.allSettled([
    file.writeAt(new Uint8Array(9), 7),
    file.append(new Uint8Array(9)),
  ]);
  await turn();
  assertEquals(await file.cancel(), 2);
  fifo.drain();
  const reading = Promise.allSettled([
    file.readAt(new Uint8Array(9), 7),
    file.readAt(new Uint8Array(9), 7),
  ]);
  await turn();
  assertEquals(await file.cancel(), 2);
  const errors = [...await outcomes, ...await reading].map((outcome) => {
    assertEquals(outcome.status, "rejected");
    return (outcome as PromiseRejectedResult).reason;
  });
  for (const [at, error] of errors.entries()) {
    assert(error instanceof AioError);
    assertEquals(error.code, "ECANCELED");
    assertEquals(error.syscall, at < 2 ? "aio_write" : "aio_read");
    assertEquals(error.fd, file.fd);
    assertEquals(error.bytesTransferred, 0);
  }
  assertEquals(errors[0].offset, 7);
  assertEquals(metrics().canceled - before.canceled, 4);
  assertEquals(metrics().failed, before.failed);
  fifo.feed("x");
  await turn();
  assertEquals(decode(fifo.drain()), "x");
});

for (const operation of ["read", "write"] as const) {
  test(`cancel() leaves a ${operation} of a file that the system has begun`, {
    ignore: !canTrace,
  }, async () => {
    const contents = pattern(4096);
    assertEquals(await cancelRunning("cancel", operation, contents), [
      0,
      [4096, true],
    ]);
  });
}

test("cancel() leaves the file usable, and other files alone", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using other = new Fifo();
  const canceled = await fifo.waitingRead();
  const { read } = await other.waitingRead();
  const unharmed = other.file.readAt(new Uint8Array(1), 0);
  assertEquals(await fifo.file.cancel(), 1);
  assertEquals(await fifo.file.cancel(), 0);
  await assertAioError(canceled.read, "ECANCELED");
  assert(await isPending(Promise.race([read, unharmed])));
  other.feed("ab");
  assertEquals(await Promise.all([read, unharmed]), [1, 1]);
  const next = fifo.file.readAt(new Uint8Array(1), 0);
  fifo.feed("a");
  assertEquals(await next, 1);
});

test("cancel() with nothing in flight resolves with 0", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  assertEquals(await file.cancel(), 0);
  await file.readAt(new Uint8Array(8), 0);
  assertEquals(await file.cancel(), 0);
});

test("cancel() counts exactly those of 3,000 requests that it cancels", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(512 * 1000));
  await using file = await AioFile.open(path, { read: true, write: true });
  for (let round = 0; round < 5; round++) {
    const operations = Array.from({ length: 1000 }, (_, at) => [
      file.readAt(new Uint8Array(512), at * 512),
      file.writeAt(pattern(512, at * 512), at * 512),
      at % 50 === 0 ? file.sync() : file.readAt(new Uint8Array(1), at),
    ]).flat();
    const outcomes = Promise.allSettled(operations);
    if (round > 0) await operations[round * 3];
    const canceled = await file.cancel();
    const rejected = (await outcomes).flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason.code] : []
    );
    assertEquals(new Set(rejected).size, canceled > 0 ? 1 : 0);
    assert(rejected.every((code) => code === "ECANCELED"));
    assertEquals(rejected.length, canceled);
  }
  // No write that was canceled left a part of itself.
  assertBytes(Deno.readFileSync(path), pattern(512 * 1000));
});

test("cancel() reaches synchronizations that wait for a write, and the write", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { write } = await fifo.waitingWrite(encode("x"));
  const syncs = [fifo.file.sync(), fifo.file.syncData()];
  const outcomes = syncs.map((sync) =>
    assertAioError(sync, "ECANCELED", { syscall: "aio_fsync" })
  );
  assertEquals(await fifo.file.cancel(), 3);
  await Promise.all(outcomes);
  await assertAioError(write, "ECANCELED", { syscall: "aio_write" });
});

/** Channels on which nothing comes: what to read, and what to write for it. */
const SILENT: Record<string, (directory: Directory) => [number, number]> = {
  "a pipe": () => {
    const { reader, writer } = openPipe();
    return [reader, writer];
  },
  "a FIFO": (directory) => {
    const { reader, writer } = openFifo(directory.at("fifo"));
    return [reader, writer];
  },
  "a socket": () => openSockets(),
  "a terminal": () => {
    const { master, terminal } = openTerminal();
    return [terminal, master];
  },
};

for (const [name, open] of Object.entries(SILENT)) {
  test(`a read of ${name} that is silent ends with the signal's reason`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const [reader, writer] = open(directory);
    await using file = AioFile.adopt(reader, { closeFd: false });
    for (const wait of [() => null, turn, () => delay(20)]) {
      const controller = new AbortController();
      const into = new Uint8Array(5);
      const read = file.readAt(into, 0, { signal: controller.signal });
      await wait();
      const reason = new Error("changed my mind");
      controller.abort(reason);
      assertStrictEquals(await reasonOf(read), reason);
      // It took nothing, and nobody waits behind it.
      const next = file.readAt(new Uint8Array(5), 0);
      write(writer, encode("text\n"));
      assertEquals([await next, decode(into)], [5, "\0".repeat(5)]);
    }
    const read = file.readAt(new Uint8Array(5), 0);
    await turn();
    const canceled = assertAioError(read, "ECANCELED");
    assertEquals(await file.cancel(), 1);
    await canceled;
    await file.close();
    for (const fd of [reader, writer]) close(fd);
  });
}

for (const seed of [1, 2]) {
  test(`only what was aborted is canceled, in whatever order (${seed})`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const { made, canceled, ...outcome } = await report("cancels", {
      args: [directory.at("file"), String(seed), "150"],
    });
    assertEquals(outcome, { wrong: [], left: [0, 0] });
    assert(made > 3_000, `${made} requests`);
    // Of some of each kind, and not of all.
    for (const kind of ["a read of a pipe", "a synchronization"]) {
      const count = canceled[kind] ?? 0;
      assert(
        count > 0 && count < made / 4,
        `${count} of ${kind} were canceled`,
      );
    }
  });
}

/** More memory than the library has for those that are in flight. */
const CANCELED = 100;
const TRIES_MAX = 10_000;

test("reads that are canceled in flight give their memory back", {
  ignore: !isLinux,
  pageCache: false,
}, async () => {
  using directory = new Directory();
  const path = directory.file(new Uint8Array(MIB));
  await using file = await AioFile.open(path);
  const read = (signal?: AbortSignal) =>
    file.readAt(new Uint8Array(MIB), 0, { signal });
  let canceled = 0;
  for (let tries = 0; canceled < CANCELED && tries < TRIES_MAX; tries++) {
    const controller = new AbortController();
    const reads = Array.from({ length: 16 }, () => read(controller.signal));
    await null; // What is made in one go is handed over together.
    controller.abort();
    const settled = await Promise.allSettled(reads);
    canceled += settled.filter(({ status }) => status === "rejected").length;
  }
  assert(canceled >= CANCELED, `only ${canceled} could be canceled`);
  const counts = await Promise.all(Array.from({ length: 32 }, () => read()));
  assertEquals(counts, Array(32).fill(MIB));
});

const PIPES = 5_000;
/** Some of the runtime's own come and go. */
const THREADS_MAX = 16;
const DESCRIPTORS_MAX = 16;

test(`${PIPES} reads of pipes that are silent take no thread each`, {
  ignore: !isLinux || maxDescriptors() < 3 * PIPES,
}, async () => {
  const { made, threads, descriptors, polls, left, ...outcome } = await report(
    "many_pipes",
    {
      args: [String(PIPES)],
      wrapper: ["bash", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "bash"],
    },
  );
  const engine = engineHere();
  assertEquals(outcome, {
    engine,
    isWaiting: true,
    wrong: [],
    areRead: true,
    isForgotten: true,
  });
  assert(made > PIPES);
  assert(threads <= THREADS_MAX, `${threads} more threads`);
  // Without preadv2() each pipe is opened once more.
  const descriptorsMax = DESCRIPTORS_MAX + (hasPreadv2 ? 0 : made);
  assert(descriptors <= descriptorsMax, `${descriptors} more descriptors`);
  assert(left <= DESCRIPTORS_MAX, `${left} descriptors were left`);
  assertEquals(polls, engine === "io_uring" ? PIPES : 0);
});

test("cancel() leaves a read that has met the end of the file", {
  pageCache: false, // Or it is done at once.
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(100)));
  for (let count = 0; count < 200; count++) {
    const reading = file.readAt(new Uint8Array(4096), 0);
    const outcome = reading.catch(({ code }) => code);
    if (count % 2 === 0) await null;
    const canceled = await file.cancel();
    assertEquals(await outcome, canceled === 0 ? 100 : "ECANCELED");
  }
});
