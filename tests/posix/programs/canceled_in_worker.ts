/**
 * In a worker, where requests have buffers of the library's own: cancels the first
 * request of a descriptor before a thread has it, and prints what became of the
 * others.
 */
import {
  aio_cancel,
  AIO_CANCELED,
  aio_init,
  Aiocb,
  lio_listio,
  LIO_NOWAIT,
  LIO_WRITE,
  SIGEV_THREAD,
} from "../../../mod.ts";
import {
  blockedRead,
  bytes,
  delay,
  Directory,
  done,
  Fifo,
  startRead,
  text,
} from "../helpers.ts";

async function cancel() {
  aio_init({ aio_threads: 1 });
  using fifo = new Fifo();
  using directory = new Directory();
  const blocked = await blockedRead(fifo);
  const fd = directory.file("01234");
  const called: number[] = [];
  const aio_sigevent = (value: number) => ({
    sigev_notify: SIGEV_THREAD,
    sigev_value: value,
    sigev_notify_function: (value: number) => called.push(value),
  });
  const [first, ...reads] = [0, 1, 2].map((at) =>
    startRead(fd, 1, at, { aio_sigevent: aio_sigevent(at) })
  );
  const writes = [0, 1].map((aio_offset) =>
    new Aiocb({
      aio_fildes: fd,
      aio_offset,
      aio_buf: bytes("x"),
      aio_lio_opcode: LIO_WRITE,
    })
  );
  await lio_listio(LIO_NOWAIT, writes);
  const canceled = aio_cancel(fd, first) === AIO_CANCELED;
  fifo.feed("x");
  await done(blocked, ...reads, ...writes);
  while (called.length < 3) await delay(1);
  return {
    canceled,
    read: reads.map((block) => text(block.aio_buf!)),
    written: directory.contents(fd),
    called: called.toSorted(),
  };
}

if ("WorkerGlobalScope" in globalThis) {
  const scope = globalThis as unknown as { postMessage(data: unknown): void };
  scope.postMessage(await cancel());
} else {
  const worker = new Worker(import.meta.url, { type: "module" });
  worker.onmessage = ({ data }) => {
    console.log(JSON.stringify(data));
    worker.terminate();
  };
}
