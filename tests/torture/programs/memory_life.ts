/**
 * Has requests of every kind begin and end, be canceled, dropped, collected and
 * orphaned, so that whoever watches over memory sees each way in which it lives.
 * Prints how many requests there were and, if somebody watches, how many of them
 * that saw, and what was wrong.
 */
import {
  aio_cancel,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  metrics,
  O_SYNC,
  SIGEV_THREAD,
} from "../../../mod.ts";
import {
  closeSync,
  constants,
  delay,
  Fifo,
  openSync,
} from "../../helpers/mod.ts";
import { watched } from "./watched.ts";

const [directory, rounds, workers] = Deno.args;
const BLOCK_BYTES = 4_096;
const REQUESTS = 40;
const LONG_BYTES = 2.5 * 1024 * 1024;

configure({ lanes: 4 });
const path = `${directory}/file`;
Deno.writeFileSync(path, new Uint8Array(LONG_BYTES));

function gc(): void {
  (globalThis as unknown as { gc(): void }).gc();
}

/** Memory in place, or memory that is copied. */
function memory(index: number, length = BLOCK_BYTES): Uint8Array {
  return index % 2 === 0 ? allocatePinned(length) : new Uint8Array(length);
}

async function files(): Promise<void> {
  await using file = await AioFile.open(path, { read: true, write: true });
  const controller = new AbortController();
  const { signal } = controller;
  const requests: Promise<unknown>[] = [];
  for (let index = 0; index < REQUESTS; index++) {
    const offset = index * BLOCK_BYTES;
    requests.push(
      file.readAt(memory(index), offset),
      file.writeAt(memory(index), offset, { signal }),
      file.append(memory(index)),
    );
    if (index % 10 === 0) {
      requests.push(file.readAt(memory(index / 10, LONG_BYTES), 0));
      requests.push(file.sync());
    }
  }
  controller.abort();
  requests.push(file.batch(Array.from({ length: REQUESTS }, (_, index) => ({
    type: "read",
    buffer: memory(index),
    offset: index * BLOCK_BYTES,
  }))));
  const settled = Promise.allSettled(requests);
  await delay(0);
  await file.cancel();
  await settled;
  await file.truncate(LONG_BYTES);
  for await (const _ of file.readable({ chunkSize: 100_000 }));
}

async function queues(): Promise<void> {
  await using file = await AioFile.open(path, { read: true, write: true });
  for (const notify of ["auto", "suspend", "thread", "poll"] as const) {
    await using queue = new CompletionQueue<number>({ notify });
    for (let index = 0; index < REQUESTS; index++) {
      queue.read(file, memory(index), index * BLOCK_BYTES, index);
    }
    queue.sync(file, -1);
    queue.cancel(REQUESTS - 1);
    for await (const _ of queue.drain());
  }
}

/** Blocks that are disposed of, or that nobody refers to, while they run. */
async function blocks(): Promise<void> {
  await using fifo = new Fifo();
  const fd = openSync(fifo.path, constants.O_RDWR);
  const block = (of: number, index: number) =>
    new Aiocb({
      aio_fildes: of,
      aio_buf: allocatePinned(BLOCK_BYTES),
      aio_offset: index * BLOCK_BYTES,
      aio_lio_opcode: LIO_READ,
      aio_sigevent: {
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function: () => {},
      },
    });
  for (let index = 0; index < 4; index++) {
    const disposed = block(fd, index);
    aio_read(disposed);
    if (index % 2 === 0) disposed[Symbol.dispose]();
  }
  const canceled = block(fd, 4);
  aio_read(canceled);
  aio_cancel(fd, canceled);
  const last = block(fd, 5);
  aio_read(last);
  for (let times = 0; times < 3; times++) {
    gc();
    await delay(0);
    // Takes the place of what was given up, if anything was.
    for (let index = 0; index < REQUESTS; index++) memory(index, 16_384);
  }
  fifo.feed(new Uint8Array(6 * BLOCK_BYTES));
  await aio_suspend([last]);

  const own = openSync(path, "r+");
  const list = Array.from({ length: REQUESTS }, (_, at) => block(own, at));
  await lio_listio(LIO_WAIT, list);
  list.forEach(aio_return);
  await lio_listio(LIO_NOWAIT, list, last.aio_sigevent);
  const sync = new Aiocb({ aio_fildes: own });
  aio_fsync(O_SYNC, sync);
  for (const cb of [...list, sync]) await aio_suspend([cb]);
  closeSync(own);
  closeSync(fd);
}

/** Workers that are terminated while their requests run, or wait for a FIFO. */
async function orphans(): Promise<void> {
  const worker = new URL("../../programs/doomed_worker.ts", import.meta.url);
  await using fifo = new Fifo();
  const own = openSync(path, "r");
  const fd = openSync(fifo.path, constants.O_RDWR);
  const doomed = new Worker(worker, { type: "module" });
  await new Promise((resolve) => {
    doomed.onmessage = resolve;
    doomed.postMessage({
      path,
      fifoPath: fifo.path,
      fd: own,
      fifoFds: [fd],
    });
  });
  doomed.terminate();
  await files();
  gc();
  // The orphans end while others use what was theirs, if anything was given up.
  for (let quiet = 0; quiet < 20; quiet++) {
    fifo.feed(new Uint8Array(BLOCK_BYTES));
    await delay(1);
    if (fifo.drain().length === 0) quiet = 0;
  }
  closeSync(own);
  closeSync(fd);
}

for (let round = 0; round < Number(rounds); round++) {
  await files();
  await queues();
  await blocks();
  gc();
}
for (let index = 0; index < Number(workers); index++) await orphans();

// The process ends with requests in flight.
const file = await AioFile.open(path);
for (let index = 0; index < REQUESTS; index++) file.readAt(memory(index), 0);
console.log(JSON.stringify({ requests: metrics().submitted, ...watched() }));
Deno.exit();
