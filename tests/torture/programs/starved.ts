/**
 * Makes requests of every kind while the system refuses something that is needed
 * for them, and again once it does not. Prints what came of each, and how often
 * the system refused.
 */
import { assert, assertEquals } from "@std/assert";
import { readSync, writeSync } from "node:fs";
import {
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  metrics,
  O_SYNC,
  SIGEV_THREAD,
} from "../../../mod.ts";
import {
  assertBytes,
  closeSync,
  constants,
  delay,
  openSync,
  pattern,
} from "../../helpers/mod.ts";
import {
  type Call,
  countOf,
  EVERY,
  hitsOf,
  order,
  reset,
  stop,
  watch,
} from "./faults.ts";
import { makeFifo } from "./fifo.ts";

/** `"from 7"` refuses the seventh call and all after it, `"7"` only that one. */
const [directory, call, fault, position] = Deno.args;
const kind = call as Call;
const { O_RDWR, O_NONBLOCK } = constants;
const MIB = 1024 * 1024;
const REQUESTS = 24;
const BLOCK_BYTES = 4_096;
/** More than glibc keeps entries for before it needs memory for others. */
const MANY = 200;
/** For so long the system refuses everything, from the first refusal on. */
const REFUSAL_MS = 200;
const LOOK_MS = 5;
/** What comes once too often comes within this time. */
const QUIET_MS = 20;

configure({ lanes: 8 });
const contents = pattern(2 * MIB);
const path = `${directory}/file`;
Deno.writeFileSync(path, contents);

/** Each of these makes requests of one kind, and rejects if one of them does. */
const kinds: Record<string, () => Promise<unknown>> = {
  async reads() {
    await using file = await AioFile.open(path);
    watch(file.fd);
    const reads = Array.from({ length: MANY }, async (_, at) => {
      const length = at % 40 === 0 ? 1.5 * MIB : BLOCK_BYTES;
      const into = at % 3 === 0
        ? allocatePinned(length)
        : new Uint8Array(length);
      const offset = at * 512;
      assertEquals(await file.readAt(into, offset), length);
      assertBytes(into, contents.subarray(offset, offset + length));
    });
    await allOf(reads);
  },

  async writes() {
    const own = `${directory}/written`;
    await using file = await AioFile.open(own, {
      read: true,
      write: true,
      create: true,
    });
    const writes = Array.from({ length: REQUESTS }, async (_, at) => {
      const offset = at * BLOCK_BYTES;
      const from = contents.slice(offset, offset + BLOCK_BYTES);
      assertEquals(await file.writeAt(from, offset), BLOCK_BYTES);
    });
    const syncs = [file.sync(), file.syncData(), file.sync()];
    await allOf([...writes, ...syncs]);
    const expected = contents.subarray(0, REQUESTS * BLOCK_BYTES);
    assertBytes(Deno.readFileSync(own), expected);
  },

  async "pinned appends"() {
    await appends(allocatePinned, { append: true });
  },

  async appends() {
    await appends((length) => new Uint8Array(length), { write: true });
  },

  async batch() {
    await using file = await AioFile.open(path, { read: true, write: true });
    const outcomes = await file.batch(
      Array.from({ length: MANY }, (_, at) => ({
        type: "read",
        buffer: new Uint8Array(BLOCK_BYTES),
        offset: at * BLOCK_BYTES,
      })),
    );
    await allOf(
      outcomes.map((outcome) =>
        outcome.status === "fulfilled"
          ? Promise.resolve()
          : Promise.reject(outcome.reason)
      ),
    );
  },

  async queue() {
    await using file = await AioFile.open(path, { read: true, write: true });
    for (const notify of ["auto", "suspend", "thread", "poll"] as const) {
      await using queue = new CompletionQueue<number>({ notify });
      for (let at = 0; at < REQUESTS; at++) {
        const bytes = new Uint8Array(BLOCK_BYTES);
        queue.read(file, bytes, at * BLOCK_BYTES, at);
      }
      queue.sync(file, REQUESTS);
      const errors: (AioError | null)[] = [];
      for await (const { error } of queue.drain()) errors.push(error);
      assertEquals(errors.length, REQUESTS + 1);
      const failed = errors.find((error) => error !== null);
      if (failed) throw failed;
    }
  },

  async streams() {
    const own = `${directory}/streamed`;
    await using source = await AioFile.open(path);
    await using target = await AioFile.open(own, { write: true, create: true });
    await source.readable({ chunkSize: 64 * 1024 }).pipeTo(target.writable());
    assertBytes(Deno.readFileSync(own), contents);
  },

  async pipes() {
    const own = `${directory}/fifo`;
    makeFifo(own);
    const fds = [O_RDWR, O_RDWR | O_NONBLOCK].map((flags) =>
      openSync(own, flags)
    );
    Deno.removeSync(own);
    await using blocking = AioFile.adopt(fds[0]);
    await using nonblocking = AioFile.adopt(fds[1]);
    for (const file of [blocking, nonblocking]) {
      const bytes = new Uint8Array(100);
      const read = file.readAt(bytes, 0);
      writeSync(fds[1], bytes);
      try {
        assertEquals(await read, bytes.length);
      } catch (error) {
        readSync(fds[1], bytes);
        throw error;
      }
      assertEquals(await file.writeAt(bytes, 0), bytes.length);
      assertEquals(readSync(fds[1], bytes), bytes.length);
    }
  },

  async blocks() {
    const fd = openSync(path, "r+");
    try {
      const notified = new Notified();
      const list = Array.from({ length: REQUESTS }, (_, at) =>
        new Aiocb({
          aio_fildes: fd,
          aio_buf: allocatePinned(BLOCK_BYTES),
          aio_offset: at * BLOCK_BYTES,
          aio_sigevent: notified.sigevent,
        }));
      const submitted: Aiocb[] = [];
      const sync = new Aiocb({ aio_fildes: fd });
      try {
        for (const cb of list) submitted.push(submit(() => aio_read(cb), cb));
        submitted.push(submit(() => aio_fsync(O_SYNC, sync), sync));
      } finally {
        for (const cb of submitted) await aio_suspend([cb]);
        for (const cb of submitted) {
          assertEquals(aio_error(cb), 0);
          assertEquals(aio_return(cb), cb === sync ? 0 : BLOCK_BYTES);
        }
        await notified.times(submitted.filter((cb) => cb !== sync).length);
      }
      // What was read goes back where it was.
      aio_write(list[0]);
      await aio_suspend([list[0]]);
      assertEquals(aio_return(list[0]), BLOCK_BYTES);
    } finally {
      closeSync(fd);
    }
  },

  async "list of blocks that is waited for"() {
    await list(LIO_WAIT);
  },

  async "list of blocks"() {
    await list(LIO_NOWAIT);
  },
};

