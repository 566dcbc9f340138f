/**
 * Drops requests that wait for a FIFO, buffers and all, collects garbage until
 * whatever can go is gone, and allocates in its place. Then lets them run, and
 * prints what was wrong with the new memory, and with the bytes written.
 */
import {
  aio_read,
  aio_suspend,
  aio_write,
  Aiocb,
  allocatePinned,
} from "../../mod.ts";
import { delay, Fifo, untilBlocked } from "../helpers/mod.ts";
import { BLOCK_BYTES, fillBlock, isBlock, wrongBlocks } from "./blocks.ts";

declare const gc: () => void;

const REQUESTS = 100;
const SETTLING_ROUNDS = 5;

const shared = () => new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES));

async function collect(): Promise<void> {
  for (let round = 0; round < SETTLING_ROUNDS; round++) {
    gc();
    await delay(1); // What is finalized lets go of more.
  }
}

/** Memory where that of the dropped requests was, if it is gone. */
function allocateAnew(): Uint8Array[] {
  return Array.from({ length: 20 * REQUESTS }, (_, index) => {
    const view = index % 2 === 0 ? shared() : new Uint8Array(BLOCK_BYTES);
    fillBlock(view, index);
    return view;
  });
}

function wrongOnes(views: Uint8Array[]): number[] {
  return views.flatMap((view, index) => isBlock(view, index) ? [] : [index]);
}

function block(fd: number, buffer: Uint8Array): Aiocb {
  return new Aiocb({ aio_fildes: fd, aio_buf: buffer });
}

/** A thread of the system, or the library, waits for the FIFO first. */
async function waitingTransfer(fifo: Fifo, level: 1 | 2): Promise<void> {
  if (level === 2) return void await fifo.waitingRead();
  aio_read(block(fifo.file.fd, allocatePinned(1)));
  await untilBlocked(fifo.path);
}

/** A read behind all others, which is not dropped. */
function lastRead(fifo: Fifo, level: 1 | 2): Promise<unknown> {
  if (level === 2) return fifo.file.readAt(new Uint8Array(1), 0);
  const last = block(fifo.file.fd, allocatePinned(1));
  aio_read(last);
  return aio_suspend([last]);
}

async function dropReads(level: 1 | 2): Promise<number[]> {
  await using fifo = new Fifo();
  await waitingTransfer(fifo, level);
  for (let count = 0; count < REQUESTS; count++) {
    if (level === 1) aio_read(block(fifo.file.fd, shared()));
    else fifo.file.readAt(shared(), 0);
  }
  const last = lastRead(fifo, level);
  await collect();
  const anew = allocateAnew();
  fifo.feed(new Uint8Array(1 + REQUESTS * BLOCK_BYTES + 1).fill(0xee));
  await last;
  return wrongOnes(anew);
}

async function dropWrites(level: 1 | 2): Promise<number[]> {
  await using fifo = new Fifo();
  fifo.fill();
  if (level === 1) aio_write(block(fifo.file.fd, allocatePinned(1)));
  else fifo.file.writeAt(new Uint8Array(1), 0);
  for (let index = 0; index < REQUESTS; index++) {
    const buffer = shared();
    fillBlock(buffer, index);
    if (level === 1) aio_write(block(fifo.file.fd, buffer));
    else fifo.file.writeAt(buffer, 0);
  }
  await collect();
  const anew = allocateAnew();
  const length = REQUESTS * BLOCK_BYTES;
  const written = await fifo.take(fifo.filling + 1 + length);
  return [
    ...wrongBlocks(written.slice(-length), REQUESTS),
    ...wrongOnes(anew),
  ];
}

console.log(JSON.stringify({
  reads: [await dropReads(1), await dropReads(2)],
  writes: [await dropWrites(1), await dropWrites(2)],
}));
