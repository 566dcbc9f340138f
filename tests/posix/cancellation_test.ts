// `aio_cancel()` of the request that is the first one of its descriptor, before a
// thread has it: those queued behind it have to be served all the same. The one
// thread of the C library waits for a FIFO meanwhile.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AIO_ALLDONE,
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_fsync,
  aio_init,
  AIO_NOTCANCELED,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  AioError,
  AioFile,
  ECANCELED,
  EINPROGRESS,
  lio_listio,
  LIO_NOWAIT,
  LIO_WAIT,
  LIO_WRITE,
  O_DSYNC,
  O_SYNC,
  SIGEV_THREAD,
} from "../../mod.ts";
import { requestOf } from "../../lib/posix/aiocb.ts";
import { platform } from "../../lib/system/constants.ts";
import type { ControlBlockRequest } from "../../lib/posix/control_block_request.ts";
import {
  blockedRead,
  bytes,
  Calls,
  constants,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  isPending,
  runProgram,
  startRead,
  startWrite,
  test,
  text,
  untilRunning,
} from "./helpers.ts";

const options = { ignore, onFirstThread: import.meta.url };

interface Thread {
  release(): Promise<void>;
}

/** A test whose requests are queued, until it releases the thread. */
function testQueued(
  name: string,
  fn: (directory: Directory, thread: Thread) => Promise<void>,
): void {
  test(name, options, async () => {
    using directory = new Directory();
    await fn(directory, await keepThread());
  });
}

/** The one thread that serves requests, kept from it until `release()`. */
async function keepThread(): Promise<Thread> {
  aio_init({ aio_threads: 1 });
  const fifo = new Fifo();
  const blocked = await blockedRead(fifo);
  return {
    async release() {
      fifo.feed("x");
      await done(blocked);
      fifo[Symbol.dispose]();
    },
  };
}

function write(fd: number, data: string, fields: Partial<Aiocb> = {}): Aiocb {
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: bytes(data),
    aio_lio_opcode: LIO_WRITE,
    ...fields,
  });
  aio_write(block);
  return block;
}

testQueued(
  "aio_cancel() of a descriptor's first request leaves those behind it",
  async (directory, thread) => {
    const fd = directory.file("0123456789");
    const [first, ...behind] = [0, 1, 2, 3].map((at) => startRead(fd, 1, at));
    const waiting = aio_suspend([behind[2]]);
    assertEquals(aio_cancel(fd, first), AIO_CANCELED);
    assertEquals(aio_error(first), ECANCELED);
    assertEquals(behind.map(aio_error), behind.map(() => EINPROGRESS));
    assert(await isPending(waiting), "it was announced before it was done");
    await thread.release();
    await done(...behind);
    await waiting;
    assertEquals(behind.map(aio_return), [1, 1, 1]);
    assertEquals(behind.map((block) => text(block.aio_buf!)), ["1", "2", "3"]);
  },
);

testQueued(
  "aio_cancel() of the next first request again, and of all, works",
  async (directory, thread) => {
    const fd = directory.file("0123456789");
    const reads = [0, 1, 2, 3, 4, 5].map((at) => startRead(fd, 1, at));
    const canceled = [reads[0], reads[1], reads[4]];
    for (const block of canceled) {
      assertEquals(aio_cancel(fd, block), AIO_CANCELED);
    }
    await thread.release();
    const served = reads.filter((block) => !canceled.includes(block));
    await done(...served);
    assertEquals(served.map((block) => text(block.aio_buf!)), ["2", "3", "5"]);
    assertEquals(canceled.map(aio_error), canceled.map(() => ECANCELED));

    const again = await keepThread();
    const others = [0, 1, 2].map((at) => startRead(fd, 1, at));
    assertEquals(aio_cancel(fd, others[0]), AIO_CANCELED);
    assertEquals(aio_cancel(fd), AIO_CANCELED);
    assertEquals(others.map(aio_error), others.map(() => ECANCELED));
    await again.release();
  },
);

testQueued(
  "aio_cancel() of a first request leaves writes and syncs in order",
  async (directory, thread) => {
    const fd = directory.file("", constants.O_RDWR | constants.O_APPEND);
    const first = startWrite(fd, "-");
    const before = startWrite(fd, "a");
    const syncs = [O_SYNC, O_DSYNC].map((op) => {
      const sync = new Aiocb({ aio_fildes: fd });
      aio_fsync(op, sync);
      return sync;
    });
    const after = ["b", "c"].map((data) => startWrite(fd, data));
    assertEquals(aio_cancel(fd, first), AIO_CANCELED);
    await thread.release();
    await done(before, ...syncs, ...after);
    assertEquals(syncs.map(aio_return), [0, 0]);
    assertEquals(directory.contents(fd), "abc");
  },
);