/** Counts how often the system notifies. */
class Notified {
  #count = 0;
  #listener = () => {};
  readonly sigevent = {
    sigev_notify: SIGEV_THREAD,
    sigev_notify_function: () => {
      this.#count++;
      this.#listener();
    },
  };

  /** Waits until it has notified so often, and asserts that it does no more. */
  async times(count: number): Promise<void> {
    while (this.#count < count) {
      await new Promise<void>((resolve) => this.#listener = resolve);
    }
    await delay(QUIET_MS);
    assertEquals(this.#count, count);
  }
}

function submit(call: () => void, cb: Aiocb): Aiocb {
  call();
  return cb;
}

async function appends(
  allocate: (length: number) => Uint8Array,
  options: { append?: boolean; write?: boolean },
): Promise<void> {
  const own = `${directory}/log`;
  await using file = await AioFile.open(own, {
    ...options,
    create: true,
  });
  const written: Uint8Array[] = [];
  const all = Array.from({ length: REQUESTS }, async (_, at) => {
    const from = allocate(1_000);
    from.set(pattern(1_000, at));
    await file.append(from);
    written.push(from);
  });
  try {
    await allOf(all);
  } finally {
    const log = Deno.readFileSync(own);
    assertEquals(log.length, written.length * 1_000);
    written.forEach((bytes, at) =>
      assertBytes(log.subarray(at * 1_000, (at + 1) * 1_000), bytes)
    );
    Deno.removeSync(own);
  }
}

async function list(mode: number): Promise<void> {
  const fd = openSync(path, "r+");
  try {
    const blocks = Array.from({ length: MANY }, (_, at) =>
      new Aiocb({
        aio_fildes: fd,
        aio_buf: allocatePinned(BLOCK_BYTES),
        aio_offset: at * BLOCK_BYTES,
        aio_lio_opcode: LIO_READ,
      }));
    const notified = new Notified();
    const error = await lio_listio(mode, blocks, notified.sigevent)
      .then(() => null, (error) => error);
    const isSubmitted = error === null || error.code === "EAGAIN";
    await notified.times(isSubmitted && mode === LIO_NOWAIT ? 1 : 0);
    let refused = 0;
    for (const [at, cb] of blocks.entries()) {
      try {
        await aio_suspend([cb]);
        assertEquals(aio_return(cb), BLOCK_BYTES);
        const offset = at * BLOCK_BYTES;
        const expected = contents.subarray(offset, offset + BLOCK_BYTES);
        assertBytes(cb.aio_buf!, expected);
      } catch (reason) {
        if (!(reason instanceof AioError)) throw reason;
        // EINVAL: the list was refused as a whole, and nothing was submitted.
        assert(["EAGAIN", "EINVAL"].includes(reason.code), reason.message);
        refused++;
      }
    }
    if (refused > 0) assert(error !== null, "nobody was told");
    if (error !== null) throw error;
  } finally {
    closeSync(fd);
  }
}

/** Waits for all, and rejects with the first reason. */
async function allOf(promises: Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}

let looking: ReturnType<typeof setInterval> | undefined;

/** What waits until it is not refused any more has to go on some time. */
function stopInTime(): void {
  looking = setInterval(() => {
    if (hitsOf(kind) === 0) return;
    clearInterval(looking);
    setTimeout(stop, REFUSAL_MS);
  }, LOOK_MS);
}

/** What came of each kind: `"done"`, or the code of an error. */
async function everything(): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const [name, make] of Object.entries(kinds)) {
    try {
      await make();
      outcomes[name] = "done";
    } catch (error) {
      if (!(error instanceof AioError)) throw error;
      outcomes[name] = error.code;
    }
  }
  return outcomes;
}

if (position !== undefined) {
  const first = Number(position.match(/\d+/)![0]);
  const isLasting = position.startsWith("from");
  reset();
  order(kind, fault, { first, last: isLasting ? EVERY.last : first });
  if (isLasting) stopInTime();
}
const refused = await everything();
stop();
clearInterval(looking);
const counts = { count: countOf(kind), hits: hitsOf(kind) };
await delay(0);
const then = await everything();
const { inFlight, queued } = metrics();
console.log(
  JSON.stringify({ ...counts, refused, then, left: [inFlight, queued] }),
);
