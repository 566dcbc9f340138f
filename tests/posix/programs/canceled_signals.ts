/**
 * Cancels the first request of a descriptor before a thread has it, and receives
 * the signals of the others with `sigtimedwait()`, as queued_signals.ts does.
 */
import {
  aio_cancel,
  aio_error,
  aio_fsync,
  aio_init,
  Aiocb,
  allocatePinned,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WRITE,
  O_SYNC,
  SIGEV_SIGNAL,
  type Sigevent,
} from "../../../mod.ts";
import {
  blockedRead,
  bytes,
  delay,
  Directory,
  done,
  Fifo,
  PATIENCE_MS,
  startRead,
  untilRunning,
} from "../helpers.ts";
import { blockSignals, receive, signalSet } from "./libc.ts";

const SIGNAL = 35;

const set = signalSet(SIGNAL);
blockSignals(set);

function signal(value: number): Sigevent {
  return {
    sigev_notify: SIGEV_SIGNAL,
    sigev_signo: SIGNAL,
    sigev_value: value,
  };
}

/** The values of `count` signals, and of any too many. */
function receiveAll(count: number): number[] {
  const values: number[] = [];
  for (;;) {
    const isMissing = values.length < count;
    const received = receive(set, isMissing ? PATIENCE_MS : 100);
    if (received === null) return values;
    values.push(received.value);
  }
}

aio_init({ aio_threads: 1 });
using directory = new Directory();
const fd = directory.file("0123456789");

async function one() {
  using fifo = new Fifo();
  const blocked = await blockedRead(fifo);
  const blocks = [1, 2, 3].map((value) =>
    startRead(fd, 1, 0, { aio_sigevent: signal(value) })
  );
  aio_cancel(fd, blocks[0]);
  const atOnce = receiveAll(1);
  fifo.feed("x");
  await done(blocked, ...blocks);
  return { atOnce, later: receiveAll(2) };
}

async function list() {
  using fifo = new Fifo();
  const blocked = await blockedRead(fifo);
  const blocks = [0, 1, 2].map((aio_offset) =>
    new Aiocb({
      aio_fildes: fd,
      aio_offset,
      aio_buf: bytes("x"),
      aio_lio_opcode: LIO_WRITE,
    })
  );
  await lio_listio(LIO_NOWAIT, blocks, signal(9));
  aio_cancel(fd, blocks[0]);
  receiveAll(0);
  fifo.feed("x");
  await done(blocked, ...blocks);
  await delay(200);
  return {
    last: receive(set, PATIENCE_MS)?.value,
    statuses: blocks.map(aio_error),
  };
}

/** A synchronization has no lower priority, whatever its block says. */
async function sync() {
  using fifo = new Fifo();
  const blocked = await blockedRead(fifo);
  const first = startRead(fd);
  const reads = [1, 2].map((value) =>
    startRead(fd, 1, 0, { aio_reqprio: 3, aio_sigevent: signal(value) })
  );
  const sync = new Aiocb({
    aio_fildes: fd,
    aio_reqprio: 9,
    aio_sigevent: signal(0),
  });
  aio_fsync(O_SYNC, sync);
  aio_cancel(fd, first);
  fifo.feed("x");
  await done(blocked, ...reads, sync);
  return receiveAll(3);
}

/** Cancels the first of a list while another request of the descriptor runs. */
async function listBehind(fifo: Fifo) {
  const blocks = [0, 1].map(() =>
    new Aiocb({
      aio_fildes: fifo.fd,
      aio_buf: allocatePinned(1),
      aio_lio_opcode: LIO_READ,
    })
  );
  await lio_listio(LIO_NOWAIT, blocks, signal(9));
  aio_cancel(fifo.fd, blocks[0]);
  fifo.feed("xx");
  await done(...blocks);
  return receiveAll(1);
}

async function behindFirst() {
  using fifo = new Fifo();
  startRead(fifo.fd, 1, 0, { aio_reqprio: 5 });
  await untilRunning(fifo.fd);
  return await listBehind(fifo);
}

async function behindSecond() {
  using fifo = new Fifo();
  const first = await blockedRead(fifo);
  startRead(fifo.fd);
  fifo.feed("x");
  await done(first);
  await untilRunning(fifo.fd);
  return await listBehind(fifo);
}

console.log(JSON.stringify({
  one: await one(),
  list: await list(),
  sync: await sync(),
  behindFirst: await behindFirst(),
  behindSecond: await behindSecond(),
}));
