/**
 * Drops control blocks and buffers in flight, collects garbage, then lets the
 * requests run, and prints what was left for the last one.
 */
import { aio_read, Aiocb, allocatePinned } from "../../../mod.ts";
import { blockedRead, delay, done, Fifo, startRead, text } from "../helpers.ts";

declare const gc: () => void;

const DROPPED = 100;
const canaries: WeakRef<object>[] = [];

function dropRequest(fd: number): void {
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(4096),
    aio_nbytes: 1,
  });
  aio_read(block);
  canaries.push(new WeakRef({}));
}

using fifo = new Fifo();
await blockedRead(fifo);
for (let count = 0; count < DROPPED; count++) dropRequest(fifo.fd);
const last = startRead(fifo.fd);
for (let round = 0; round < 5; round++) {
  await delay(1);
  gc();
}
const collected = canaries.every((canary) => canary.deref() === undefined);

fifo.feed("x".repeat(DROPPED + 1) + "y");
await done(last);
console.log(JSON.stringify({ collected, last: text(last.aio_buf!) }));
