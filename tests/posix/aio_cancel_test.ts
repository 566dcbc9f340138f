/** The sentences of POSIX on `aio_cancel()`; see `docs/posix.md`. */
import { assertEquals } from "@std/assert";
import {
  AIO_ALLDONE,
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  AIO_NOTCANCELED,
  aio_return,
  aio_suspend,
  EBADF,
  ECANCELED,
  EINPROGRESS,
  EINVAL,
} from "../../mod.ts";
import {
  assertErrno,
  blockedRead,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  startRead,
  startWrite,
  test,
  text,
  untilRunning,
} from "./helpers.ts";

test(
  "aio_cancel() of a request cancels that one alone [cancel-01, cancel-02, cancel-06, cancel-10]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const running = await blockedRead(fifo);
    const [before, canceled, after] = [1, 2, 3].map(() => startRead(fifo.fd));
    assertEquals(aio_cancel(fifo.fd, canceled), AIO_CANCELED);
    assertEquals(aio_error(canceled), ECANCELED);
    assertEquals(aio_error(before), EINPROGRESS);
    assertEquals(aio_error(after), EINPROGRESS);
    fifo.feed("123");
    await done(running, before, after);
    assertEquals(
      [running, before, after].map((block) => text(block.aio_buf!)),
      ["1", "2", "3"],
    );
    assertErrno(ECANCELED, () => aio_return(canceled));
  },
);

test(
  "aio_cancel() of a descriptor cancels what has not started [cancel-01, cancel-03, cancel-06, cancel-09, cancel-11, cancel-12]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    using other = new Fifo();
    const elsewhere = await blockedRead(other);
    const running = await blockedRead(fifo);
    const queued = [1, 2, 3].map(() => startRead(fifo.fd));
    assertEquals(aio_cancel(fifo.fd), AIO_NOTCANCELED);
    // Which of them were canceled is what aio_error() tells.
    assertEquals(aio_error(running), EINPROGRESS);
    assertEquals(queued.map(aio_error), queued.map(() => ECANCELED));
    assertEquals(aio_error(elsewhere), EINPROGRESS);
    for (const block of queued) {
      assertErrno(ECANCELED, () => aio_return(block));
    }
  },
);

test("aio_cancel() wakes aio_suspend() [cancel-04]", { ignore }, async () => {
  using fifo = new Fifo();
  await blockedRead(fifo);
  const queued = startRead(fifo.fd);
  const wait = aio_suspend([queued]);
  assertEquals(aio_cancel(fifo.fd, queued), AIO_CANCELED);
  await wait;
  assertErrno(ECANCELED, () => aio_return(queued));
});

test(
  "aio_cancel() leaves a running request to complete [cancel-05, cancel-07, cancel-09, cancel-11]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    const members = () => [
      block.aio_fildes,
      block.aio_offset,
      block.aio_buf,
      block.aio_nbytes,
      block.aio_reqprio,
      block.aio_lio_opcode,
      block.address,
    ];
    const before = members();
    assertEquals(aio_cancel(fifo.fd, block), AIO_NOTCANCELED);
    assertEquals(aio_cancel(fifo.fd), AIO_NOTCANCELED);
    assertEquals(aio_error(block), EINPROGRESS);
    assertEquals(members(), before);
    fifo.feed("x");
    await done(block);
    assertEquals(aio_return(block), 1);
    assertEquals(text(block.aio_buf!), "x");
  },
);

test(
  "aio_cancel() leaves a running write to complete [cancel-05]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    fifo.fill();
    const block = startWrite(fifo.fd, "x");
    await untilRunning(fifo.fd);
    assertEquals(aio_cancel(fifo.fd, block), AIO_NOTCANCELED);
    fifo.drain();
    await done(block);
    assertEquals(aio_return(block), 1);
  },
);

test(
  "aio_cancel() of a request of another descriptor is EINVAL [cancel-08, cancel-14]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    using other = new Fifo();
    await blockedRead(fifo);
    const queued = startRead(fifo.fd);
    const error = assertErrno(EINVAL, () => aio_cancel(other.fd, queued));
    assertEquals(error.code, "EINVAL");
    assertEquals(error.syscall, "aio_cancel");
    assertEquals(aio_error(queued), EINPROGRESS);
  },
);

test(
  "aio_cancel() of what is done is AIO_ALLDONE [cancel-13]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    // A thread may still be about to leave a FIFO that had this number before.
    while (aio_cancel(fd) === AIO_NOTCANCELED) await delay(1);
    assertEquals(aio_cancel(fd), AIO_ALLDONE);
    const block = startRead(fd);
    await done(block);
    assertEquals(aio_cancel(fd, block), AIO_ALLDONE);
    assertEquals(aio_cancel(fd), AIO_ALLDONE);
    assertEquals(aio_error(block), 0);
    assertEquals(aio_return(block), 1);
  },
);

test("aio_cancel() of what is canceled already is AIO_ALLDONE [cancel-13]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  await blockedRead(fifo);
  const queued = startRead(fifo.fd);
  assertEquals(aio_cancel(fifo.fd, queued), AIO_CANCELED);
  assertEquals(aio_cancel(fifo.fd, queued), AIO_ALLDONE);
  assertEquals(aio_error(queued), ECANCELED);
});

test("aio_cancel() of an invalid descriptor is EBADF [cancel-14, cancel-15]", {
  ignore,
}, () => {
  using directory = new Directory();
  const closed = directory.file();
  directory.close(closed);
  for (const fd of [closed, -1, 1 << 30]) {
    const error = assertErrno(EBADF, () => aio_cancel(fd));
    assertEquals(error.code, "EBADF");
    assertEquals(error.syscall, "aio_cancel");
  }
});
