/**
 * Does what the library must never do: takes memory away from a request in flight.
 * Whoever watches over memory has to notice.
 */
import {
  aio_read,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
} from "../../../mod.ts";
import { librt } from "../../../ffi/librt.ts";
import { runtime } from "../../../ffi/current.ts";
import { requestOf } from "../../../lib/posix/aiocb.ts";
import { constants, delay, Fifo, openSync } from "../../helpers/mod.ts";
import { watched } from "./watched.ts";

const BLOCK_BYTES = 65_536;
const PATIENCE_MS = 5_000;
/** It takes the system some time to read as much. */
const LARGE_BYTES = 64 * 1024 * 1024;

const [misuse] = Deno.args;
const fifo = new Fifo();
const buffer = allocatePinned(BLOCK_BYTES);
const cb = new Aiocb({
  aio_fildes: openSync(fifo.path, constants.O_RDWR),
  aio_buf: buffer,
});
aio_read(cb);
const { block } = requestOf(cb);

/** A page of memory by its address, to which nothing else belongs. */
const misuses: Record<string, () => void | Promise<void>> = {
  "frees a block in flight"() {
    librt().free(block.slab.pointer);
  },
  "submits a block in flight"() {
    librt().aio_read(block.pointer);
  },
  "unmaps a buffer in flight"() {
    unmap(buffer, BLOCK_BYTES);
  },
  "reads into a buffer in flight"() {
    const other = new Aiocb({ aio_fildes: cb.aio_fildes, aio_buf: buffer });
    aio_read(other);
  },
  async "unmaps a buffer that a ring has"() {
    unmap(await readLong(), LARGE_BYTES);
  },
  async "reads with a ring into a buffer that it has"() {
    await readLong(await readLong());
  },
};

function unmap({ buffer }: Uint8Array, byteLength: number): void {
  const address = BigInt(runtime.addressOfBuffer(buffer as ArrayBuffer));
  Deno.dlopen("librt.so.1", {
    munmap: { parameters: ["usize", "usize"], result: "i32" },
  }).symbols.munmap(address, BigInt(byteLength));
}

/** Returns the memory of a read that has been handed over. */
async function readLong(
  memory: Uint8Array = allocatePinned(LARGE_BYTES),
): Promise<Uint8Array> {
  const file = await AioFile.open(Deno.execPath());
  file.readAt(memory, 0).catch(() => {});
  // What is made within a few microtasks is handed over together.
  for (let count = 0; count < 100; count++) await null;
  return memory;
}

await misuses[misuse]();
// Now the system touches it. Who reads what was freed may read anything.
fifo.feed("x");
await Promise.race([aio_suspend([cb]), delay(PATIENCE_MS)]);
console.log(JSON.stringify(watched()));
Deno.exit();
