/** What the interface promises of the functions of C. */
import {
  AIO_ALLDONE,
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_fsync,
  aio_init,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  type AioError,
  allocatePinned,
  ECANCELED,
  EINPROGRESS,
  limits,
  lio_listio,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  O_DSYNC,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
} from "@posix/aio";
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { BLOCK_BYTES, type Checks, fifo, fileOf, isLinux } from "./kit.ts";

export const posixChecks: Checks = {
  "aio_read(), aio_write() and aio_fsync() do what C's do": async () => {
    aio_init({ aio_num: 64 });
    const path = fileOf(2);
    const fd = openSync(path, "r+");
    const buffer = allocatePinned(BLOCK_BYTES);
    using block = new Aiocb({ aio_fildes: fd, aio_buf: buffer });
    block.aio_offset = BLOCK_BYTES;
    aio_read(block);
    await aio_suspend([null, block]);
    assert.equal(aio_error(block), 0);
    assert.equal(aio_return(block), BLOCK_BYTES);
    assert.ok(buffer.every((byte) => byte === 1));
    assert.throws(() => aio_return(block), { code: "EINVAL" });
    buffer.fill(5);
    block.aio_offset = 0;
    aio_write(block);
    await aio_suspend([block]);
    assert.equal(aio_return(block), BLOCK_BYTES);
    aio_fsync(O_DSYNC, block);
    await aio_suspend([block]);
    assert.equal(aio_return(block), 0);
    assert.ok(readFileSync(path).subarray(0, 4096).every((b) => b === 5));
    assert.equal(aio_cancel(fd), AIO_ALLDONE);
    closeSync(fd);
  },

  "SIGEV_THREAD's function throws as any other callback": async () => {
    const fd = openSync(fileOf(1), "r");
    const uncaught = new Promise((resolve) =>
      process.once(
        "uncaughtException",
        (error, origin) => resolve([error.message, origin]),
      )
    );
    using block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) });
    block.aio_sigevent = {
      sigev_notify: SIGEV_THREAD,
      sigev_notify_function() {
        throw new Error("thrown by the program");
      },
    };
    aio_read(block);
    assert.deepEqual(await uncaught, [
      "thrown by the program",
      "uncaughtException",
    ]);
    assert.equal(aio_return(block), 1);
    closeSync(fd);
  },

  "aio_read() reports errno": () => {
    using block = new Aiocb({ aio_fildes: 0, aio_buf: allocatePinned(1) });
    block.aio_reqprio = Math.max(limits().AIO_PRIO_DELTA_MAX, 0);
    block.aio_fildes = 1_000_000;
    try {
      aio_read(block);
    } catch (error) {
      assert.equal((error as AioError).code, "EBADF");
      return;
    }
    while (aio_error(block) === EINPROGRESS);
    assert.throws(() => aio_return(block), { code: "EBADF" });
  },

  "aio_cancel() of a descriptor that is not open is EBADF": () => {
    assert.throws(() => aio_cancel(1_000_000), { code: "EBADF" });
  },

  "SIGEV_THREAD calls the function once for each request": async () => {
    const fd = openSync(fileOf(1), "r");
    // macOS takes 16 requests of a process.
    const COUNT = isLinux ? 600 : 8;
    const values: number[] = [];
    const blocks: Aiocb[] = [];
    await new Promise<void>((resolve) => {
      for (let value = 0; value < COUNT; value++) {
        const block = new Aiocb({
          aio_fildes: fd,
          aio_buf: allocatePinned(16),
          aio_sigevent: {
            sigev_notify: SIGEV_THREAD,
            sigev_value: value,
            sigev_notify_function(value) {
              values.push(value);
              if (values.length === COUNT) resolve();
            },
          },
        });
        aio_read(block);
        blocks.push(block);
      }
      // All of them are notified while the event loop has no turn.
      const end_ms = performance.now() + 300;
      while (performance.now() < end_ms);
    });
    values.sort((one, other) => one - other);
    assert.deepEqual(values, Array.from({ length: COUNT }, (_, at) => at));
    for (const block of blocks) assert.equal(aio_return(block), 16);
    closeSync(fd);
  },

  "lio_listio() waits for a list, or notifies once": async () => {
    const fd = openSync(fileOf(4), "r+");
    const list = Array.from({ length: 4 }, (_, at) =>
      new Aiocb({
        aio_fildes: fd,
        aio_buf: allocatePinned(64),
        aio_offset: at * BLOCK_BYTES,
        aio_lio_opcode: at === 3 ? LIO_WRITE : LIO_READ,
      }));
    const nothing = new Aiocb({ aio_lio_opcode: LIO_NOP });
    await lio_listio(LIO_WAIT, [...list, null, nothing]);
    for (const block of list) assert.equal(aio_return(block), 64);
    assert.equal(list[2].aio_buf![0], 2);
    let notified = 0;
    await new Promise<void>((resolve) => {
      lio_listio(LIO_NOWAIT, list, {
        sigev_notify: SIGEV_THREAD,
        sigev_value: 7,
        sigev_notify_function(value) {
          notified += value;
          resolve();
        },
      });
    });
    assert.equal(notified, 7);
    for (const block of list) assert.equal(aio_return(block), 64);
    closeSync(fd);
  },

  "lio_listio() rejects with EIO if one fails": async () => {
    const fd = openSync(fileOf(1), "r");
    const blocks = [LIO_READ, LIO_WRITE].map((aio_lio_opcode) =>
      new Aiocb({
        aio_fildes: fd,
        aio_buf: allocatePinned(8),
        aio_lio_opcode,
      })
    );
    await assert.rejects(lio_listio(LIO_WAIT, blocks), { code: "EIO" });
    assert.equal(aio_return(blocks[0]), 8);
    assert.throws(() => aio_return(blocks[1]), { code: "EBADF" });
    closeSync(fd);
  },
};

if (isLinux) {
  Object.assign(posixChecks, {
    "aio_suspend() rejects with EAGAIN when the time is over": async () => {
      const fd = fifo();
      const block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) });
      aio_read(block);
      await assert.rejects(aio_suspend([block], 20), { code: "EAGAIN" });
      assert.equal(aio_error(block), EINPROGRESS);
      writeSync(fd, "x");
      await aio_suspend([block]);
      assert.equal(aio_return(block), 1);
      closeSync(fd);
    },

    "aio_cancel() takes back what has not begun": async () => {
      const fd = fifo();
      const [running, waiting] = [0, 1].map(() =>
        new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) })
      );
      aio_read(running);
      aio_read(waiting);
      assert.equal(aio_cancel(fd, waiting), AIO_CANCELED);
      assert.equal(aio_error(waiting), ECANCELED);
      assert.throws(() => aio_return(waiting), { code: "ECANCELED" });
      writeSync(fd, "x");
      await aio_suspend([running]);
      assert.equal(aio_return(running), 1);
      closeSync(fd);
    },
  });
}

// Signals go to the main thread.
if (isMainThread) {
  posixChecks["SIGEV_SIGNAL sends the signal"] = async () => {
    const fd = openSync(fileOf(1), "r");
    const block = new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(8),
      aio_sigevent: {
        sigev_notify: SIGEV_SIGNAL,
        sigev_signo: constants.signals.SIGUSR2,
      },
    });
    const signaled = new Promise((resolve) => process.once("SIGUSR2", resolve));
    // A listener alone does not keep the event loop alive.
    const alive = setInterval(() => {}, 1_000);
    aio_read(block);
    await signaled;
    clearInterval(alive);
    assert.equal(aio_return(block), 8);
    closeSync(fd);
  };
}
