/**
 * Drops control blocks that are done and whose functions name them, collects garbage,
 * and prints how many are still there.
 */
import {
  aio_read,
  aio_return,
  Aiocb,
  allocatePinned,
  SIGEV_THREAD,
} from "../../../mod.ts";
import { delay, Directory } from "../helpers.ts";

declare const gc: () => void;

const BLOCKS = 16;
using directory = new Directory();
const fd = directory.file("x");
const blocks: WeakRef<Aiocb>[] = [];

function read(): Promise<void> {
  return new Promise((resolve) => {
    const block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) });
    block.aio_sigevent = {
      sigev_notify: SIGEV_THREAD,
      sigev_notify_function: () => {
        aio_return(block);
        resolve();
      },
    };
    blocks.push(new WeakRef(block));
    aio_read(block);
  });
}

for (let count = 0; count < BLOCKS; count++) await read();
for (let round = 0; round < 5; round++) {
  await delay(1);
  gc();
}
const alive = blocks.filter((block) => block.deref() !== undefined).length;
console.log(JSON.stringify({ alive }));
