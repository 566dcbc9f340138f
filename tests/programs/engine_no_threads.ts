/**
 * Makes requests of every kind while the system may not start a thread, and has
 * one notified of what is done while it may not. Prints what came of them.
 */
import {
  aio_read,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  SIGEV_THREAD,
} from "../../mod.ts";
import { delay, Fifo, isPending, pattern, timeLimit } from "../helpers/mod.ts";
import {
  becomeOrdinaryUser,
  limit,
  RLIMIT_NPROC,
  startThreads,
} from "../posix/programs/libc.ts";

const PATIENCE_MS = timeLimit(3_000);

becomeOrdinaryUser();

const tasks = {
  async requests(path: string): Promise<unknown> {
    const file = await AioFile.open(path, { read: true, write: true });
    const queue = new CompletionQueue<number>();
    await startThreads();
    const unlimit = limit(RLIMIT_NPROC, 0n);
    const calls: Promise<unknown>[] = [];
    for (let index = 0; index < 30; index++) {
      calls.push(
        file.readAt(new Uint8Array(10), index),
        file.writeAt(pattern(10, index), 1000 + index),
        file.append(pattern(10)),
        file.sync(),
        file.batch([{ type: "read", buffer: new Uint8Array(10), offset: 0 }]),
      );
      queue.read(file, new Uint8Array(10), index, index);
      queue.write(file, new Uint8Array(10), 2000, index);
      queue.sync(file, index);
    }
    await delay(50);
    const areWaiting = await Promise.all(
      calls.slice(0, 5).map((call) => isPending(call, 0)),
    );
    const waiting = queue.inFlight;
    unlimit();
    const settled = await Promise.allSettled(calls);
    let completed = 0;
    for await (const { error } of queue.drain()) {
      if (error === null) completed++;
    }
    const failed = settled.filter(({ status }) => status === "rejected").length;
    return { areWaiting, waiting, failed, completed };
  },

  async notification(path: string): Promise<unknown> {
    configure({ threads: 1 });
    const file = await AioFile.open(path);
    const fifo = new Fifo();
    const queue = new CompletionQueue<number>({ notify: "thread" });
    // The only thread waits for a FIFO; then it serves the file, and notifies.
    // It is notified of, too: no thread of the runtime has to wait for it.
    aio_read(
      new Aiocb({
        aio_fildes: fifo.file.fd,
        aio_buf: allocatePinned(1),
        aio_sigevent: {
          sigev_notify: SIGEV_THREAD,
          sigev_notify_function: () => {},
        },
      }),
    );
    await delay(50); // Until the thread waits.
    queue.read(file, new Uint8Array(1), 0, 7);
    await startThreads();
    const unlimit = limit(RLIMIT_NPROC, 0n);
    fifo.feed("x");
    await delay(50);
    unlimit();
    const next = queue.drain().next();
    return await isPending(next, PATIENCE_MS) ? null : (await next).value.tag;
  },
};

const [task, path] = Deno.args;
console.log(JSON.stringify(await tasks[task as keyof typeof tasks](path)));
Deno.exit();
