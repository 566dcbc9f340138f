/** The sentences of POSIX on `aio_fsync()`; see `docs/posix.md`. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  aio_error,
  aio_fsync,
  aio_return,
  Aiocb,
  EBADF,
  EINPROGRESS,
  EINVAL,
  LIO_NOP,
  O_DSYNC,
  O_SYNC,
} from "../../mod.ts";
import {
  assertErrno,
  bytes,
  constants,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  runProgram,
  startWrite,
  statusOf,
  test,
  text,
  untilRunning,
} from "./helpers.ts";
import { canStrace, strace } from "../helpers/mod.ts";

/** Submits a synchronization. */
function startSync(op: number, fd: number): Aiocb {
  const block = new Aiocb({ aio_fildes: fd });
  aio_fsync(op, block);
  return block;
}

test(
  "aio_fsync() is done after the writes queued before it [fsync-01, fsync-03, fsync-04]",
  { ignore },
  async () => {
    using directory = new Directory();
    for (const op of [O_DSYNC, O_SYNC]) {
      const fd = directory.file();
      const writes = Array.from(
        { length: 50 },
        (_, index) => startWrite(fd, String(index % 10), index),
      );
      const sync = startSync(op, fd);
      await done(sync);
      assertEquals(aio_error(sync), 0);
      assertEquals(writes.map(aio_error), writes.map(() => 0));
      assertEquals(directory.contents(fd), "0123456789".repeat(5));
    }
  },
);

test(
  "aio_fsync() returns while the data cannot be synchronized yet [fsync-02, fsync-07, fsync-08]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    fifo.fill();
    const write = startWrite(fifo.fd, "x");
    await untilRunning(fifo.fd);
    const sync = startSync(O_SYNC, fifo.fd);
    assertEquals(aio_error(sync), EINPROGRESS);
    await delay(20);
    assertEquals(aio_error(sync), EINPROGRESS);
    fifo.drain();
    await done(sync);
    assertEquals(aio_error(write), 0);
    assertErrno(aio_error(sync), () => aio_return(sync));
  },
);

test(
  "aio_fsync() with O_DSYNC calls fdatasync(), with O_SYNC fsync() [fsync-03, fsync-04]",
  { ignore: ignore || !canStrace() },
  async () => {
    using directory = new Directory();
    const trace = `${directory.path}/trace`;
    const { full, dataOnly } = await runProgram("sync_calls", {
      wrapper: strace(trace, "-e", "trace=fsync,fdatasync"),
    });
    const calls = Deno.readTextFileSync(trace);
    assertMatch(calls, new RegExp(`\\bfsync\\(${full}[) ]`));
    assertMatch(calls, new RegExp(`\\bfdatasync\\(${dataOnly}[) ]`));
  },
);

test(
  "aio_fsync() that succeeds has the status 0 [fsync-07, fsync-09, fsync-15]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const block = new Aiocb({ aio_fildes: fd });
    assertEquals(aio_fsync(O_SYNC, block), undefined);
    await done(block);
    assertEquals(aio_error(block), 0);
    assertEquals(aio_return(block), 0);
  },
);

test(
  "aio_fsync() on a file that cannot be synchronized is EINVAL [fsync-09, fsync-10, fsync-18, fsync-19]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    for (const op of [O_DSYNC, O_SYNC]) {
      const status = await statusOf(
        (block) => aio_fsync(op, block),
        new Aiocb({ aio_fildes: fifo.fd }),
      );
      assertEquals(status, EINVAL);
    }
  },
);

test("aio_fsync() ignores the other members of the block [fsync-12]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  const buffer = bytes("xyz");
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: buffer,
    aio_nbytes: 3,
    aio_offset: 2n ** 62n,
    aio_lio_opcode: LIO_NOP,
    aio_reqprio: 99,
  });
  aio_fsync(O_SYNC, block);
  await done(block);
  assertEquals(aio_return(block), 0);
  assertEquals(directory.contents(fd), "abc");
  assertEquals(text(buffer), "xyz");
});

test("aio_fsync() outlives a control block disposed of in flight [fsync-13]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  fifo.fill();
  const write = startWrite(fifo.fd, "x");
  await untilRunning(fifo.fd);
  startSync(O_SYNC, fifo.fd)[Symbol.dispose]();
  const after = startSync(O_SYNC, fifo.fd);
  fifo.drain();
  await done(write, after);
  assertEquals(aio_return(write), 1);
});

test("aio_fsync() of a block in progress is EINVAL [read-12, write-12]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  fifo.fill();
  const write = startWrite(fifo.fd, "x");
  assertErrno(EINVAL, () => aio_fsync(O_SYNC, write));
  assertEquals(aio_error(write), EINPROGRESS);
  fifo.drain();
  await done(write);
  assertEquals(aio_return(write), 1);
});

test(
  "aio_fsync() of an invalid descriptor is EBADF at the call [fsync-15, fsync-17]",
  { ignore },
  () => {
    using directory = new Directory();
    const closed = directory.file();
    directory.close(closed);
    for (const fd of [closed, -1]) {
      for (const op of [O_DSYNC, O_SYNC]) {
        const block = new Aiocb({ aio_fildes: fd });
        const error = assertErrno(EBADF, () => aio_fsync(op, block));
        assertEquals(error.code, "EBADF");
        assertEquals(error.syscall, "aio_fsync");
        // The block is idle.
        assertErrno(EINVAL, () => aio_error(block));
      }
    }
  },
);

test("aio_fsync() synchronizes through a read-only descriptor [fsync-17]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc", constants.O_RDONLY);
  const status = await statusOf(
    (block) => aio_fsync(O_SYNC, block),
    new Aiocb({ aio_fildes: fd }),
  );
  assertEquals(status, 0);
});

test("aio_fsync() with another op is EINVAL [fsync-20]", { ignore }, () => {
  using directory = new Directory();
  const block = new Aiocb({ aio_fildes: directory.file("abc") });
  for (const op of [0, 1, O_SYNC | 1, constants.O_RDWR, -1]) {
    assertErrno(EINVAL, () => aio_fsync(op, block));
  }
  assertErrno(EINVAL, () => aio_error(block));
});
