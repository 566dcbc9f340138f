/** The sentences of POSIX on `aio_return()`; see `docs/posix.md`. */
import { assertEquals } from "@std/assert";
import {
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_write,
  Aiocb,
  ECANCELED,
  EINPROGRESS,
  EINVAL,
  ENOSPC,
  O_SYNC,
} from "../../mod.ts";
import {
  assertErrno,
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
