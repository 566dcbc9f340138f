/**
 * Queues a request while the thread has a higher priority, behind one from
 * before, and prints in which order they ran.
 */
import { aio_read, aio_return, Aiocb, allocatePinned } from "../../../mod.ts";
import { blockedRead, done, Fifo, text } from "../helpers.ts";
import { libc } from "./libc.ts";

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;

function setPriority(policy: number, priority: number): void {
  const result = libc.pthread_setschedparam(
    libc.pthread_self(),
    policy,
    new Int32Array([priority]),
  );
  if (result !== 0) throw new Error(`pthread_setschedparam: errno ${result}`);
}

using fifo = new Fifo();
const newBlock = () =>
  new Aiocb({ aio_fildes: fifo.fd, aio_buf: allocatePinned(1) });

const first = await blockedRead(fifo);
const plain = newBlock();
aio_read(plain);
const raised = newBlock();
setPriority(SCHED_FIFO, 5);
aio_read(raised);
setPriority(SCHED_OTHER, 0);

fifo.feed("123");
const blocks = { first, plain, raised };
await done(...Object.values(blocks));
const order = Object.entries(blocks)
  .map(([name, block]) => ({ name, place: text(block.aio_buf!) }))
  .sort((one, other) => one.place.localeCompare(other.place))
  .map(({ name }) => name);
for (const block of Object.values(blocks)) aio_return(block);
console.log(JSON.stringify({ order }));
