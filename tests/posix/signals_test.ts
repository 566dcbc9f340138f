/**
 * The sentences of POSIX on notification by signal (SIGEV_SIGNAL) and on none
 * (SIGEV_NONE); see `docs/posix.md`.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AIO_NOTCANCELED,
  aio_read,
  aio_return,
  Aiocb,
  AioError,
  allocatePinned,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  SIGEV_SIGNAL,
} from "../../mod.ts";
import {
  Directory,
  done,
  Fifo,
  ignore,
  PATIENCE_MS,
  runProgram,
  test,
  text,
} from "./helpers.ts";

const SIGUSR1 = 10;
const SIGUSR2 = 12;
const SIGRTMIN = 34;
const SI_ASYNCIO = -4;

// One process for all scenarios; whichever test comes first starts it.
// deno-lint-ignore no-explicit-any
let running: Promise<any> | null = null;
// deno-lint-ignore no-explicit-any
async function scenario(name: string): Promise<any> {
  running ??= runProgram("queued_signals");
  return (await running)[name];
}

/** Listens for one signal. */
function signalOf(name: Deno.Signal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A listener alone does not keep the event loop alive.
  const timer = setTimeout(() => {
    Deno.removeSignalListener(name, listener);
    reject(new Error(`${name} did not arrive`));
  }, PATIENCE_MS);
  const listener = () => {
    clearTimeout(timer);
    Deno.removeSignalListener(name, listener);
    resolve();
  };
  Deno.addSignalListener(name, listener);
  return promise;
}

test(
  "aio_read() with SIGEV_SIGNAL sends the signal to its listener [read-09, aio-08, sigev-02]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const signal = signalOf("SIGUSR1");
    const block = new Aiocb({
      aio_fildes: fifo.fd,
      aio_buf: allocatePinned(1),
      aio_sigevent: { sigev_notify: SIGEV_SIGNAL, sigev_signo: SIGUSR1 },
    });
    aio_read(block);
    fifo.feed("x");
    await signal;
    await done(block);
    assertEquals(aio_return(block), 1);
  },
);

test(
  "aio_read() can be called by its own signal's handler, with the same block [aio-10, sigev-02]",
  { ignore, onFirstThread: import.meta.url },
  async () => {
    using directory = new Directory();
    const digits = "0123456789".repeat(10);
    const block = new Aiocb({
      aio_fildes: directory.file(digits),
      aio_buf: allocatePinned(1),
      aio_sigevent: { sigev_notify: SIGEV_SIGNAL, sigev_signo: SIGUSR1 },
    });
    let contents = "";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const alive = setTimeout(reject, PATIENCE_MS, new Error("no signal"));
    const next = () => {
      contents += text(block.aio_buf!);
      if (contents.length === digits.length) return resolve();
      block.aio_offset = contents.length;
      aio_read(block);
    };
    Deno.addSignalListener("SIGUSR1", next);
    aio_read(block);
    await promise;
    clearTimeout(alive);
    Deno.removeSignalListener("SIGUSR1", next);
    assertEquals(contents, digits);
  },
);

test(
  "lio_listio() with SIGEV_SIGNAL sends the signal to its listener [listio-06, sigev-02]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const signal = signalOf("SIGUSR2");
    const list = [0, 1, 2].map((offset) =>
      new Aiocb({
        aio_fildes: fd,
        aio_buf: allocatePinned(1),
        aio_offset: offset,
        aio_lio_opcode: LIO_READ,
      })
    );
    await lio_listio(LIO_NOWAIT, list, {
      sigev_notify: SIGEV_SIGNAL,
      sigev_signo: SIGUSR2,
    });
    await signal;
    assertEquals(list.map(aio_return), [1, 1, 1]);
  },
);

