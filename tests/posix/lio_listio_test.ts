/** The sentences of POSIX on `lio_listio()`; see `docs/posix.md`. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fstatSync } from "node:fs";
import {
  AIO_ALLDONE,
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_read,
  aio_return,
  Aiocb,
  allocatePinned,
  EAGAIN,
  EBADF,
  ECANCELED,
  EFBIG,
  EINPROGRESS,
  EINVAL,
  EIO,
  ENOSPC,
  limits,
  lio_listio,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
} from "../../mod.ts";
import {
  assertErrno,
  assertRejectsErrno,
  blockedRead,
  bytes,
  constants,
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

const OFFSET_MAX = 2n ** 63n - 1n;

/** A read of `length` bytes for a list. */
function read(fd: number, length = 1, offset = 0): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(length),
    aio_offset: offset,
    aio_lio_opcode: LIO_READ,
  });
}

/** A write of `data` for a list. */
function write(fd: number, data: string, offset: number | bigint = 0): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: bytes(data),
    aio_offset: offset,
    aio_lio_opcode: LIO_WRITE,
  });
}

test(
  "lio_listio() does a list of requests in one call [listio-01, listio-12, listio-13, listio-14, listio-15, listio-16, listio-17, listio-18]",
  { ignore },
  async () => {
    using directory = new Directory();
    const [source, target] = [directory.file("0123456789"), directory.file()];
    const memory = bytes("----------");
    const partial = new Aiocb({
      aio_fildes: source,
      aio_buf: memory.subarray(2, 8),
      aio_nbytes: 3,
      aio_offset: 4n,
      aio_lio_opcode: LIO_READ,
    });
    const list = [partial, write(target, "cd", 2), write(target, "ab")];
    assertEquals(await lio_listio(LIO_WAIT, list), undefined);
    assertEquals(list.map(aio_error), [0, 0, 0]);
    assertEquals(list.map(aio_return), [3, 2, 2]);
    assertEquals(text(memory), "--456-----");
    assertEquals(directory.contents(target), "abcd");
  },
);

test(
  "lio_listio() with LIO_WAIT resolves when all are done [listio-02, listio-03, listio-21]",
  { ignore },
  async () => {
    using directory = new Directory();
    using one = new Fifo();
    using other = new Fifo();
    const list = [read(one.fd), read(other.fd), read(directory.file("abc"))];
    const wait = lio_listio(LIO_WAIT, list);
    assert(await isPending(wait));
    one.feed("x");
    assert(await isPending(wait));
    assertEquals(aio_error(list[1]), EINPROGRESS);
    other.feed("y");
    await wait;
    assertEquals(list.map(aio_return), [1, 1, 1]);
  },
);

test(
  "lio_listio() with LIO_NOWAIT has queued all when it returns [listio-02, listio-04, listio-20, listio-37]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const list = [read(fifo.fd), read(fifo.fd), read(fifo.fd)];
    const queued = lio_listio(LIO_NOWAIT, list);
    assertEquals(list.map(aio_error), list.map(() => EINPROGRESS));
    assertEquals(await queued, undefined);
    assertEquals(list.map(aio_error), list.map(() => EINPROGRESS));
    fifo.feed("123");
    await done(...list);
    assertEquals(list.map(aio_return), [1, 1, 1]);
  },
);

test("lio_listio() ignores null entries [listio-08]", { ignore }, async () => {
  using directory = new Directory();
  const block = read(directory.file("abc"), 3);
  await lio_listio(LIO_WAIT, [null, block, null]);
  assertEquals(aio_return(block), 3);
  await lio_listio(LIO_NOWAIT, [null, block, null]);
  await done(block);
  assertEquals(aio_return(block), 3);
  for (const mode of [LIO_WAIT, LIO_NOWAIT]) {
    await lio_listio(mode, [null, null]);
    await lio_listio(mode, []);
  }
});

