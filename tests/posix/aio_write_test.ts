/** The sentences of POSIX on `aio_write()`; see `docs/posix.md`. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { fstatSync, readSync } from "node:fs";
import {
  AIO_ALLDONE,
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_return,
  aio_write,
  Aiocb,
  EBADF,
  ECANCELED,
  EFBIG,
  EINPROGRESS,
  EINVAL,
  ENOSPC,
  limits,
  LIO_NOP,
  LIO_READ,
} from "../../mod.ts";
import {
  assertErrno,
  bytes,
  constants,
  Directory,
  done,
  Fifo,
  ignore,
  runProgram,
  startWrite,
  statusOf,
  test,
  untilRunning,
} from "./helpers.ts";

const EPIPE = 32;
const OFFSET_MAX = 2n ** 63n - 1n;

test(
  "aio_write() writes aio_nbytes of aio_buf to aio_fildes [write-01, write-16, aio-02]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("----------");
    const block = new Aiocb({
      aio_fildes: fd,
      aio_buf: bytes("abcdef"),
      aio_nbytes: 4,
      aio_offset: 0,
    });
    assertEquals(aio_write(block), undefined);
    await done(block);
    assertEquals(aio_error(block), 0);
    assertEquals(aio_return(block), 4);
    assertEquals(directory.contents(fd), "abcd------");
  },
);

test(
  "aio_write() returns while the data cannot be written yet [write-02, write-05]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    fifo.fill();
    const block = startWrite(fifo.fd, "x");
    assertEquals(aio_error(block), EINPROGRESS);
    await untilRunning(fifo.fd);
    assertEquals(aio_error(block), EINPROGRESS);
    fifo.drain();
    await done(block);
    assertEquals(aio_error(block), 0);
    assertEquals(aio_return(block), 1);
  },
);

test(
  "aio_write() runs the request with the lower aio_reqprio first [write-03, aio-04]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    fifo.fill();
    const first = startWrite(fifo.fd, "1");
    await untilRunning(fifo.fd);
    const rest = [20, 10, 0].map((priority, index) => {
      const block = new Aiocb({
        aio_fildes: fifo.fd,
        aio_buf: bytes("432"[index]),
        aio_reqprio: priority,
      });
      aio_write(block);
      return block;
    });
    const before = fifo.drain();
    await done(first, ...rest);
    const all = before + fifo.drain();
    assertEquals(all.replaceAll("\0", ""), "1234");
  },
);

test("aio_write() refuses memory that can move or go away [write-06]", {
  ignore,
}, () => {
  using directory = new Directory();
  const fd = directory.file();
  assertThrows(() => {
    const block = new Aiocb({ aio_fildes: fd, aio_buf: new Uint8Array(3) });
    aio_write(block);
  }, TypeError);
  assertEquals(aio_cancel(fd), AIO_ALLDONE);
  assertEquals(directory.contents(fd), "");
});

test("aio_write() outlives a control block disposed of in flight [write-06]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  fifo.fill();
  const block = startWrite(fifo.fd, "x");
  await untilRunning(fifo.fd);
  block[Symbol.dispose]();
  const before = fifo.drain();
  // A blocking read: it ends when the write that nobody holds is done.
  assertEquals(
    (before + (before.includes("x") ? "" : fifo.take(1))).at(-1),
    "x",
  );
});

test("aio_write() writes at aio_offset, wherever the file stands [write-07]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("----------");
  readSync(fd, new Uint8Array(3));
  for (const [data, offset] of [["b", 8], ["a", 0n], ["c", 4]] as const) {
    const block = new Aiocb({
      aio_fildes: fd,
      aio_buf: bytes(data),
      aio_offset: offset,
    });
    aio_write(block);
    await done(block);
    assertEquals(aio_return(block), 1);
  }
  assertEquals(directory.contents(fd), "a---c---b-");
});

test("aio_write() with O_APPEND appends in the order of calls [write-08]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("0", constants.O_WRONLY | constants.O_APPEND);
  const words = Array.from({ length: 100 }, (_, index) => `,${index + 1}`);
  // Offsets that would put them in the opposite order.
  const blocks = words.map((word, index) => startWrite(fd, word, 500 - index));
  await done(...blocks);
  assertEquals(directory.contents(fd), "0" + words.join(""));
});

test("aio_write() to a FIFO writes in the order of calls [write-08]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const words = Array.from({ length: 100 }, (_, index) => `,${index + 1}`);
  await done(...words.map((word) => startWrite(fifo.fd, word)));
  assertEquals(fifo.drain(), words.join(""));
});

test(
  "aio_write() ignores aio_lio_opcode [write-11, aio-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    for (const opcode of [LIO_READ, LIO_NOP, 99]) {
      const fd = directory.file("---");
      const block = new Aiocb({
        aio_fildes: fd,
        aio_buf: bytes("abc"),
        aio_lio_opcode: opcode,
      });
      aio_write(block);
      await done(block);
      assertEquals(aio_return(block), 3);
      assertEquals(directory.contents(fd), "abc");
    }
  },
);

test(
  "aio_write() of a block in progress is EINVAL [write-12]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    fifo.fill();
    const block = startWrite(fifo.fd, "x");
    assertErrno(EINVAL, () => aio_write(block));
    assertEquals(aio_error(block), EINPROGRESS);
    const before = fifo.drain();
    await done(block);
    assertEquals(aio_return(block), 1);
    const all = before + fifo.drain();
    assertEquals(all.replaceAll("\0", ""), "x");
  },
);

test("aio_write() has memory that cannot be taken away in flight [write-14]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  fifo.fill();
  const block = startWrite(fifo.fd, "x");
  await untilRunning(fifo.fd);
  const buffer = block.aio_buf!.buffer as ArrayBuffer;
  assertThrows(() => structuredClone(buffer, { transfer: [buffer] }));
  const before = fifo.drain();
  await done(block);
  assertEquals((before + fifo.drain()).at(-1), "x");
});

test("aio_write() transfers nothing past the offset maximum [write-15]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: bytes("xy"),
    aio_offset: OFFSET_MAX - 1n,
  });
  const status = await statusOf(aio_write, block);
  assert([EFBIG, EINVAL].includes(status), `the status is ${status}`);
  assertEquals(fstatSync(fd).size, 3);
});

test(
  "aio_write() stops at the limit of the file size, and is EFBIG at it [write-15, write-25]",
  { ignore },
  async () => {
    const { across, at, size } = await runProgram("file_size_limit");
    assertEquals(across, { status: 0, count: 2048 });
    assertEquals(at, { status: EFBIG });
    assertEquals(size, 4096);
  },
);

test("aio_write() that fails has queued nothing [write-16, write-18]", {
  ignore,
}, () => {
  using fifo = new Fifo();
  const block = new Aiocb({
    aio_fildes: fifo.fd,
    aio_buf: bytes("x"),
    aio_reqprio: limits().AIO_PRIO_DELTA_MAX + 1,
  });
  const error = assertErrno(EINVAL, () => aio_write(block));
  assertEquals(error.code, "EINVAL");
  assertEquals(error.syscall, "aio_write");
  assertEquals(aio_cancel(fifo.fd), AIO_ALLDONE);
  assertEquals(fifo.drain(), "");
});

test(
  "aio_write() to a descriptor not open for writing is EBADF [write-18, write-19]",
  { ignore },
  async () => {
    using directory = new Directory();
    const readOnly = directory.file("abc", constants.O_RDONLY);
    const closed = directory.file("abc");
    directory.close(closed);
    for (const fd of [readOnly, closed, -1]) {
      const block = new Aiocb({ aio_fildes: fd, aio_buf: bytes("x") });
      assertEquals(await statusOf(aio_write, block), EBADF);
    }
    assertEquals(directory.contents(readOnly), "abc");
  },
);

test("aio_write() at a negative offset is EINVAL [write-20, write-23]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  for (const offset of [-1, -(2n ** 63n)]) {
    const status = await statusOf((block) => {
      block.aio_offset = offset;
      aio_write(block);
    }, new Aiocb({ aio_fildes: fd, aio_buf: bytes("x") }));
    assertEquals(status, EINVAL);
  }
  assertEquals(directory.contents(fd), "abc");
});

test("aio_write() with an aio_reqprio out of range is EINVAL [write-20]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  for (const priority of [-1, limits().AIO_PRIO_DELTA_MAX + 1]) {
    const status = await statusOf((block) => {
      block.aio_reqprio = priority;
      aio_write(block);
    }, new Aiocb({ aio_fildes: fd, aio_buf: bytes("x") }));
    assertEquals(status, EINVAL);
  }
  assertEquals(directory.contents(fd), "abc");
});

test("aio_write() of more bytes than aio_buf holds is EINVAL [write-20]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file();
  const memory = bytes("0123456789");
  for (const count of [6, 2 ** 53 - 1]) {
    const status = await statusOf((block) => {
      block.aio_nbytes = count;
      aio_write(block);
    }, new Aiocb({ aio_fildes: fd, aio_buf: memory.subarray(0, 5) }));
    assertEquals(status, EINVAL);
  }
  assertEquals(directory.contents(fd), "");
});

test(
  "aio_write() that fails has the status that write() would set [write-21]",
  { ignore },
  async () => {
    using directory = new Directory();
    const full = startWrite(
      directory.open("/dev/full", constants.O_WRONLY),
      "x",
    );
    await done(full);
    assertEquals(aio_error(full), ENOSPC);
    assertErrno(ENOSPC, () => aio_return(full));

    using fifo = new Fifo();
    const fd = fifo.open(constants.O_WRONLY);
    fifo.close(fifo.fd);
    const broken = startWrite(fd, "x");
    await done(broken);
    assertEquals(aio_error(broken), EPIPE);
    assertErrno(EPIPE, () => aio_return(broken));
  },
);

test("aio_write() to a descriptor closed while queued is EBADF [write-22]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  fifo.fill();
  const fd = fifo.open(constants.O_RDWR);
  const running = startWrite(fd, "x");
  await untilRunning(fd);
  const queued = startWrite(fd, "y");
  fifo.close(fd);
  // Not drain(): what it opens could be given the number just closed.
  fifo.take(1 << 16);
  await done(running, queued);
  assertEquals(aio_return(running), 1);
  assertEquals(aio_error(queued), EBADF);
  assertErrno(EBADF, () => aio_return(queued));
});

test("aio_write() that is canceled has the status ECANCELED [write-24]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  fifo.fill();
  const running = startWrite(fifo.fd, "x");
  await untilRunning(fifo.fd);
  const queued = startWrite(fifo.fd, "y");
  assertEquals(aio_cancel(fifo.fd, queued), AIO_CANCELED);
  assertEquals(aio_error(queued), ECANCELED);
  assertErrno(ECANCELED, () => aio_return(queued));
  const before = fifo.drain();
  await done(running);
  const all = before + fifo.drain();
  assertEquals(all.replaceAll("\0", ""), "x");
});
