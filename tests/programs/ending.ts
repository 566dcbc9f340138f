/** Comes to its end in the way of the first argument, with the file of the second. */
import { openSync } from "node:fs";
import {
  aio_read,
  aio_suspend,
  aio_write,
  Aiocb,
  AioFile,
  allocatePinned,
  lio_listio,
  LIO_READ,
  LIO_WAIT,
} from "../../mod.ts";
import { constants, decode, pattern, turn } from "../helpers/mod.ts";

const MIB = 1024 * 1024;

const [scenario, path] = Deno.args;

function readBlock(fd: number): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(1),
    aio_lio_opcode: LIO_READ,
  });
}

/** Starts a read of an empty FIFO. */
async function block(): Promise<void> {
  const fifo = AioFile.adopt(openSync(path, constants.O_RDWR));
  fifo.readAt(new Uint8Array(1), 0);
  await turn(); // It waits for it.
}

const scenarios: Record<string, () => unknown> = {
  async closed() {
    await using file = await AioFile.open(path);
    await file.readAt(new Uint8Array(100), 0);
  },
  async "left open"() {
    const file = await AioFile.open(path);
    await file.readAt(new Uint8Array(100), 0);
  },
  async "after many"() {
    const file = await AioFile.open(path);
    for (let at = 0; at < 2000; at++) file.readAt(new Uint8Array(4096), at);
  },
  readAt() {
    AioFile.adopt(openSync(path, "r+")).readAt(new Uint8Array(1), 0);
    console.log("submitted");
  },
  async aborted() {
    const fifo = AioFile.adopt(openSync(path, constants.O_RDWR));
    const controller = new AbortController();
    const { signal } = controller;
    const read = fifo.readAt(new Uint8Array(1), 0, { signal });
    await turn(); // It waits for it.
    controller.abort("enough");
    await read.catch((reason) => console.log(reason));
  },
  async canceled() {
    const fifo = AioFile.adopt(openSync(path, constants.O_RDWR));
    const reader = fifo.readable().getReader();
    const read = reader.read();
    await turn();
    await reader.cancel();
    console.log((await read).done);
  },
  aio_read() {
    aio_read(readBlock(openSync(path, "r+")));
    console.log("submitted");
  },
  aio_suspend() {
    const cb = readBlock(openSync(path, "r+"));
    aio_read(cb);
    aio_suspend([cb]);
    console.log("submitted");
  },
  lio_listio() {
    lio_listio(LIO_WAIT, [readBlock(openSync(path, "r+"))]);
    console.log("submitted");
  },
  many() {
    const file = AioFile.adopt(openSync(path, "r+"));
    for (let count = 0; count < 4; count++) {
      const into = new Uint8Array(1);
      file.readAt(into, 0).then(() => console.log(decode(into)));
    }
    console.log("submitted");
  },
  async writeAt() {
    const file = await AioFile.open(path, { write: true });
    const bytes = pattern(3 * MIB);
    for (let at = 0; at < MIB; at += 4096) {
      file.writeAt(bytes.subarray(at, at + 4096), at);
    }
    file.writeAt(bytes.subarray(MIB), MIB);
  },
  aio_write() {
    const fd = openSync(path, "r+");
    for (let at = 0; at < 3 * MIB; at += MIB) {
      const bytes = allocatePinned(MIB);
      bytes.set(pattern(MIB, at));
      aio_write(
        new Aiocb({ aio_fildes: fd, aio_buf: bytes, aio_offset: at }),
      );
    }
  },
  async exit() {
    await block();
    Deno.exit(7);
  },
  async "exit busily"() {
    const file = await AioFile.open(path, { read: true, write: true });
    for (let at = 0; at < 3000; at++) {
      file.readAt(new Uint8Array(4096), at);
      file.writeAt(new Uint8Array(100), at);
      aio_read(readBlock(file.fd));
    }
    Deno.exit(7);
  },
  async throw() {
    await block();
    setTimeout(() => {
      throw new Error("nobody catches this");
    });
  },
  async reject() {
    await block();
    Promise.reject(new Error("nobody catches this"));
  },
  async fail() {
    const file = await AioFile.open(path, { write: true });
    file.writeAt(new Uint8Array(3), 0);
  },
};

await scenarios[scenario]();
