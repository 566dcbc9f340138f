/** Terminates workers with requests in flight, and lives. */
import {
  aio_read,
  Aiocb,
  AioFile,
  allocatePinned,
  SIGEV_THREAD,
} from "@posix/aio";
import { constants, openSync } from "node:fs";
import process from "node:process";
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";

const WORKERS = 10;

if (isMainThread) {
  const fifo = openSync(process.argv[2], constants.O_RDWR);
  for (let count = 0; count < WORKERS; count++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: fifo });
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
  }
  const file = await AioFile.open(process.execPath);
  console.log(await file.readAt(new Uint8Array(10), 0), "bytes");
  const notified = new Aiocb({
    aio_fildes: file.fd,
    aio_buf: allocatePinned(4096),
    aio_sigevent: {
      sigev_notify: SIGEV_THREAD,
      sigev_notify_function: () => console.log("not reached"),
    },
  });
  for (let count = 0; count < 200; count++) {
    file.readAt(new Uint8Array(65_536), count * 65_536);
  }
  aio_read(notified);
  process.exit(5);
} else {
  const file = await AioFile.open(process.execPath);
  await file.readAt(new Uint8Array(10), 0);
  for (let count = 0; count < 64; count++) {
    file.readAt(new Uint8Array(65_536), count * 65_536);
  }
  const fifo = AioFile.adopt(workerData as number, { closeFd: false });
  fifo.readAt(new Uint8Array(1), 0);
  aio_read(
    new Aiocb({
      aio_fildes: file.fd,
      aio_buf: allocatePinned(65_536),
      aio_sigevent: {
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function() {},
      },
    }),
  );
  parentPort!.postMessage("in flight");
}
