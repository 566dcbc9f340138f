// For `deno test`: ends with a read of a FIFO in flight. The file that runs next
// in the same process is next_isolate.ts.

import { constants, openSync } from "node:fs";
import {
  aio_read,
  Aiocb,
  AioFile,
  allocatePinned,
  SIGEV_THREAD,
} from "../../mod.ts";

const fd = openSync(Deno.env.get("FIFO")!, constants.O_RDWR);
const memory = allocatePinned(4 << 20);

function submit(how: string): void {
  if (how === "readAt()") {
    AioFile.adopt(fd).readAt(memory, 0).catch(() => {});
    return;
  }
  const cb = new Aiocb({ aio_fildes: fd, aio_buf: memory });
  if (how === "SIGEV_THREAD") {
    cb.aio_sigevent = {
      sigev_notify: SIGEV_THREAD,
      sigev_notify_function: () => {},
    };
  }
  aio_read(cb);
}

Deno.test({
  name: "leaves a read in flight",
  sanitizeOps: false,
  sanitizeResources: false,
  fn() {
    submit(Deno.env.get("HOW")!);
  },
});
