/**
 * Submits requests of every kind on a file and on an empty FIFO, says so, and
 * waits to be terminated.
 */
import { constants, openSync } from "node:fs";
import {
  aio_read,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  SIGEV_NONE,
  SIGEV_THREAD,
} from "../../mod.ts";
import { BLOCK_BYTES } from "./blocks.ts";

const ignore = () => {};
const sigevents = [
  { sigev_notify: SIGEV_NONE },
  { sigev_notify: SIGEV_THREAD, sigev_notify_function: ignore },
];

function block(fd: number, offset: number, kind: number): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(BLOCK_BYTES),
    aio_offset: offset,
    aio_lio_opcode: LIO_READ,
    aio_sigevent: sigevents[kind % 2],
  });
}

const scope = self as unknown as Worker;

/**
 * What this opens by itself is closed when it is terminated; the descriptors of
 * the main thread are not.
 */
scope.onmessage = async ({ data: { path, fifoPath, fd, fifoFds } }) => {
  const file = await AioFile.open(path, { read: true, write: true });
  const fifo = AioFile.adopt(openSync(fifoPath, constants.O_RDWR));

  for (let at = 0; at < 32; at++) {
    const offset = at * BLOCK_BYTES;
    file.readAt(new Uint8Array(BLOCK_BYTES), offset);
    file.readAt(allocatePinned(BLOCK_BYTES), offset);
    aio_read(block(fd, offset, at));
  }
  file.readAt(new Uint8Array(3 << 20), 0);
  const queue = new CompletionQueue<number>({ notify: "thread" });
  queue.drain().next();
  for (let at = 0; at < 32; at++) {
    queue.read(file, new Uint8Array(BLOCK_BYTES), at * BLOCK_BYTES, at);
    queue.read(fifo, allocatePinned(BLOCK_BYTES), 0, at);
  }
  file.sync();
  const list = Array.from(
    { length: 8 },
    (_, at) => block(fd, at * BLOCK_BYTES, 0),
  );
  lio_listio(LIO_NOWAIT, list, sigevents[1]);

  for (let at = 0; at < 3; at++) {
    fifo.readAt(new Uint8Array(BLOCK_BYTES), 0);
    fifo.readAt(allocatePinned(BLOCK_BYTES), 0);
    fifoFds.forEach((fifoFd: number, kind: number) => {
      const waiting = block(fifoFd, 0, kind);
      aio_read(waiting);
      aio_suspend([waiting]);
    });
  }
  scope.postMessage("submitted");
};