test(
  "lio_listio() refuses memory that can move, and starts nothing [listio-10, listio-31]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const good = write(fd, "xyz");
    await assertRejects(async () => {
      const bad = new Aiocb({
        aio_fildes: fd,
        aio_buf: new Uint8Array(3),
        aio_lio_opcode: LIO_READ,
      });
      await lio_listio(LIO_WAIT, [good, bad]);
    }, TypeError);
    assertErrno(EINVAL, () => aio_error(good));
    assertEquals(directory.contents(fd), "abc");
  },
);

test("lio_listio() outlives control blocks disposed of in flight [listio-09]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const list = [read(fifo.fd), read(fifo.fd)];
  const buffers = list.map((block) => block.aio_buf!);
  const wait = lio_listio(LIO_WAIT, list);
  for (const block of list) block[Symbol.dispose]();
  fifo.feed("12");
  await wait.catch(() => {}); // Whether it is told of them is open.
  const last = startRead(fifo.fd);
  fifo.feed("3");
  await done(last);
  assertEquals([...buffers, last.aio_buf!].map(text), ["1", "2", "3"]);
});

test("lio_listio() skips LIO_NOP [listio-11]", { ignore }, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  for (const mode of [LIO_WAIT, LIO_NOWAIT]) {
    const skipped = write(fd, "xyz");
    skipped.aio_lio_opcode = LIO_NOP;
    const block = read(fd, 3);
    await lio_listio(mode, [skipped, block]);
    await done(block);
    assertEquals(aio_return(block), 3);
    // It is no request: there is nothing to ask of it, and it can be changed.
    assertErrno(EINVAL, () => aio_error(skipped));
    skipped.aio_offset = 1;
    assertEquals(directory.contents(fd), "abc");
  }
});

test("lio_listio() honours aio_reqprio as aio_read() does [listio-16]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const running = await blockedRead(fifo);
  const list = [20, 10, 0].map((priority) => {
    const block = read(fifo.fd);
    block.aio_reqprio = priority;
    return block;
  });
  await lio_listio(LIO_NOWAIT, list);
  fifo.feed("1234");
  await done(running, ...list);
  assertEquals(list.map((block) => text(block.aio_buf!)), ["4", "3", "2"]);
});

test("lio_listio() transfers nothing past the offset maximum [listio-19]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  const block = write(fd, "xy", OFFSET_MAX - 1n);
  await assertRejectsErrno(EIO, () => lio_listio(LIO_WAIT, [block]));
  assert([EFBIG, EINVAL].includes(aio_error(block)));
  assertEquals(fstatSync(fd).size, 3);
});

test(
  "lio_listio() at the limit of the file size has the status EFBIG [listio-30, listio-36]",
  { ignore },
  async () => {
    const { listed } = await runProgram("file_size_limit");
    assertEquals(listed, { errno: EIO, statuses: [0, EFBIG] });
  },
);

test(
  "lio_listio() rejects with EIO when one failed, and the rest is done [listio-21, listio-22, listio-23, listio-24, listio-25, listio-30, listio-32, listio-33]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const full = directory.open("/dev/full", constants.O_WRONLY);
    const list = [read(fd, 3), write(full, "x"), read(-1), write(fd, "d", 3)];
    const error = await assertRejectsErrno(
      EIO,
      () => lio_listio(LIO_WAIT, list),
    );
    assertEquals(error.code, "EIO");
    assertEquals(error.syscall, "lio_listio");
    assertEquals(list.map(aio_error), [0, ENOSPC, EBADF, 0]);
    assertEquals(aio_return(list[0]), 3);
    assertErrno(ENOSPC, () => aio_return(list[1]));
    assertErrno(EBADF, () => aio_return(list[2]));
    assertEquals(aio_return(list[3]), 1);
    assertEquals(directory.contents(fd), "abcd");
  },
);

