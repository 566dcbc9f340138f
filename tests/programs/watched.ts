// For `deno run --watch`: leaves a read of a FIFO in flight, and feeds it when it is
// started again in the same process.

import {
  constants,
  existsSync,
  openSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { aio_read, Aiocb, allocatePinned, SIGEV_THREAD } from "../../mod.ts";

const [fifo, marker] = Deno.args;
const fd = openSync(fifo, constants.O_RDWR);
if (!existsSync(marker)) {
  writeFileSync(marker, `${Deno.pid}`);
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
  console.log("in flight");
} else {
  const isSame = Deno.readTextFileSync(marker) === `${Deno.pid}`;
  writeSync(fd, new Uint8Array(100));
  await delay(300);
  console.log(isSame ? "alive in the same process" : "another process");
}
setInterval(() => {}, 1000);
