/**
 * Makes more than 100,000 requests through both interfaces, drops most of their
 * buffers, blocks and promises in flight, collects garbage, and allocates all
 * the while. Prints which bytes were wrong, of those that were kept and of those
 * that were written.
 */
import {
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  AioFile,
  allocatePinned,
  O_DSYNC,
} from "../../mod.ts";
import {
  BLOCK_BYTES,
  blocks,
  fillBlock,
  isBlock,
  wrongBlocks,
} from "./blocks.ts";

declare const gc: (options?: { type: "minor" | "major" }) => void;

const ROUNDS = 100;
const REQUESTS_PER_ROUND = 1_010;
const READ_BLOCKS = 2_000;

const [directory] = Deno.args;
const source = `${directory}/source`;
const target = `${directory}/target`;
Deno.writeFileSync(source, blocks(READ_BLOCKS));
const reader = await AioFile.open(source);
const writer = await AioFile.open(target, { write: true, create: true });

const ordinary = () => new Uint8Array(BLOCK_BYTES);
const pinned = () => allocatePinned(BLOCK_BYTES, { alignment: 512 });
/** Memory of its own, which goes back at once when it is collected. */
const shared = () => new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES));
const wrong: string[] = [];
let written = 0;

function block(fd: number, buffer: Uint8Array, index: number): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: buffer,
    aio_offset: index * BLOCK_BYTES,
  });
}

function check(how: string, view: Uint8Array, index: number): void {
  if (!isBlock(view, index)) wrong.push(`${how} of block ${index}`);
}

async function keepRead(buffer: Uint8Array, index: number): Promise<void> {
  await reader.readAt(buffer, index * BLOCK_BYTES);
  check("a read", buffer, index);
}

async function keepAioRead(index: number): Promise<void> {
  const cb = block(reader.fd, pinned(), index);
  aio_read(cb);
  await aio_suspend([cb]);
  if (aio_return(cb) !== BLOCK_BYTES) wrong.push(`the length of ${index}`);
  check("an aio_read", cb.aio_buf!, index);
}

function dropWrite(buffer: Uint8Array): void {
  const index = written++;
  fillBlock(buffer, index);
  writer.writeAt(buffer, index * BLOCK_BYTES);
}

function dropAioWrite(): void {
  const index = written++;
  const buffer = index % 3 === 0 ? pinned() : shared();
  fillBlock(buffer, index);
  aio_write(block(writer.fd, buffer, index));
}

/** One request; the promise of those that are kept. */
function request(kind: number, index: number): Promise<void> | undefined {
  const offset = index * BLOCK_BYTES;
  switch (kind) {
    case 0:
      return keepRead(ordinary(), index);
    case 1:
      return keepRead(pinned(), index);
    case 2:
      return keepAioRead(index);
    case 3:
    case 4:
      reader.readAt(ordinary(), offset);
      return;
    case 5:
      reader.readAt(shared(), offset);
      return;
    case 6:
      aio_read(block(reader.fd, shared(), index));
      return;
    case 7:
      return void dropWrite(ordinary());
    case 8:
      return void dropWrite(shared());
    default:
      return void dropAioWrite();
  }
}

let requests = 0;
for (let round = 0; round < ROUNDS; round++) {
  const kept: Promise<void>[] = [];
  for (let count = 0; count < REQUESTS_PER_ROUND; count++) {
    const promise = request(count % 10, (requests++ * 7) % READ_BLOCKS);
    if (promise !== undefined) kept.push(promise);
    if (count === 500) gc({ type: "minor" });
  }
  gc();
  await Promise.all(kept);
}

await reader.close();
// Behind the writes of either interface that are still on their way.
await writer.sync();
const cb = new Aiocb({ aio_fildes: writer.fd });
aio_fsync(O_DSYNC, cb);
await aio_suspend([cb]);
for (const index of wrongBlocks(Deno.readFileSync(target), written)) {
  wrong.push(`a write of block ${index}`);
}
console.log(JSON.stringify({ requests, collections: ROUNDS, wrong }));
