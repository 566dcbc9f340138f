/**
 * Receives the signals of completions with `sigtimedwait()`, which tells their
 * codes and values, and prints them for each scenario.
 *
 * The signals must be blocked in every thread of the process, so the program
 * blocks them and runs itself again: a signal mask outlives `execv()`.
 */
import {
  aio_cancel,
  aio_fsync,
  aio_read,
  aio_write,
  Aiocb,
  allocatePinned,
  lio_listio,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  O_DSYNC,
  O_SYNC,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  type Sigevent,
} from "../../../mod.ts";
import {
  blockedRead,
  bytes,
  Directory,
  done,
  Fifo,
  PATIENCE_MS,
  untilRunning,
} from "../helpers.ts";
import { blockSignals, receive, signalSet } from "./libc.ts";

const SIGUSR1 = 10;
const SIGRTMIN = 34;

const set = signalSet(SIGUSR1, SIGRTMIN + 1, SIGRTMIN + 2);
blockSignals(set);

/** The values of the signals up to that of the last request, `END`. */
const END = -1;

using directory = new Directory();
const fd = directory.file("0123456789");

function signal(value: number, signo = SIGRTMIN + 1): Sigevent {
  return { sigev_notify: SIGEV_SIGNAL, sigev_signo: signo, sigev_value: value };
}

function read(fd: number, sigevent?: Sigevent): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(1),
    aio_lio_opcode: LIO_READ,
    ...(sigevent && { aio_sigevent: sigevent }),
  });
}

/**
 * Signals of one number arrive in the order they were sent, so everything sent
 * before the last request's signal has been received when that one is.
 */
async function valuesUntilEnd(): Promise<number[]> {
  const last = read(fd, signal(END));
  aio_read(last);
  await done(last);
  const values: number[] = [];
  for (;;) {
    const received = receive(set, PATIENCE_MS);
    if (received === null || received.value === END) return values;
    values.push(received.value);
  }
}

const scenarios: Record<string, () => Promise<unknown>> = {
  async read() {
    const block = read(fd, signal(42));
    aio_read(block);
    await done(block);
    return receive(set, PATIENCE_MS);
  },
  async write() {
    const block = new Aiocb({
      aio_fildes: fd,
      aio_buf: bytes("x"),
      aio_sigevent: signal(-2147483648, SIGUSR1),
    });
    aio_write(block);
    await done(block);
    return receive(set, PATIENCE_MS);
  },
  async fsync() {
    const blocks = [O_SYNC, O_DSYNC].map((op, index) => {
      const block = new Aiocb({
        aio_fildes: fd,
        aio_sigevent: signal(index + 1),
      });
      aio_fsync(op, block);
      return block;
    });
    await done(...blocks);
    return await valuesUntilEnd();
  },
  /** No notification before the request is done. */
  async notBefore() {
    using fifo = new Fifo();
    const block = read(fifo.fd, signal(3));
    aio_read(block);
    const early = receive(set, 50);
    fifo.feed("x");
    await done(block);
    return { early, values: await valuesUntilEnd() };
  },
  async none() {
    const block = read(fd, { sigev_notify: SIGEV_NONE, sigev_signo: SIGUSR1 });
    aio_read(block);
    await done(block);
    const unset = read(fd);
    aio_read(unset);
    await done(unset);
    return await valuesUntilEnd();
  },
  async many() {
    const blocks = Array.from({ length: 50 }, (_, i) => read(fd, signal(i)));
    for (const block of blocks) aio_read(block);
    await done(...blocks);
    return await valuesUntilEnd();
  },
  async failed() {
    const block = read(-1, signal(4));
    aio_read(block);
    await done(block);
    return await valuesUntilEnd();
  },
  async canceled() {
    using fifo = new Fifo();
    const running = await blockedRead(fifo);
    const queued = [5, 6, 7].map((value) => read(fifo.fd, signal(value)));
    for (const block of queued) aio_read(block);
    aio_cancel(fifo.fd, queued[1]);
    const one = await valuesUntilEnd();
    aio_cancel(fifo.fd);
    const all = await valuesUntilEnd();
    fifo.feed("x");
    await done(running, ...queued);
    return { one, all };
  },
  /** What cannot be canceled is notified when it is done. */
  async notCanceled() {
    using fifo = new Fifo();
    const block = read(fifo.fd, signal(8));
    aio_read(block);
    await untilRunning(fifo.fd);
    const outcome = aio_cancel(fifo.fd, block);
    const early = await valuesUntilEnd();
    fifo.feed("x");
    await done(block);
    return { outcome, early, values: await valuesUntilEnd() };
  },
  async list() {
    using fifo = new Fifo();
    const blocks = [read(fd), read(fifo.fd), read(fifo.fd)];
    await lio_listio(LIO_NOWAIT, blocks, signal(9));
    const early = [await valuesUntilEnd()];
    fifo.feed("x");
    await done(blocks[0], blocks[1]);
    early.push(await valuesUntilEnd());
    fifo.feed("x");
    await done(...blocks);
    return { early, values: await valuesUntilEnd() };
  },
  /** The requests' own notifications, and the list's. */
  async individual() {
    const blocks = [1, 2, 3].map((value) => read(fd, signal(value)));
    const write = new Aiocb({
      aio_fildes: fd,
      aio_buf: bytes("x"),
      aio_lio_opcode: LIO_WRITE,
      aio_sigevent: signal(4),
    });
    await lio_listio(LIO_NOWAIT, [...blocks, write], signal(9));
    await done(...blocks, write);
    return await valuesUntilEnd();
  },
  async listFailed() {
    const blocks = [read(fd), read(-1)];
    await lio_listio(LIO_NOWAIT, blocks, signal(9));
    await done(...blocks);
    return await valuesUntilEnd();
  },
  async listWithout() {
    const blocks = [read(fd), read(fd)];
    await lio_listio(LIO_NOWAIT, blocks);
    await done(...blocks);
    return await valuesUntilEnd();
  },
  async listOfNothing() {
    const skipped = read(fd, signal(1));
    skipped.aio_lio_opcode = LIO_NOP;
    await lio_listio(LIO_NOWAIT, [null, skipped], signal(9));
    return await valuesUntilEnd();
  },
  async wait() {
    await lio_listio(LIO_WAIT, [read(fd, signal(1)), read(fd)], signal(9));
    return await valuesUntilEnd();
  },
};

const results: Record<string, unknown> = {};
for (const [name, run] of Object.entries(scenarios)) {
  results[name] = await run().catch((error) => String(error));
  while (receive(set, 0) !== null); // What a failed scenario left behind.
}
console.log(JSON.stringify(results));