test(
  "lio_listio() sends the signal of an entry with an unknown aio_lio_opcode [aio-08]",
  { ignore },
  async () => {
    using directory = new Directory();
    const signal = signalOf("SIGUSR2");
    const block = new Aiocb({
      aio_fildes: directory.file("abc"),
      aio_buf: allocatePinned(1),
      aio_lio_opcode: 77,
      aio_sigevent: { sigev_notify: SIGEV_SIGNAL, sigev_signo: SIGUSR2 },
    });
    await assertRejects(() => lio_listio(LIO_NOWAIT, [block]), AioError);
    await signal;
  },
);

test(
  "aio_read() queues a signal with its value and SI_ASYNCIO [read-09, sigev-03, sigev-04]",
  { ignore },
  async () => {
    assertEquals(await scenario("read"), {
      signo: SIGRTMIN + 1,
      code: SI_ASYNCIO,
      value: 42,
      own: true,
    });
  },
);

test(
  "aio_write() queues a signal with its value and SI_ASYNCIO [write-10, sigev-03, sigev-04]",
  { ignore },
  async () => {
    assertEquals(await scenario("write"), {
      signo: SIGUSR1,
      code: SI_ASYNCIO,
      value: -2147483648,
      own: true,
    });
  },
);

test("aio_fsync() queues a signal when it is done [fsync-11, sigev-03]", {
  ignore,
}, async () => {
  assertEquals(await scenario("fsync"), [1, 2]);
});

test("aio_read() sends no signal before it is done [read-09, aio-08]", {
  ignore,
}, async () => {
  assertEquals(await scenario("notBefore"), { early: null, values: [3] });
});

test(
  "aio_read() with SIGEV_NONE, or without, sends nothing [aio-09, sigev-01]",
  { ignore },
  async () => {
    assertEquals(await scenario("none"), []);
  },
);

test(
  "aio_read() queues one signal for each request [sigev-03]",
  { ignore },
  async () => {
    const values: number[] = await scenario("many");
    assertEquals(
      values.toSorted((one, other) => one - other),
      Array.from({ length: 50 }, (_, index) => index),
    );
  },
);

test(
  "aio_read() that fails sends its signal too [read-09]",
  { ignore },
  async () => {
    assertEquals(await scenario("failed"), [4]);
  },
);

test("aio_cancel() has the signals of canceled requests sent [cancel-04]", {
  ignore,
}, async () => {
  const { one, all } = await scenario("canceled");
  assertEquals(one, [6]);
  assertEquals(all.toSorted(), [5, 7]);
});

test(
  "aio_cancel() leaves the signal of a running request for its end [cancel-05]",
  { ignore },
  async () => {
    assertEquals(await scenario("notCanceled"), {
      outcome: AIO_NOTCANCELED,
      early: [],
      values: [8],
    });
  },
);

test(
  "lio_listio() sends its signal once, when the whole list is done [listio-04, listio-06]",
  { ignore },
  async () => {
    assertEquals(await scenario("list"), { early: [[], []], values: [9] });
  },
);

test(
  "lio_listio() honours the requests' own notifications [listio-06, listio-16]",
  { ignore },
  async () => {
    const values: number[] = await scenario("individual");
    assertEquals(values.at(-1), 9);
    assertEquals(values.toSorted(), [1, 2, 3, 4, 9]);
  },
);

test("lio_listio() sends its signal when requests have failed [listio-06]", {
  ignore,
}, async () => {
  assertEquals(await scenario("listFailed"), [9]);
});

test(
  "lio_listio() without sigevent sends nothing [listio-05]",
  { ignore },
  async () => {
    assertEquals(await scenario("listWithout"), []);
  },
);

test(
  "lio_listio() of nothing but null and LIO_NOP sends its signal [listio-06, listio-08, listio-11]",
  { ignore },
  async () => {
    assertEquals(await scenario("listOfNothing"), [9]);
  },
);

test(
  "lio_listio() with LIO_WAIT ignores sigevent [listio-03]",
  { ignore },
  async () => {
    const values: number[] = await scenario("wait");
    assert(!values.includes(9), "the list's signal was sent");
    assertEquals(values, [1]);
  },
);
