/**
 * Submits where the system may not start a thread, and prints the error
 * numbers. The limit stands only during the calls.
 */
import {
  aio_cancel,
  aio_error,
  aio_fsync,
  aio_read,
  aio_write,
  Aiocb,
  AioError,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WRITE,
  O_SYNC,
} from "../../../mod.ts";
import { bytes, Directory } from "../helpers.ts";
import { becomeOrdinaryUser, limit, RLIMIT_NPROC } from "./libc.ts";

/** The error number with which `call` throws, 0 if it does not. */
function errnoOf(call: () => unknown): number {
  const unlimit = limit(RLIMIT_NPROC, 0n);
  try {
    call();
    return 0;
  } catch (error) {
    if (error instanceof AioError) return error.errno;
    throw error;
  } finally {
    unlimit();
  }
}

becomeOrdinaryUser();

using directory = new Directory();
const fd = directory.file("abc");
const newBlock = (opcode = LIO_READ) =>
  new Aiocb({ aio_fildes: fd, aio_buf: bytes("x"), aio_lio_opcode: opcode });
const [first, second, third] = [newBlock(), newBlock(), newBlock()];
const blocks = [newBlock(), newBlock(LIO_WRITE)];
aio_cancel(fd); // The library is loaded; no thread of the system runs yet.

const read = errnoOf(() => aio_read(first));
const write = errnoOf(() => aio_write(second));
const sync = errnoOf(() => aio_fsync(O_SYNC, third));

let queued: Promise<void> = Promise.resolve();
const atOnce = errnoOf(() => queued = lio_listio(LIO_NOWAIT, blocks));
const later = await queued.then(() => 0, (error) => error.errno);
const list = { errno: atOnce || later, statuses: blocks.map(aio_error) };

console.log(JSON.stringify({ read, write, sync, list }));
