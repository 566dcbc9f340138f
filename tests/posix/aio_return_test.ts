/** The sentences of POSIX on `aio_return()`; see `docs/posix.md`. */
import { assert, assertEquals } from "@std/assert";
import {
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_write,
  Aiocb,
  EBADF,
  ECANCELED,
  EINPROGRESS,
  EINVAL,
  EIO,
  ENOSPC,
  limits,
  lio_listio,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  O_SYNC,
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
  startRead,
  startWrite,
  test,
  text,
} from "./helpers.ts";

test(
  "aio_return() is what read(), write() and fsync() return [return-01, return-02, return-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const fd = directory.file("0123456789");
    const sync = new Aiocb({ aio_fildes: fd });
    aio_fsync(O_SYNC, sync);
    fifo.feed("abc");
    const expected: [Aiocb, number][] = [
      [startRead(fd, 10), 10],
      [startRead(fd, 10, 7), 3], // short at the end of the file
      [startRead(fd, 10, 10), 0], // at the end
      [startRead(fd, 10, 1000), 0], // past it
      [startRead(fifo.fd, 10), 3], // a FIFO gives what it has
      [startWrite(fd, "abc", 20), 3],
      [sync, 0],
    ];
    for (const [block, count] of expected) {
      await done(block);
      assertEquals(aio_return(block), count);
    }
  },
);

test(
  "aio_return() of a failed request throws its errno, and has retrieved it [return-02, return-04, return-08]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.open("/dev/full", constants.O_WRONLY);
    const block = startWrite(fd, "x");
    await done(block);
    const error = assertErrno(ENOSPC, () => aio_return(block));
    assertEquals(error.code, "ENOSPC");
    assertErrno(EINVAL, () => aio_return(block));
    assertErrno(EINVAL, () => aio_error(block));
  },
);

test(
  "aio_return() of a failed request names what was asked for, not what its block says now [return-08]",
  { ignore },
  async () => {
    using directory = new Directory();
    const write = (offset: number, priority: number) =>
      new Aiocb({
        aio_fildes: -7,
        aio_buf: bytes("abc"),
        aio_offset: offset,
        aio_reqprio: priority,
        aio_lio_opcode: LIO_WRITE,
      });
    const { AIO_PRIO_DELTA_MAX } = limits();
    const [listed, unqueued] = [write(0, 2), write(1, AIO_PRIO_DELTA_MAX + 1)];
    await assertRejectsErrno(
      EIO,
      () => lio_listio(LIO_WAIT, [listed, unqueued]),
    );
    const single = write(2, 2);
    aio_write(single);
    await done(single);
    const blocks = [listed, unqueued, single];
    const statuses = blocks.map(aio_error);
    assertEquals(statuses, [EBADF, EINVAL, EBADF]);
    for (const [offset, block] of blocks.entries()) {
      const { aio_reqprio } = block;
      Object.assign(block, {
        aio_fildes: directory.file(),
        aio_buf: bytes("z"),
        aio_offset: 99,
        aio_reqprio: -1,
        aio_lio_opcode: LIO_READ,
      });
      // A submission that is refused changes nothing either.
      assertErrno(EINVAL, () => aio_read(block));
      const error = assertErrno(statuses[offset], () => aio_return(block));
      const syscall = block === single ? "aio_write" : "lio_listio";
      assertEquals(error.syscall, syscall);
      assertEquals(error.fd, -7);
      assertEquals(error.offset, offset);
      const what = `Cannot write 3 bytes at offset ${offset} of descriptor ` +
        `-7 with aio_reqprio ${aio_reqprio}`;
      assert(error.message.startsWith(what), error.message);
    }
  },
);

test(
  "aio_return() of a failed synchronization names its descriptor, not that of its block now [return-08]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = new Aiocb({ aio_fildes: fifo.fd });
    aio_fsync(O_SYNC, block);
    await done(block);
    block.aio_fildes = -7;
    const error = assertErrno(EINVAL, () => aio_return(block));
    assertEquals(error.syscall, "aio_fsync");
    assertEquals(error.fd, fifo.fd);
    const what = `Cannot synchronize descriptor ${fifo.fd}`;
    assert(error.message.startsWith(what), error.message);
  },
);

test(
  "aio_return() of a canceled request throws ECANCELED, and has retrieved it [return-02, return-04]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    await blockedRead(fifo);
    const queued = startRead(fifo.fd);
    assertEquals(aio_cancel(fifo.fd, queued), AIO_CANCELED);
    assertErrno(ECANCELED, () => aio_return(queued));
    assertErrno(EINVAL, () => aio_return(queued));
  },
);

test(
  "aio_return() before the request is done is EINPROGRESS, and retrieves nothing [return-03, return-07]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    assertErrno(EINPROGRESS, () => aio_return(block));
    assertErrno(EINPROGRESS, () => aio_return(block));
    fifo.feed("x");
    await done(block);
    assertEquals(aio_return(block), 1);
  },
);

test("aio_return() twice is EINVAL [return-04, return-08, return-09]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const block = startRead(directory.file("abc"));
  await done(block);
  assertEquals(aio_return(block), 1);
  const error = assertErrno(EINVAL, () => aio_return(block));
  assertEquals(error.code, "EINVAL");
  assertEquals(error.syscall, "aio_return");
  assertErrno(EINVAL, () => aio_error(block));
});

test(
  "aio_return() works again when the block has been submitted again [return-05]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("0123456789");
    const block = new Aiocb({ aio_fildes: fd, aio_buf: bytes("----") });
    aio_read(block);
    await done(block);
    assertEquals(aio_return(block), 4);

    block.aio_offset = 8;
    aio_read(block);
    await done(block);
    assertEquals(aio_return(block), 2);
    assertEquals(text(block.aio_buf!), "8923");

    block.aio_offset = 0;
    aio_write(block);
    await done(block);
    assertEquals(aio_return(block), 4);
    assertEquals(directory.contents(fd), "8923456789");

    aio_fsync(O_SYNC, block);
    await done(block);
    assertEquals(aio_return(block), 0);
  },
);

test("aio_return() works again after a request that failed [return-05]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const full = directory.open("/dev/full", constants.O_WRONLY);
  const block = startWrite(full, "abc");
  await done(block);
  assertErrno(ENOSPC, () => aio_return(block));
  block.aio_fildes = directory.file();
  aio_write(block);
  await done(block);
  assertEquals(aio_return(block), 3);
});

test("aio_return() of a block never submitted is EINVAL [return-09]", {
  ignore,
}, () => {
  assertErrno(EINVAL, () => aio_return(new Aiocb()));
});
