/**
 * Writes across the limit of the file size, then at it, and prints what became
 * of the requests.
 */
import { fstatSync } from "node:fs";
import {
  aio_error,
  aio_return,
  aio_write,
  Aiocb,
  allocatePinned,
  lio_listio,
  LIO_WAIT,
  LIO_WRITE,
} from "../../../mod.ts";
import { Directory, done } from "../helpers.ts";
import { limit, RLIMIT_FSIZE } from "./libc.ts";

const SIZE_MAX = 4096;

using directory = new Directory();
const fd = directory.file();

async function outcome(offset: number) {
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(SIZE_MAX),
    aio_offset: offset,
  });
  aio_write(block);
  await done(block);
  const status = aio_error(block);
  return status === 0 ? { status, count: aio_return(block) } : { status };
}

async function outcomeOfList() {
  const list = [0, SIZE_MAX].map((offset) =>
    new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(1),
      aio_offset: offset,
      aio_lio_opcode: LIO_WRITE,
    })
  );
  const errno = await lio_listio(LIO_WAIT, list)
    .then(() => 0, (error) => error.errno);
  return { errno, statuses: list.map(aio_error) };
}

const unlimit = limit(RLIMIT_FSIZE, BigInt(SIZE_MAX));
const across = await outcome(SIZE_MAX / 2);
const at = await outcome(SIZE_MAX);
const listed = await outcomeOfList();
unlimit();
const { size } = fstatSync(fd);
console.log(JSON.stringify({ across, at, listed, size }));
