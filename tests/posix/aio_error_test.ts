/** The sentences of POSIX on `aio_error()`; see `docs/posix.md`. */
import { assertEquals, assertThrows } from "@std/assert";
import { fsyncSync, readSync, writeSync } from "node:fs";
import { constants as os } from "node:os";
import {
  aio_error,
  aio_fsync,
  aio_return,
  Aiocb,
  EINPROGRESS,
  EINVAL,
  O_DSYNC,
  O_SYNC,
} from "../../mod.ts";
import {
  assertErrno,
  blockedRead,
  constants,
  Directory,
  done,
  Fifo,
  ignore,
  startRead,
  startWrite,
  test,
  untilRunning,
} from "./helpers.ts";

/** The errno that the synchronous function sets. */
function errnoOf(call: () => unknown): number {
  const error = assertThrows(call) as Error & { code: string };
  return (os.errno as Record<string, number>)[error.code];
}

test("aio_error() is 0 once the request has succeeded [error-01, error-05]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  const sync = new Aiocb({ aio_fildes: fd });
  aio_fsync(O_SYNC, sync);
  for (const block of [startRead(fd), startWrite(fd, "x"), sync]) {
    await done(block);
    assertEquals(aio_error(block), 0);
    // Asking does not retrieve.
    assertEquals(aio_error(block), 0);
  }
});

test(
  "aio_error() is the errno of the synchronous function [error-01, error-02, error-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const folder = directory.open(directory.path, constants.O_RDONLY);
    const full = directory.open("/dev/full", constants.O_WRONLY);
    const writeOnly = directory.file("abc", constants.O_WRONLY);
    const one = new Uint8Array(1);

    const sync = new Aiocb({ aio_fildes: fifo.fd });
    aio_fsync(O_SYNC, sync);
    const dataSync = new Aiocb({ aio_fildes: fifo.fd });
    aio_fsync(O_DSYNC, dataSync);
    const pairs: [Aiocb, () => unknown][] = [
      [startRead(folder), () => readSync(folder, one)],
      [startRead(writeOnly), () => readSync(writeOnly, one)],
      [startWrite(folder, "x"), () => writeSync(folder, one)],
      [startWrite(full, "x"), () => writeSync(full, one)],
      [sync, () => fsyncSync(fifo.fd)],
      [dataSync, () => fsyncSync(fifo.fd)],
    ];
    for (const [block, synchronous] of pairs) {
      await done(block);
      assertEquals(aio_error(block), errnoOf(synchronous));
    }
  },
);

test(
  "aio_error() is EINPROGRESS until the request is done [error-03, error-07]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const running = await blockedRead(fifo);
    const queued = startRead(fifo.fd);
    assertEquals(aio_error(running), EINPROGRESS);
    assertEquals(aio_error(queued), EINPROGRESS);
    fifo.feed("x");
    await done(running);
    await untilRunning(fifo.fd);
    assertEquals(aio_error(running), 0);
    assertEquals(aio_error(queued), EINPROGRESS);
  },
);

test("aio_error() of a block never submitted is EINVAL [error-04, error-08]", {
  ignore,
}, () => {
  const error = assertErrno(EINVAL, () => aio_error(new Aiocb()));
  assertEquals(error.code, "EINVAL");
  assertEquals(error.syscall, "aio_error");
});

test(
  "aio_error() of a block already retrieved is EINVAL [error-08, error-09]",
  { ignore },
  async () => {
    using directory = new Directory();
    const block = startRead(directory.file("abc"));
    await done(block);
    aio_return(block);
    assertErrno(EINVAL, () => aio_error(block));
  },
);