testQueued(
  "aio_cancel() of a first request leaves the others their priorities",
  async (directory, thread) => {
    const fd = directory.file("", constants.O_RDWR | constants.O_APPEND);
    const first = write(fd, "-", { aio_reqprio: 5 });
    const others = [["d", 9], ["a", 0], ["c", 5], ["b", 0]] as const;
    const blocks = others.map(([data, aio_reqprio]) =>
      write(fd, data, { aio_reqprio })
    );
    assertEquals(aio_cancel(fd, first), AIO_CANCELED);
    await thread.release();
    await done(...blocks);
    assertEquals(directory.contents(fd), "abcd");
  },
);

testQueued(
  "aio_cancel() of one that has overtaken others leaves these",
  async (directory, thread) => {
    const fd = directory.file("", constants.O_RDWR | constants.O_APPEND);
    const first = write(fd, "-");
    const low = write(fd, "b", { aio_reqprio: 7 });
    const high = write(fd, "-", { aio_reqprio: 1 });
    const middle = write(fd, "a", { aio_reqprio: 3 });
    assertEquals(aio_cancel(fd, first), AIO_CANCELED);
    // Now it is the first one.
    assertEquals(aio_cancel(fd, high), AIO_CANCELED);
    await thread.release();
    await done(low, middle);
    assertEquals(directory.contents(fd), "ab");
  },
);

testQueued(
  "aio_cancel() of a first request calls the functions of others once",
  async (directory, thread) => {
    const fd = directory.file();
    const calls = new Calls();
    const blocks = [1, 2, 3].map((value) => {
      const check = () => assertEquals(aio_error(blocks[value - 1]), expected);
      const expected = value === 1 ? ECANCELED : 0;
      const aio_sigevent = calls.sigevent(value, check);
      return write(fd, "x", { aio_sigevent });
    });
    assertEquals(aio_cancel(fd, blocks[0]), AIO_CANCELED);
    assertEquals(await calls.settle(1), [1]);
    await thread.release();
    assertEquals((await calls.settle(3)).toSorted(), [1, 2, 3]);
  },
);

testQueued(
  "aio_cancel() of a first request leaves a list's function its time",
  async (directory, thread) => {
    const fd = directory.file();
    const list = [0, 1, 2].map(() =>
      new Aiocb({
        aio_fildes: fd,
        aio_buf: bytes("x"),
        aio_lio_opcode: LIO_WRITE,
      })
    );
    const calls = new Calls();
    const check = () => assertEquals(list.map(aio_error), [ECANCELED, 0, 0]);
    await lio_listio(LIO_NOWAIT, list, calls.sigevent(9, check));
    const waiting = lio_listio(LIO_WAIT, [
      new Aiocb({
        aio_fildes: fd,
        aio_buf: bytes("y"),
        aio_lio_opcode: LIO_WRITE,
      }),
    ]);
    assertEquals(aio_cancel(fd, list[0]), AIO_CANCELED);
    await delay(50);
    assertEquals(calls.values, []);
    await thread.release();
    await waiting;
    assertEquals(await calls.settle(1), [9]);
  },
);

/** Two writes of a list, of which the second one waits behind a first request. */
async function listBehindFirst(directory: Directory) {
  const [fd, other] = [directory.file(), directory.file()];
  const first = write(other, "-");
  const list = [fd, other].map((aio_fildes) =>
    new Aiocb({ aio_fildes, aio_buf: bytes("x"), aio_lio_opcode: LIO_WRITE })
  );
  const calls = new Calls();
  const check = () => assertEquals(aio_error(list[1]), 0);
  await lio_listio(LIO_NOWAIT, list, calls.sigevent(9, check));
  return { other, first, block: list[0], calls };
}

function cancelUseAgainAndCancel(block: Aiocb): void {
  assertEquals(aio_cancel(block.aio_fildes, block), AIO_CANCELED);
  assertEquals(aio_error(block), ECANCELED);
  aio_write(block);
  assertEquals(aio_cancel(block.aio_fildes, block), AIO_CANCELED);
  assertEquals(aio_error(block), ECANCELED);
}

