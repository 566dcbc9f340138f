/** Makes requests, and says so when they are made, or when they are done. */
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  configure,
} from "../../../mod.ts";
import { closeSync, openSync } from "../../helpers/mod.ts";

const REQUESTS = 64;
/** What is left in flight stays; what is done must not, so there is more of it. */
const FLIGHT_BYTES = 4 * 1024;
const DONE_BYTES = 64 * 1024;

// What is left of a file is its descriptors: one for the reads is easy to count.
configure({ lanes: 1 });

const scope = self as unknown as Worker;

async function read(file: AioFile, byteLength: number): Promise<void> {
  const reads = Array.from(
    { length: REQUESTS },
    (_, at) => file.readAt(new Uint8Array(byteLength), at * 4096),
  );
  await Promise.all([...reads, file.sync()]);
}

async function readBlock(path: string): Promise<void> {
  const fd = openSync(path, "r");
  using cb = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(4096) });
  aio_read(cb);
  await aio_suspend([cb]);
  aio_return(cb);
  closeSync(fd);
}

scope.onmessage = async ({ data: { path, how, isClosing } }) => {
  const file = await AioFile.open(path);
  switch (how) {
    case "in flight":
      read(file, FLIGHT_BYTES);
      break;
    case "done":
      await read(file, DONE_BYTES);
      await readBlock(path);
      if (isClosing) await file.close();
      break;
  }
  scope.postMessage("ready");
};