test(
  "lio_listio() with LIO_WAIT waits for its own requests when a block is used again [listio-03]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const [slow, fast] = [read(fifo.fd), read(directory.file("abc"))];
    const wait = lio_listio(LIO_WAIT, [slow, fast]);
    await done(fast);
    aio_read(fast);
    await done(fast);
    assert(await isPending(wait), "the later request was counted");
    fifo.feed("x");
    await wait;
    assertEquals(aio_return(slow), 1);
  },
);

test(
  "lio_listio() with LIO_WAIT does not wait for what its blocks are used for later [listio-03, listio-21]",
  { ignore },
  async () => {
    using directory = new Directory();
    using one = new Fifo();
    using other = new Fifo();
    const [slow, fast] = [read(one.fd), read(directory.file("abc"))];
    const wait = lio_listio(LIO_WAIT, [slow, fast]);
    await done(fast);
    fast.aio_fildes = other.fd;
    aio_read(fast);
    one.feed("x");
    await wait;
    assertEquals(aio_error(fast), EINPROGRESS);
    other.feed("x");
    await done(fast);
  },
);

test(
  "lio_listio() with LIO_WAIT succeeds when only a later request of a block failed [listio-21]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const [slow, fast] = [read(fifo.fd), read(directory.file("abc"))];
    const wait = lio_listio(LIO_WAIT, [slow, fast]);
    await done(fast);
    fast.aio_fildes = -1;
    aio_read(fast);
    await done(fast);
    fifo.feed("x");
    await wait;
    assertEquals([slow, fast].map(aio_error), [0, EBADF]);
  },
);

test(
  "lio_listio() rejects with EIO when a request failed whose block is used again [listio-30]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const [slow, bad] = [read(fifo.fd), read(-1)];
    const wait = lio_listio(LIO_WAIT, [slow, bad]);
    await done(bad);
    bad.aio_fildes = directory.file("abc");
    aio_read(bad);
    await done(bad);
    assert(await isPending(wait.catch(() => {})));
    fifo.feed("x");
    const error = await assertRejectsErrno(EIO, () => wait);
    assert(error.message.startsWith("1 of 2 requests"), error.message);
    assertEquals([slow, bad].map(aio_error), [0, 0]);
  },
);

test(
  "lio_listio() with LIO_NOWAIT succeeds although requests fail later [listio-20, listio-22, listio-23, listio-24]",
  { ignore },
  async () => {
    using directory = new Directory();
    const full = directory.open("/dev/full", constants.O_WRONLY);
    const list = [write(full, "x"), read(directory.file("abc"), 3)];
    await lio_listio(LIO_NOWAIT, list);
    await done(...list);
    assertEquals(list.map(aio_error), [ENOSPC, 0]);
  },
);

test(
  "lio_listio() has the error statuses of aio_read() and aio_write() [listio-25, listio-33]",
  { ignore },
  async () => {
    using directory = new Directory();
    const folder = directory.open(directory.path, constants.O_RDONLY);
    const writeOnly = directory.file("abc", constants.O_WRONLY);
    const full = directory.open("/dev/full", constants.O_WRONLY);
    const single = [
      startRead(folder),
      startRead(writeOnly),
      startWrite(full, "x"),
      startWrite(folder, "x"),
    ];
    const list = [
      read(folder),
      read(writeOnly),
      write(full, "x"),
      write(folder, "x"),
    ];
    await assertRejectsErrno(EIO, () => lio_listio(LIO_WAIT, list));
    await done(...single);
    assertEquals(list.map(aio_error), single.map(aio_error));
  },
);

test(
  "lio_listio() with an unknown aio_lio_opcode goes on with the rest [listio-23, listio-30, listio-32]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const [bad, good] = [read(fd), read(fd, 3)];
    bad.aio_lio_opcode = 99;
    await assertRejectsErrno(EIO, () => lio_listio(LIO_WAIT, [bad, good]));
    assertEquals([bad, good].map(aio_error), [EINVAL, 0]);
    assertErrno(EINVAL, () => aio_return(bad));
    assertEquals(aio_return(good), 3);
  },
);

