/**
 * What has to hold wherever the npm package runs. Prints a line of JSON for
 * each check: its name, and what went wrong.
 */
import {
  AIO_ALLDONE,
  aio_cancel,
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  EINPROGRESS,
  isPinned,
  limits,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  metrics,
  O_DSYNC,
  SIGEV_THREAD,
  supported,
} from "@posix/aio";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const BLOCK_BYTES = 4096;

const directory = mkdtempSync(join(tmpdir(), "posix-aio-"));
let files = 0;

/** A new file in which every block of 4096 bytes is filled with its number. */
function fileOf(blocks: number): string {
  const path = join(directory, `file${files++}`);
  const bytes = new Uint8Array(blocks * BLOCK_BYTES);
  for (let block = 0; block < blocks; block++) {
    bytes.fill(block, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
  }
  writeFileSync(path, bytes);
  return path;
}

function fifo(): { path: string; fd: number } {
  const path = join(directory, `fifo${files++}`);
  execFileSync("mkfifo", [path]);
  return { path, fd: openSync(path, constants.O_RDWR) };
}

const NOTIFY_MODES = ["auto", "suspend", "thread", "poll"] as const;

const checks: Record<string, () => Promise<void> | void> = {
  "supported() says that the system is available"() {
    assert.deepEqual(supported().reason, undefined);
    assert.equal(supported().available, true);
  },

  "readAt() reads at the offset, and is short at the end of the file":
    async () => {
      await using file = await AioFile.open(fileOf(4));
      const bytes = new Uint8Array(BLOCK_BYTES);
      assert.equal(await file.readAt(bytes, 2 * BLOCK_BYTES), BLOCK_BYTES);
      assert.ok(bytes.every((byte) => byte === 2));
      assert.equal(await file.readAt(bytes, 4 * BLOCK_BYTES - 5), 5);
      assert.equal(await file.readAt(bytes, 4 * BLOCK_BYTES), 0);
      assert.equal(await file.readAt(bytes, 3n * 4096n), BLOCK_BYTES);
    },

  "readAt() serves many requests at a time": async () => {
    await using file = await AioFile.open(fileOf(256));
    const blocks = Array.from(
      { length: 256 },
      (_, at) =>
        at % 2 === 0 ? allocatePinned(BLOCK_BYTES) : new Uint8Array(4096),
    );
    const read = await Promise.all(
      blocks.map((block, at) => file.readAt(block, at * BLOCK_BYTES)),
    );
    assert.ok(read.every((bytes) => bytes === BLOCK_BYTES));
    blocks.forEach((block, at) => assert.ok(block.every((b) => b === at)));
  },

  "readAt() takes Buffer and SharedArrayBuffer": async () => {
    await using file = await AioFile.open(fileOf(2));
    const buffer = Buffer.alloc(10);
    assert.equal(await file.readAt(buffer, BLOCK_BYTES), 10);
    assert.ok(buffer.every((byte) => byte === 1));
    const shared = new Uint8Array(new SharedArrayBuffer(16), 3, 10);
    assert.ok(isPinned(shared));
    assert.equal(await file.readAt(shared, BLOCK_BYTES), 10);
    assert.ok(shared.every((byte) => byte === 1));
  },

  "writeAt(), append(), sync(), truncate() and size() do what they say":
    async () => {
      const path = fileOf(1);
      await using file = await AioFile.open(pathToFileURL(path), {
        read: true,
        write: true,
      });
      await file.writeAt(new TextEncoder().encode("hello"), 8192);
      await file.append(new TextEncoder().encode(" world"));
      await Promise.all([file.sync(), file.syncData(), file.sync()]);
      assert.equal(await file.size(), 8192 + 11);
      assert.equal(readFileSync(path).toString("latin1", 8192), "hello world");
      await file.truncate(3);
      assert.equal(await file.size(), 3);
    },

  "batch() reads and writes in one call": async () => {
    await using file = await AioFile.open(fileOf(4), {
      read: true,
      write: true,
    });
    const into = allocatePinned(BLOCK_BYTES);
    const settled = await file.batch([
      { type: "read", buffer: into, offset: 3 * BLOCK_BYTES },
      { type: "write", buffer: new Uint8Array(7).fill(9), offset: 0 },
    ]);
    assert.deepEqual(settled, [
      { status: "fulfilled", value: BLOCK_BYTES },
      { status: "fulfilled", value: 7 },
    ]);
    assert.ok(into.every((byte) => byte === 3));
  },

  "open() with direct transfers past the page cache": async () => {
    const path = fileOf(4);
    let file;
    try {
      file = await AioFile.open(path, { direct: true });
    } catch (error) {
      // Not every file system has it.
      assert.equal((error as AioError).code, "EINVAL");
      return;
    }
    const block = allocatePinned(BLOCK_BYTES);
    assert.equal(await file.readAt(block, BLOCK_BYTES), BLOCK_BYTES);
    assert.ok(block.every((byte) => byte === 1));
    await file.close();
  },

  "open() rejects with an AioError": async () => {
    await assert.rejects(AioFile.open(join(directory, "none")), (error) => {
      assert.ok(error instanceof AioError);
      assert.equal(error.code, "ENOENT");
      assert.equal(error.syscall, "open");
      return true;
    });
  },

  "readAt() rejects when the descriptor is not open for reading": async () => {
    await using file = await AioFile.open(fileOf(1), { write: true });
    await assert.rejects(file.readAt(new Uint8Array(1), 0), { code: "EBADF" });
  },

  "readAt() rejects wrong arguments": async () => {
    await using file = await AioFile.open(fileOf(1));
    await assert.rejects(file.readAt(new Uint8Array(1), -1), RangeError);
    await assert.rejects(
      file.readAt([] as unknown as Uint8Array, 0),
      TypeError,
    );
  },

  "readAt() stops at an AbortSignal": async () => {
    const { fd } = fifo();
    await using file = AioFile.adopt(fd);
    const controller = new AbortController();
    const reading = Array.from(
      { length: 64 },
      () => file.readAt(new Uint8Array(1), 0, { signal: controller.signal }),
    );
    controller.abort(new Error("enough"));
    // Those that have begun wait for a byte each.
    writeSync(fd, new Uint8Array(64));
    const settled = await Promise.allSettled(reading);
    const aborted = settled.filter(({ status }) => status === "rejected");
    assert.ok(aborted.length > 0);
    for (const one of aborted) {
      assert.equal((one as PromiseRejectedResult).reason.message, "enough");
    }
  },

  "close() refuses what comes later": async () => {
    const file = await AioFile.open(fileOf(1));
    const reading = file.readAt(new Uint8Array(10), 0);
    await file.close();
    assert.equal(await reading, 10);
    await file.close();
    await assert.rejects(file.readAt(new Uint8Array(1), 0), { code: "EBADF" });
  },

  "cancel() takes back what has not begun": async () => {
    const { fd } = fifo();
    const file = AioFile.adopt(fd);
    const reading = Array.from(
      { length: 8 },
      () => file.readAt(new Uint8Array(1), 0),
    );
    const settled = Promise.allSettled(reading);
    assert.ok(await file.cancel() > 0);
    writeSync(fd, new Uint8Array(8));
    const outcomes = await settled;
    const canceled = outcomes.find(({ status }) => status === "rejected");
    assert.equal((canceled as PromiseRejectedResult).reason.code, "ECANCELED");
    await file.close();
  },

  "readAt() of a pipe leaves the other files alone": async () => {
    const { fd } = fifo();
    const pipe = AioFile.adopt(fd);
    const waiting = pipe.readAt(new Uint8Array(1), 0);
    // Once the library has gone to wait on another thread.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await using file = await AioFile.open(fileOf(4));
    assert.equal(await file.readAt(new Uint8Array(10), 0), 10);
    assert.equal(await file.size(), 4 * BLOCK_BYTES);
    writeSync(fd, "x");
    assert.equal(await waiting, 1);
    await pipe.close();
  },

  "readable() and writable() copy a file": async () => {
    const [from, to] = [fileOf(200), fileOf(1)];
    await using source = await AioFile.open(from);
    await using target = await AioFile.open(to, { write: true });
    await source.readable({ chunkSize: 10_000 }).pipeTo(target.writable());
    assert.ok(readFileSync(from).equals(readFileSync(to)));
  },

  "metrics() counts": async () => {
    await using file = await AioFile.open(fileOf(1));
    const { completed } = metrics();
    await file.readAt(new Uint8Array(1), 0);
    assert.equal(metrics().completed, completed + 1);
    assert.equal(metrics().inFlight, 0);
  },

  "aio_read(), aio_write() and aio_fsync() do what C's do": async () => {
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

  "aio_read() reports errno": () => {
    using block = new Aiocb({ aio_fildes: 0, aio_buf: allocatePinned(1) });
    block.aio_reqprio = limits().AIO_PRIO_DELTA_MAX;
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

  "aio_suspend() rejects with EAGAIN when the time is over": async () => {
    const { fd } = fifo();
    const block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) });
    aio_read(block);
    await assert.rejects(aio_suspend([block], 20), { code: "EAGAIN" });
    assert.equal(aio_error(block), EINPROGRESS);
    writeSync(fd, "x");
    await aio_suspend([block]);
    assert.equal(aio_return(block), 1);
    closeSync(fd);
  },

  "SIGEV_THREAD calls the function once for each request": async () => {
    const fd = openSync(fileOf(1), "r");
    const COUNT = 600;
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
    await lio_listio(LIO_WAIT, list);
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

  "allocatePinned() cannot be pulled away": () => {
    const view = allocatePinned(100);
    assert.ok(isPinned(view));
    assert.ok(!isPinned(new Uint8Array(100)));
    try {
      // Some refuse, and some make a copy.
      structuredClone(view, { transfer: [view.buffer] });
    } catch (error) {
      assert.ok(error instanceof Error || error instanceof DOMException);
    }
    assert.equal(view.byteLength, 100);
  },
};

for (const notify of NOTIFY_MODES) {
  const name =
    `CompletionQueue with notify ${notify} yields every request once`;
  checks[name] = async () => {
    await using file = await AioFile.open(fileOf(64), {
      read: true,
      write: true,
    });
    await using queue = new CompletionQueue<number>({ notify });
    const COUNT = 300;
    for (let tag = 0; tag < COUNT; tag++) {
      const offset = (tag % 64) * BLOCK_BYTES;
      queue.read(file, allocatePinned(512), offset, tag);
    }
    queue.sync(file, -1);
    const tags = new Set<number>();
    for await (const { tag, bytes, error } of queue.drain()) {
      assert.equal(error, null);
      assert.equal(bytes, tag === -1 ? 0 : 512);
      assert.ok(!tags.has(tag));
      tags.add(tag);
    }
    assert.equal(tags.size, COUNT + 1);
    assert.equal(queue.inFlight, 0);
  };
}

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  let problem: string | null = null;
  try {
    await check();
  } catch (error) {
    failed++;
    problem = error instanceof Error ? error.stack! : String(error);
  }
  console.log(JSON.stringify({ name, problem }));
}
rmSync(directory, { recursive: true });
process.exitCode = failed;
