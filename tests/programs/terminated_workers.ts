/**
 * Terminates batches of eight workers with requests in flight, ends those that were orphaned
 * by feeding their FIFOs, and looks whether anything of the main thread's own
 * was touched. Prints what was wrong.
 */
import { closeSync, openSync } from "node:fs";
import {
  aio_init,
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  SIGEV_THREAD,
} from "../../mod.ts";
import { constants, delay, Fifo, timeLimit } from "../helpers/mod.ts";
import {
  BLOCK_BYTES,
  blocks,
  fillBlock,
  isBlock,
  wrongBlocks,
} from "./blocks.ts";

const WORKERS_PER_BATCH = 8;
/** One for the file level, one for each kind of notification below it. */
const FIFOS_PER_WORKER = 3;
const BLOCKS = 2_000;
const CANARIES = 500;
const PATIENCE_MS = timeLimit(5_000);
const QUIET_ROUNDS = 20;

const [directory, batches] = Deno.args;
const path = `${directory}/blocks`;
Deno.writeFileSync(path, blocks(BLOCKS));
// The FIFOs hold 16 threads at once, and the others need some, too.
aio_init({ aio_threads: 64 });
const file = await AioFile.open(path, { read: true, write: true });
await file.readAt(new Uint8Array(1), 0);
const wrong: string[] = [];
let orphans = 0;

/** Memory of the main thread in which nobody writes any more. */
const canaries = Array.from({ length: CANARIES }, (_, index) => {
  const view = index % 2 === 0
    ? new Uint8Array(BLOCK_BYTES)
    : allocatePinned(BLOCK_BYTES);
  fillBlock(view, index);
  return view;
});

/** Starts a worker, and terminates it once its requests are submitted. */
async function doom(
  fifoPath: string,
  fifoFds: number[],
  turns: number,
): Promise<void> {
  const worker = new Worker(new URL("./doomed_worker.ts", import.meta.url), {
    type: "module",
  });
  const submitted = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = ({ message }) => reject(new Error(message));
  });
  worker.postMessage({ path, fifoPath, fd: file.fd, fifoFds });
  await submitted;
  for (let turn = 0; turn < turns; turn++) await delay(0);
  worker.terminate();
}

async function readEverything(): Promise<void> {
  const reads = Array.from({ length: 200 }, async (_, at) => {
    const index = at * 9 % BLOCKS;
    const view = at % 2 === 0
      ? new Uint8Array(BLOCK_BYTES)
      : allocatePinned(BLOCK_BYTES);
    await file.readAt(view, index * BLOCK_BYTES);
    if (!isBlock(view, index)) wrong.push(`a read of block ${index}`);
    const cb = new Aiocb({
      aio_fildes: file.fd,
      aio_buf: allocatePinned(BLOCK_BYTES),
      aio_offset: index * BLOCK_BYTES,
    });
    aio_read(cb);
    await aio_suspend([cb]);
    aio_return(cb);
    if (!isBlock(cb.aio_buf!, index)) wrong.push(`an aio_read of ${index}`);
  });
  await Promise.all(reads);
}

/** One batch, with requests of the main thread all the while. */
async function batch(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const fifos = Array.from(
    { length: WORKERS_PER_BATCH * FIFOS_PER_WORKER },
    () => stack.use(new Fifo()),
  );
  const fds = fifos.map(({ path }) => openSync(path, constants.O_RDWR));
  const doomed = Array.from({ length: WORKERS_PER_BATCH }, (_, worker) => {
    const first = worker * FIFOS_PER_WORKER;
    const last = first + FIFOS_PER_WORKER;
    return doom(fifos[first].path, fds.slice(first + 1, last), worker % 3);
  });
  await Promise.all([...doomed, readEverything()]);
  const fed = await Promise.all(fifos.map((fifo, index) =>
    // Those of the file level may have begun or not.
    feedOrphans(fifo, index % FIFOS_PER_WORKER === 0 ? 0 : 3)
  ));
  orphans += fed.reduce((sum, count) => sum + count);
  await readEverything();
  fds.forEach(closeSync);
}

/**
 * Feeds those that wait for a FIFO, at least so many, until nobody does.
 *
 * @returns How many they were.
 */
async function feedOrphans(fifo: Fifo, least: number): Promise<number> {
  const bytes = new Uint8Array(BLOCK_BYTES).fill(0xee);
  const deadline = performance.now() + PATIENCE_MS;
  let fed = 0;
  for (let quiet = 0; fed < least || quiet < QUIET_ROUNDS; quiet++) {
    if (performance.now() > deadline) throw new Error(`only ${fed} orphans`);
    fifo.feed(bytes);
    await delay(1);
    if (fifo.drain().length > 0) continue;
    fed++;
    quiet = 0;
  }
  return fed;
}

for (let count = 0; count < Number(batches); count++) {
  await batch();
  canaries.forEach((view, index) => {
    if (!isBlock(view, index)) wrong.push(`canary ${index}`);
  });
}

const notified = await new Promise((resolve) => {
  aio_read(
    new Aiocb({
      aio_fildes: file.fd,
      aio_buf: allocatePinned(BLOCK_BYTES),
      aio_sigevent: {
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function: () => resolve(true),
      },
    }),
  );
});
for (const index of wrongBlocks(Deno.readFileSync(path), BLOCKS)) {
  wrong.push(`block ${index} of the file`);
}
await file.close();
const workers = Number(batches) * WORKERS_PER_BATCH;
console.log(JSON.stringify({ workers, orphans, wrong, notified }));