testQueued(
  "aio_cancel() of a block used again leaves the function of its list its time",
  async (directory, thread) => {
    const { other, first, block, calls } = await listBehindFirst(directory);
    // Takes the second one of the list back: the library announces its end.
    assertEquals(aio_cancel(other, first), AIO_CANCELED);
    cancelUseAgainAndCancel(block);
    await delay(0);
    assertEquals(calls.values, []);
    await thread.release();
    assertEquals(await calls.settle(1), [9]);
  },
);

testQueued(
  "aio_cancel() of a first request has the function of a list called, although a block of it was used again",
  async (directory, thread) => {
    const { other, first, block, calls } = await listBehindFirst(directory);
    cancelUseAgainAndCancel(block);
    await delay(0);
    assertEquals(aio_cancel(other, first), AIO_CANCELED);
    await thread.release();
    assertEquals(await calls.settle(1), [9]);
  },
);

testQueued(
  "aio_cancel() of a first request leaves requests whose block is gone",
  async (directory, thread) => {
    const fd = directory.file("", constants.O_RDWR | constants.O_APPEND);
    const first = startWrite(fd, "-");
    startWrite(fd, "a")[Symbol.dispose]();
    startWrite(fd, "b");
    Reflect.get(globalThis, "gc")();
    assertEquals(aio_cancel(fd, first), AIO_CANCELED);
    await thread.release();
    while (directory.contents(fd) !== "ab") await delay(1);
  },
);

test(
  "aio_cancel() behind a request that runs leaves that and the others",
  options,
  async () => {
    aio_init({ aio_threads: 1 });
    using fifo = new Fifo();
    const calls = new Calls();
    const read = (value: number, aio_reqprio: number) =>
      startRead(fifo.fd, 1, 0, {
        aio_reqprio,
        aio_sigevent: calls.sigevent(value),
      });
    const running = await blockedRead(fifo);
    const [canceled, low, high] = [read(1, 0), read(2, 5), read(3, 0)];
    assertEquals(aio_cancel(fifo.fd, running), AIO_NOTCANCELED);
    assertEquals(aio_cancel(fifo.fd, canceled), AIO_CANCELED);
    fifo.feed("123");
    await done(running, low, high);
    assertEquals(
      [running, high, low].map((block) => text(block.aio_buf!)),
      ["1", "2", "3"],
    );
    assertEquals((await calls.settle(3)).toSorted(), [1, 2, 3]);
  },
);

/** The directory closes the descriptor. */
const adopt = (fd: number) => AioFile.adopt(fd, { closeFd: false });

for (const place of ["before", "behind"]) {
  test(
    `a request that is canceled leaves what another file of its descriptor has queued ${place} it`,
    { ...options, engine: "librt", pageCache: false },
    async () => {
      using directory = new Directory();
      const thread = await keepThread();
      const fd = directory.file("0123456789");
      const [one, other] = [adopt(fd), adopt(fd)];
      const buffers = [1, 2, 3, 4].map(() => new Uint8Array(1));
      const stop = new AbortController();
      const { signal } = stop;
      const canceled = () => one.readAt(buffers[0], 0, { signal });
      const first = place === "behind" ? canceled() : null;
      const kept = [
        other.readAt(buffers[1], 1),
        one.readAt(buffers[2], 2),
        other.readAt(buffers[3], 3),
      ];
      const last = first ?? canceled();
      stop.abort();
      await assertRejects(() => last, DOMException);
      await thread.release();
      assertEquals(await Promise.all(kept), [1, 1, 1]);
      assertEquals(buffers.slice(1).map(text), ["1", "2", "3"]);
      await one.close();
      await other.close();
    },
  );
}

test(
  "a file cancels what a control block of its descriptor was queued before, once that is done",
  { ...options, engine: "librt", pageCache: false },
  async () => {
    aio_init({ aio_threads: 1 });
    using directory = new Directory();
    const fd = directory.file("0123456789");
    await using file = adopt(fd);
    const block = startRead(fd, 1, 0);
    // Nobody asks whether it is.
    while (requestOf(block).block.status === EINPROGRESS) await delay(1);
    const thread = await keepThread();
    const read = file.readAt(new Uint8Array(1), 0);
    assertEquals(await file.cancel(), 1);
    await assertRejects(() => read, AioError);
    await thread.release();
    assertEquals(aio_return(block), 1);
  },
);

