/**
 * For `deno run --watch`: leaves a read of a FIFO in flight until it is started again
 * in the same process, which it sees to, and feeds the FIFO then.
 */
import {
  aio_read,
  Aiocb,
  AioFile,
  allocatePinned,
  metrics,
  SIGEV_THREAD,
} from "@posix/aio";
import {
  constants,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

const [fifo, marker, watched] = process.argv.slice(2);
const fd = openSync(fifo, constants.O_RDWR);
const file = await AioFile.open(process.execPath);
await file.readAt(new Uint8Array(10), 0);
if (!existsSync(marker)) {
  writeFileSync(marker, `${process.pid}`);
  aio_read(
    new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(4096),
      aio_sigevent: {
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function: () => {},
      },
    }),
  );
  console.log(`in flight, ${metrics().engine}`);
  // Again and again: Deno may not have looked at the file yet.
  setInterval(() => writeFileSync(watched, `${Math.random()}`), 1000);
} else {
  const isSame = readFileSync(marker, "utf8") === `${process.pid}`;
  writeSync(fd, new Uint8Array(100));
  await delay(300);
  console.log(`${isSame ? "same" : "another"} process, ${metrics().engine}`);
  // To exit would have Deno wait for the next change.
  process.kill(process.pid, "SIGKILL");
}
