/**
 * Ends by itself, once what is in flight is done: nothing but the library keeps
 * it alive when the byte has been written.
 */
import {
  aio_read,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  SIGEV_THREAD,
} from "@posix/aio";
import { constants, openSync, writeSync } from "node:fs";
import process from "node:process";

const fd = openSync(process.argv[2], constants.O_RDWR);

// Idle, and never closed: these do not keep it alive.
const file = AioFile.adopt(openSync(process.execPath, "r"));
const queue = new CompletionQueue<string>();
await file.readAt(new Uint8Array(10), 0);

const late = () => setTimeout(() => writeSync(fd, "x"), 100);

queue.read(AioFile.adopt(fd), new Uint8Array(1), 0, "queue");
late();
for await (const { tag, bytes } of queue.drain()) console.log(tag, bytes);

AioFile.adopt(fd).readAt(new Uint8Array(1), 0).then((bytes) => {
  console.log("readAt", bytes);
  aio_read(
    new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(1),
      aio_sigevent: {
        sigev_notify: SIGEV_THREAD,
        sigev_value: 1,
        sigev_notify_function: (value) => console.log("SIGEV_THREAD", value),
      },
    }),
  );
  late();
});
late();