for (const isFileFirst of [true, false]) {
  test(
    `nothing is canceled that ${
      isFileFirst ? "a control block" : "a file"
    } of the same descriptor is queued behind`,
    { ...options, engine: "librt", pageCache: false },
    async () => {
      using directory = new Directory();
      const thread = await keepThread();
      const fd = directory.file("0123456789");
      await using file = adopt(fd);
      const readFile = () => file.readAt(new Uint8Array(1), 0);
      const early = isFileFirst ? readFile() : null;
      const block = startRead(fd, 1, 5);
      const read = early ?? readFile();
      if (isFileFirst) assertEquals(await file.cancel(), 0);
      else assertEquals(aio_cancel(fd, block), AIO_NOTCANCELED);
      await thread.release();
      await done(block);
      assertEquals([await read, aio_return(block)], [1, 1]);
      assertEquals(aio_cancel(fd, block), AIO_ALLDONE);
    },
  );
}

for (const seed of [1, 2, 3]) {
  test(
    `aio_cancel() at random leaves nothing in progress (${seed})`,
    options,
    async () => {
      aio_init({ aio_threads: 2 });
      using directory = new Directory();
      const fds = [1, 2, 3, 4].map(() => directory.file("0123456789"));
      const pick = randomIntegers(seed);
      let called = 0;
      const aio_sigevent = {
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function: () => called++,
      };
      const blocks: Aiocb[] = [];
      let announced = 0;
      for (let round = 0; round < 300; round++) {
        const some = Array.from({ length: 12 }, (_, index) => {
          const isAnnounced = index % 5 === 0;
          if (isAnnounced) announced++;
          return startRead(fds[pick(4)], 1, pick(10), {
            aio_reqprio: pick(2) * pick(5),
            ...(isAnnounced && { aio_sigevent }),
          });
        });
        for (let count = pick(8); count > 0; count--) {
          const block = some[pick(some.length)];
          aio_cancel(block.aio_fildes, block);
        }
        blocks.push(...some);
        if (round % 7 === 0) await delay(0);
      }
      await done(...blocks);
      for (const block of blocks) {
        if (aio_error(block) === ECANCELED) continue;
        assertEquals(aio_return(block), 1);
        assertEquals(text(block.aio_buf!), `${block.aio_offset}`);
      }
      while (called < announced) await delay(1);
      await delay(50);
      assertEquals(called, announced);
    },
  );
}

/** Random integers from 0 up to a bound, the same for the same seed. */
function randomIntegers(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(seed / 2 ** 31 * below);
  };
}

test(
  "aio_cancel() of a first request works in a worker",
  { ignore },
  async () => {
    assertEquals(await runProgram("canceled_in_worker"), {
      canceled: true,
      read: ["1", "2"],
      written: "xx234",
      called: [0, 1, 2],
    });
  },
);

test("aio_cancel() of a first request has others signaled once, and lists", {
  ignore,
}, async () => {
  const { one, list, ...others } = await runProgram("canceled_signals");
  assertEquals(one, { atOnce: [1], later: [2, 3] });
  // A signal of a list may come early, but the last one is right.
  assertEquals(list.last, 9);
  assertEquals(list.statuses, [ECANCELED, 0, 0]);
  assertEquals(others, {
    sync: [0, 1, 2],
    // Nothing was forgotten, so nothing is announced twice.
    behindFirst: [9],
    behindSecond: [9],
  });
});

/** The places in a control block that are written to while `fn` runs. */
function placesWritten(request: ControlBlockRequest, fn: () => void): number[] {
  const { block } = request;
  const { view } = block;
  const places: number[] = [];
  const recorder = new Proxy(view, {
    get(_, name) {
      const member = Reflect.get(view, name, view);
      if (typeof member !== "function") return member;
      return (at: number, ...rest: unknown[]) => {
        if (String(name).startsWith("set")) places.push(at - block.at);
        return member.call(view, at, ...rest);
      };
    },
  });
  Object.defineProperty(block, "view", { value: recorder, configurable: true });
  fn();
  Object.defineProperty(block, "view", { value: view });
  return places;
}

test(
  "takeBack() writes to nothing but sigev_notify, which a thread may read",
  options,
  async () => {
    using fifo = new Fifo();
    const calls = new Calls();
    const cb = startRead(fifo.fd, 1, 0, { aio_sigevent: calls.sigevent(7) });
    await untilRunning(fifo.fd);
    const request = requestOf(cb);
    const { sigevent, sigeventLayout } = platform.aiocb;
    const places = placesWritten(request, () => {
      assertEquals(request.takeBack(false), false);
    });
    const notify = sigevent + sigeventLayout.notify;
    assertEquals(places, [notify, notify]);
    fifo.feed("x");
    await done(cb);
    assertEquals(await calls.settle(1), [7]);
  },
);
