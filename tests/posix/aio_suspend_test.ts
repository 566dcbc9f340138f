/** The sentences of POSIX on `aio_suspend()`; see `docs/posix.md`. */
import { assert, assertEquals } from "@std/assert";
import {
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  allocatePinned,
  EAGAIN,
  EINPROGRESS,
  EINVAL,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  O_SYNC,
} from "../../mod.ts";
import {
  assertRejectsErrno,
  blockedRead,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  isPending,
  PATIENCE_MS,
  runProgram,
  startRead,
  startWrite,
  test,
} from "./helpers.ts";

test(
  "aio_suspend() waits until one of the requests is done [suspend-01, suspend-10, suspend-15]",
  { ignore },
  async () => {
    using one = new Fifo();
    using other = new Fifo();
    const blocks = [await blockedRead(one), await blockedRead(other)];
    const wait = aio_suspend(blocks);
    assert(await isPending(wait));
    other.feed("x");
    assertEquals(await wait, undefined);
    assertEquals(blocks.map(aio_error), [EINPROGRESS, 0]);
  },
);

test("aio_suspend() lets the event loop run while it waits [suspend-01]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const block = await blockedRead(fifo);
  const wait = aio_suspend([block], PATIENCE_MS);
  let turns = 0;
  while (turns < 10) {
    await delay(1);
    turns++;
  }
  assertEquals(aio_error(block), EINPROGRESS);
  // What it waits for is done by this thread, which is therefore not held.
  fifo.feed("x");
  await wait;
  assertEquals(aio_return(block), 1);
});

test(
  "aio_suspend() goes on when signals reach every thread [suspend-02, suspend-13, listio-29]",
  { ignore },
  async () => {
    const { suspend, list, signals } = await runProgram("signal_storm");
    assert(signals > 0, "no signal was handled");
    assertEquals(suspend, { afterSignals: "pending", outcome: "resolved" });
    assertEquals(list, { afterSignals: "pending", outcome: "resolved" });
  },
);

test(
  "aio_suspend() rejects with EAGAIN when the time has passed [suspend-03, suspend-09, suspend-11, suspend-12]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    for (const timeout_ms of [0, 1, 20.5]) {
      const error = await assertRejectsErrno(
        EAGAIN,
        () => aio_suspend([block], timeout_ms),
      );
      assertEquals(error.code, "EAGAIN");
      assertEquals(error.syscall, "aio_suspend");
      assertEquals(aio_error(block), EINPROGRESS);
    }
    fifo.feed("x");
    await aio_suspend([block], PATIENCE_MS);
    assertEquals(aio_return(block), 1);
  },
);

test(
  "aio_suspend() resolves at once if a request is done already [suspend-04, suspend-10]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const blocked = await blockedRead(fifo);
    const finished = startRead(directory.file("abc"));
    const failed = startRead(-1);
    await done(finished, failed);
    await aio_suspend([finished]);
    await aio_suspend([failed], 0);
    await aio_suspend([blocked, finished], 0);
    await aio_suspend([finished, blocked], 0);
    await aio_suspend([blocked, failed]);
    assertEquals(aio_error(blocked), EINPROGRESS);
  },
);

test(
  "aio_suspend() resolves for what was done in time, though the program computed for longer [suspend-12]",
  {
    ignore,
  },
  async () => {
    using fifo = new Fifo();
    const block = startRead(fifo.fd);
    // Nobody hurries to look at one that waits for so long.
    await delay(600);
    const waiting = aio_suspend([block], 20);
    await delay(5);
    fifo.feed("x");
    for (const end = performance.now() + 100; performance.now() < end;);
    await waiting;
  },
);

test("aio_suspend() resolves when a request of its list fails [suspend-01]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const blocked = await blockedRead(fifo);
  const failing = startRead(-1);
  await aio_suspend([blocked, failing], PATIENCE_MS);
  assert(aio_error(failing) > 0);
});

test(
  "aio_suspend() takes requests of every function [suspend-05, suspend-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const listed = new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(1),
      aio_lio_opcode: LIO_READ,
    });
    await lio_listio(LIO_NOWAIT, [listed]);
    const sync = new Aiocb({ aio_fildes: fd });
    aio_fsync(O_SYNC, sync);
    const blocks = [startRead(fd), startWrite(fd, "x"), listed, sync];
    for (const block of blocks) {
      await aio_suspend([block], PATIENCE_MS);
      assertEquals(aio_error(block), 0);
    }
  },
);

test(
  "aio_suspend() waits for one among many [suspend-05]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const blocks = [await blockedRead(fifo)];
    while (blocks.length < 1000) blocks.push(startRead(fifo.fd));
    await assertRejectsErrno(EAGAIN, () => aio_suspend(blocks, 0));
    const wait = aio_suspend(blocks, PATIENCE_MS);
    fifo.feed("x");
    await wait;
    assertEquals(aio_error(blocks[0]), 0);
    assertEquals(aio_error(blocks[999]), EINPROGRESS);
    fifo.feed("x".repeat(999));
    await done(...blocks);
  },
);

test(
  "aio_suspend() ignores null entries [suspend-07]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    const list = [null, null, block, null];
    await assertRejectsErrno(EAGAIN, () => aio_suspend(list, 1));
    const wait = aio_suspend(list, PATIENCE_MS);
    fifo.feed("x");
    await wait;
    assertEquals(aio_error(block), 0);
    await aio_suspend(list, 0);
  },
);

test(
  "aio_suspend() of no request at all resolves [suspend-07]",
  { ignore },
  async () => {
    await aio_suspend([]);
    await aio_suspend([null, null]);
    await aio_suspend([null], 0);
  },
);

test("aio_suspend() of a block never submitted is EINVAL [suspend-08]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const block = await blockedRead(fifo);
  const idle = new Aiocb();
  await assertRejectsErrno(EINVAL, () => aio_suspend([idle], 0));
  await assertRejectsErrno(EINVAL, () => aio_suspend([block, idle], 0));
  assertEquals(aio_error(block), EINPROGRESS);
});

test(
  "aio_suspend() leaves the list to its caller [suspend-05]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    const list: (Aiocb | null)[] = [block];
    const wait = aio_suspend(list, PATIENCE_MS);
    list[0] = null;
    fifo.feed("x");
    await wait;
    assertEquals(aio_return(block), 1);
    // The block is free for the next request.
    aio_read(block);
    fifo.feed("y");
    await aio_suspend([block], PATIENCE_MS);
    assertEquals(aio_return(block), 1);
  },
);