test(
  "lio_listio() with an aio_reqprio out of range goes on with the rest [listio-23, listio-30, listio-32]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const [bad, good] = [read(fd), read(fd, 3)];
    bad.aio_reqprio = limits().AIO_PRIO_DELTA_MAX + 1;
    await assertRejectsErrno(EIO, () => lio_listio(LIO_WAIT, [bad, good]));
    assertEquals([bad, good].map(aio_error), [EINVAL, 0]);
    assertErrno(EINVAL, () => aio_return(bad));
    assertEquals(aio_return(good), 3);
  },
);

test(
  "lio_listio() with LIO_NOWAIT that cannot queue one is EAGAIN, and queues the rest [listio-26, listio-30, listio-31]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const [bad, good] = [read(fd), read(fd, 3)];
    bad.aio_reqprio = limits().AIO_PRIO_DELTA_MAX + 1;
    await assertRejectsErrno(
      EAGAIN,
      () => lio_listio(LIO_NOWAIT, [bad, good]),
    );
    await done(good);
    assertEquals([bad, good].map(aio_error), [EINVAL, 0]);
  },
);

test(
  "lio_listio() without resources is EAGAIN, for each request too [listio-26, listio-34]",
  { ignore },
  async () => {
    const { list } = await runProgram("no_resources");
    assertEquals(list, { errno: EAGAIN, statuses: [EAGAIN, EAGAIN] });
  },
);

test(
  "lio_listio() with another mode is EINVAL and starts nothing [listio-28, listio-31]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const block = write(fd, "xyz");
    for (const mode of [2, -1, 7]) {
      const error = await assertRejectsErrno(
        EINVAL,
        () => lio_listio(mode, [block]),
      );
      assertEquals(error.code, "EINVAL");
      assertErrno(EINVAL, () => aio_error(block));
    }
    assertEquals(aio_cancel(fd), AIO_ALLDONE);
    assertEquals(directory.contents(fd), "abc");
  },
);

test(
  "lio_listio() with a block in progress is EINVAL and starts nothing [listio-31, read-12]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const fd = directory.file("abc");
    const running = await blockedRead(fifo);
    for (const mode of [LIO_WAIT, LIO_NOWAIT]) {
      const block = write(fd, "xyz");
      await assertRejectsErrno(
        EINVAL,
        () => lio_listio(mode, [block, running]),
      );
      assertErrno(EINVAL, () => aio_error(block));
    }
    assertEquals(aio_error(running), EINPROGRESS);
    assertEquals(directory.contents(fd), "abc");
  },
);

test(
  "lio_listio() with a block twice is EINVAL and starts nothing [listio-31, read-12]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const block = write(fd, "xyz");
    await assertRejectsErrno(
      EINVAL,
      () => lio_listio(LIO_WAIT, [block, null, block]),
    );
    assertErrno(EINVAL, () => aio_error(block));
    assertEquals(directory.contents(fd), "abc");
  },
);

test(
  "lio_listio() requests can be canceled, which is EIO for the list [listio-30, listio-35]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const list = [read(fifo.fd), read(fifo.fd)];
    const wait = lio_listio(LIO_WAIT, list);
    await untilRunning(fifo.fd);
    assertEquals(aio_cancel(fifo.fd, list[1]), AIO_CANCELED);
    assert(await isPending(wait.catch(() => {})));
    fifo.feed("x");
    await assertRejectsErrno(EIO, () => wait);
    assertEquals(list.map(aio_error), [0, ECANCELED]);
  },
);

test("lio_listio() takes a long list [listio-01]", { ignore }, async () => {
  using directory = new Directory();
  const fd = directory.file();
  const list = Array.from(
    { length: 2000 },
    (_, index) => write(fd, String(index % 10), index),
  );
  await lio_listio(LIO_WAIT, list);
  assert(list.every((block) => aio_return(block) === 1));
  assertEquals(directory.contents(fd), "0123456789".repeat(200));
});
