/** The sentences of POSIX on `aio_read()`; see `docs/posix.md`. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readSync } from "node:fs";
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
  EINPROGRESS,
  EINVAL,
  limits,
  LIO_NOP,
  LIO_WRITE,
} from "../../mod.ts";
import {
  assertErrno,
  blockedRead,
  bytes,
  constants,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  runProgram,
  startRead,
  statusOf,
  succeeds,
  test,
  text,
  untilRunning,
} from "./helpers.ts";

const EISDIR = 21;
const OFFSET_MAX = 2n ** 63n - 1n;

test(
  "aio_read() reads aio_nbytes of aio_fildes into aio_buf [read-01, read-16, aio-02]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("0123456789");
    const buffer = bytes("----------");
    const block = new Aiocb({
      aio_fildes: fd,
      aio_buf: buffer,
      aio_nbytes: 4,
      aio_offset: 0,
    });
    assertEquals(aio_read(block), undefined);
    await done(block);
    assertEquals(aio_error(block), 0);
    assertEquals(aio_return(block), 4);
    assertEquals(text(buffer), "0123------");
  },
);

test(
  "aio_read() returns while the data cannot be delivered yet [read-02, read-05]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = startRead(fifo.fd);
    assertEquals(aio_error(block), EINPROGRESS);
    await untilRunning(fifo.fd);
    assertEquals(aio_error(block), EINPROGRESS);
    fifo.feed("x");
    await done(block);
    assertEquals(aio_error(block), 0);
    assertEquals(aio_return(block), 1);
    assertEquals(text(block.aio_buf!), "x");
  },
);

test(
  "aio_read() runs the request with the lower aio_reqprio first [read-03, aio-04]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const first = await blockedRead(fifo);
    const [low, middle, high] = [20, 10, 0].map((priority) => {
      const block = new Aiocb({
        aio_fildes: fifo.fd,
        aio_buf: allocatePinned(1),
        aio_reqprio: priority,
      });
      aio_read(block);
      return block;
    });
    fifo.feed("1234");
    await done(first, low, middle, high);
    const order = [first, high, middle, low].map((block) =>
      text(block.aio_buf!)
    );
    assertEquals(order.join(""), "1234");
  },
);

test(
  "aio_read() takes the base priority from the calling thread [read-04, write-04]",
  {
    // Raising a thread's priority is a privilege.
    ignore: ignore || !succeeds("chrt", "--fifo", "5", "true"),
  },
  async () => {
    const { order } = await runProgram("thread_priority");
    assertEquals(order, ["first", "raised", "plain"]);
  },
);

test("aio_read() that fails has queued nothing [read-06, read-16, read-18]", {
  ignore,
}, () => {
  using fifo = new Fifo();
  fifo.feed("x");
  const block = new Aiocb({
    aio_fildes: fifo.fd,
    aio_buf: allocatePinned(1),
    aio_reqprio: limits().AIO_PRIO_DELTA_MAX + 1,
  });
  const error = assertErrno(EINVAL, () => aio_read(block));
  assertEquals(error.code, "EINVAL");
  assertEquals(error.syscall, "aio_read");
  assertEquals(aio_cancel(fifo.fd), AIO_ALLDONE);
  assertEquals(fifo.take(2), "x");
  // The block is idle: it may be corrected, and used.
  block.aio_reqprio = 0;
  aio_read(block);
  assertEquals(aio_error(block), EINPROGRESS);
});

test("aio_read() reads at aio_offset, wherever the file stands [read-07]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("0123456789");
  readSync(fd, new Uint8Array(3));
  for (const offset of [7, 0, 7n, 3]) {
    const block = new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(2),
      aio_offset: offset,
    });
    aio_read(block);
    await done(block);
    assertEquals(aio_return(block), 2);
    const start = Number(offset);
    assertEquals(
      text(block.aio_buf!),
      "0123456789".slice(start, start + 2),
    );
  }
});

test(
  "aio_read() ignores aio_lio_opcode [read-10, aio-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    for (const opcode of [LIO_WRITE, LIO_NOP, 99]) {
      const block = new Aiocb({
        aio_fildes: fd,
        aio_buf: bytes("---"),
        aio_lio_opcode: opcode,
      });
      aio_read(block);
      await done(block);
      assertEquals(aio_return(block), 3);
      assertEquals(text(block.aio_buf!), "abc");
      assertEquals(block.aio_lio_opcode, opcode);
    }
  },
);

test(
  "aio_read() refuses memory that can move or go away [read-11]",
  { ignore },
  () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    assertThrows(() => {
      const block = new Aiocb({ aio_fildes: fd, aio_buf: new Uint8Array(3) });
      aio_read(block);
    }, TypeError);
    assertEquals(aio_cancel(fd), AIO_ALLDONE);
  },
);

test("aio_read() outlives a control block disposed of in flight [read-11]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const block = await blockedRead(fifo);
  const buffer = block.aio_buf!;
  block[Symbol.dispose]();
  fifo.feed("x");
  while (buffer[0] === 0) await delay(1);
  assertEquals(text(buffer), "x");
});

test(
  "aio_read() of a block in progress is EINVAL [read-12]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    assertErrno(EINVAL, () => aio_read(block));
    assertEquals(aio_error(block), EINPROGRESS);
    fifo.feed("xy");
    await done(block);
    assertEquals(aio_return(block), 1);
    // One request, one byte: the second call has queued nothing.
    assertEquals(fifo.take(2), "y");
  },
);

test("aio_read() takes a block that is done, retrieved or not [read-12]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const block = startRead(directory.file("abc"));
  await done(block);
  block.aio_offset = 2;
  aio_read(block);
  await done(block);
  assertEquals(aio_return(block), 1);
  assertEquals(text(block.aio_buf!), "c");
  assertErrno(EINVAL, () => aio_return(block));
});

test("aio_read() has memory that cannot be taken away in flight [read-14]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const block = await blockedRead(fifo);
  const buffer = block.aio_buf!.buffer as ArrayBuffer;
  assertThrows(() => structuredClone(buffer, { transfer: [buffer] }));
  fifo.feed("x");
  await done(block);
  assertEquals(text(block.aio_buf!), "x");
});

test("aio_read() transfers nothing past the offset maximum [read-15]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: bytes("--"),
    aio_nbytes: 1,
    aio_offset: OFFSET_MAX - 1n,
  });
  aio_read(block);
  await done(block);
  assertEquals(aio_return(block), 0);
  block.aio_nbytes = 2;
  assertEquals(await statusOf(aio_read, block), EINVAL);
  assertEquals(text(block.aio_buf!), "--");
});

test(
  "aio_read() without resources is EAGAIN, and so is the rest [read-17, write-17, fsync-16]",
  { ignore },
  async () => {
    const { read, write, sync } = await runProgram("no_resources");
    assertEquals([read, write, sync], [EAGAIN, EAGAIN, EAGAIN]);
  },
);

test(
  "aio_read() of a descriptor not open for reading is EBADF [read-18, read-19]",
  { ignore },
  async () => {
    using directory = new Directory();
    const writeOnly = directory.file("abc", constants.O_WRONLY);
    const closed = directory.file("abc");
    directory.close(closed);
    for (const fd of [writeOnly, closed, -1]) {
      const block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) });
      assertEquals(await statusOf(aio_read, block), EBADF);
    }
  },
);

test(
  "aio_read() at a negative offset is EINVAL [read-20, read-24]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    for (const offset of [-1, -(2n ** 63n)]) {
      const status = await statusOf((block) => {
        block.aio_offset = offset;
        aio_read(block);
      }, new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) }));
      assertEquals(status, EINVAL);
    }
  },
);

test(
  "aio_read() with an aio_reqprio out of range is EINVAL [read-20, aio-04]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const { AIO_PRIO_DELTA_MAX } = limits();
    for (const priority of [-1, AIO_PRIO_DELTA_MAX + 1]) {
      const status = await statusOf((block) => {
        block.aio_reqprio = priority;
        aio_read(block);
      }, new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) }));
      assertEquals(status, EINVAL);
    }
    for (const priority of [0, AIO_PRIO_DELTA_MAX]) {
      const block = new Aiocb({
        aio_fildes: fd,
        aio_buf: allocatePinned(1),
        aio_reqprio: priority,
      });
      assertEquals(await statusOf(aio_read, block), 0);
    }
  },
);

test("aio_read() of more bytes than aio_buf holds is EINVAL [read-20]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("0123456789");
  const memory = bytes("----------");
  for (const count of [6, 2 ** 53 - 1]) {
    const status = await statusOf((block) => {
      block.aio_nbytes = count;
      aio_read(block);
    }, new Aiocb({ aio_fildes: fd, aio_buf: memory.subarray(0, 5) }));
    assertEquals(status, EINVAL);
  }
  assertEquals(text(memory), "----------");
});

test("aio_read() that fails has the status that read() would set [read-21]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const block = startRead(
    directory.open(directory.path, constants.O_RDONLY),
  );
  await done(block);
  assertEquals(aio_error(block), EISDIR);
  const error = assertErrno(EISDIR, () => aio_return(block));
  assertEquals(error.code, "EISDIR");
});

test("aio_read() of a descriptor closed while queued is EBADF [read-22]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const fd = fifo.open(constants.O_RDWR);
  const running = startRead(fd);
  await untilRunning(fd);
  const queued = startRead(fd);
  fifo.close(fd);
  fifo.feed("x");
  await done(running, queued);
  assertEquals(aio_return(running), 1);
  assertEquals(aio_error(queued), EBADF);
  assertErrno(EBADF, () => aio_return(queued));
});

test("aio_read() that is canceled has the status ECANCELED [read-23]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  await blockedRead(fifo);
  const queued = startRead(fifo.fd);
  assertEquals(aio_cancel(fifo.fd, queued), AIO_CANCELED);
  assertEquals(aio_error(queued), ECANCELED);
  assertErrno(ECANCELED, () => aio_return(queued));
  assert(queued.aio_buf!.every((byte) => byte === 0));
});
