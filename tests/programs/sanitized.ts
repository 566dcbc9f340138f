// For `deno test`: files that are opened, used and closed leave nothing to Deno's
// sanitizers, which are on here as they are by default in older versions.

import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  lio_listio,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  type OpenOptions,
} from "../../mod.ts";
import { closeSync, constants, openSync, writeSync } from "node:fs";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(directory, { recursive: true }),
);

/** How often to try what is a matter of luck. */
const ROUNDS = 30;

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn,
  });
}

function newFile(name: string): string {
  const path = `${directory}/${name}`;
  Deno.writeFileSync(path, new Uint8Array(1 << 17));
  return path;
}

async function useFile(name: string, options: OpenOptions): Promise<void> {
  await using file = await AioFile.open(newFile(name), options);
  await Promise.all(
    Array.from(
      { length: 32 },
      (_, at) => file.readAt(allocatePinned(4096), at * 4096),
    ),
  );
  if (!options.write) return;
  await file.writeAt(new Uint8Array(16), 0);
  await Promise.all([1, 2].map(() => file.append(new Uint8Array(16))));
  await file.sync();
  await file.truncate(await file.size() - 1);
}

test("the first file of the process", () => useFile("first", {}));
test("a file", () => useFile("file", { read: true, write: true }));
test("direct reads", () => useFile("direct", { direct: true }));

test("a canceled read", async () => {
  await using file = await AioFile.open(newFile("canceled"));
  const reads = [1, 2, 3].map(() => file.readAt(new Uint8Array(1), 0));
  await Promise.all([file.cancel(), Promise.allSettled(reads)]);
});

for (const notify of ["auto", "suspend", "poll", "thread"] as const) {
  test(`a CompletionQueue that notifies by ${notify}`, async () => {
    await using file = await AioFile.open(newFile("queue"));
    await using queue = new CompletionQueue<number>({ notify });
    for (let tag = 0; tag < 8; tag++) {
      queue.read(file, new Uint8Array(16), 0, tag);
    }
    for await (const { error } of queue.drain()) if (error) throw error;
  });
}

const fifo = `${directory}/fifo`;
await new Deno.Command("mkfifo", { args: [fifo] }).output();

/** What opens it does not wait for its other end. */
const openFifo = () => AioFile.adopt(openSync(fifo, constants.O_RDWR));

const newBlock = ({ fd }: { fd: number }, opcode: number) =>
  new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(8),
    aio_lio_opcode: opcode,
  });

// Whether the library's call is still out when a test ends is a matter of luck.
for (let round = 0; round < 10; round++) {
  test(`a FIFO whose reader is canceled, round ${round}`, async () => {
    await using file = openFifo();
    const read = file.readAt(new Uint8Array(1), 0);
    // Once the library waits on another thread.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([file.cancel(), Promise.allSettled([read])]);
  });
}

for (let round = 0; round < ROUNDS; round++) {
  test(`a synchronization among writes, round ${round}`, async () => {
    await using file = await AioFile.open(newFile("synchronized"), "r+");
    await using other = await AioFile.open(newFile("other"), "r+");
    await file.writeAt(new Uint8Array(1 << 16), 0);
    let isSynced = false;
    const synced = file.sync().then(() => isSynced = true);
    while (!isSynced) await other.writeAt(new Uint8Array(16), 0);
    await synced;
  });

  test(`aio_suspend() that is given up, and again, round ${round}`, async () => {
    await using file = openFifo();
    using read = newBlock(file, LIO_READ);
    aio_read(read);
    await aio_suspend([read], 10).catch(() => {});
    await file.writeAt(new Uint8Array(8), 0);
    await aio_suspend([read]);
    aio_return(read);
  });

  test(`lio_listio() beside another one, round ${round}`, async () => {
    await using file = openFifo();
    const fd = openSync(newFile("listed"), "r+");
    using read = newBlock(file, LIO_READ);
    using write = newBlock({ fd }, LIO_WRITE);
    const isRead = lio_listio(LIO_WAIT, [read]);
    await new Promise((resolve) => setTimeout(resolve, 3));
    const isWritten = lio_listio(LIO_WAIT, [write]);
    writeSync(file.fd, new Uint8Array(8));
    await Promise.all([isRead, isWritten]);
    aio_return(read);
    aio_return(write);
    closeSync(fd);
  });
}

for (let round = 0; round < 5; round++) {
  test(`more requests than are waited for by calls, round ${round}`, async () => {
    const fds = Array.from(
      { length: 6 },
      () => openSync(fifo, constants.O_RDWR),
    );
    const blocks = fds.map((fd) => newBlock({ fd }, LIO_READ));
    const reads: Promise<void>[] = [];
    for (const block of blocks) {
      aio_read(block);
      reads.push(aio_suspend([block]));
      // Each has a call of its own, as far as there may be one.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    writeSync(fds[0], new Uint8Array(fds.length * 8));
    await Promise.all(reads);
    for (const block of blocks) {
      aio_return(block);
      block[Symbol.dispose]();
    }
    for (const fd of fds) closeSync(fd);
  });
}
