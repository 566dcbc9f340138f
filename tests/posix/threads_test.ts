/**
 * The sentences of POSIX on notification by a function on a thread of the
 * system (SIGEV_THREAD); see `docs/posix.md`.
 */
import { assertEquals, assertRejects } from "@std/assert";
import {
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_fsync,
  AIO_NOTCANCELED,
  aio_read,
  aio_return,
  aio_write,
  Aiocb,
  AioError,
  allocatePinned,
  ECANCELED,
  EINVAL,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  O_SYNC,
  SIGEV_THREAD,
  type Sigevent,
} from "../../mod.ts";
import {
  assertErrno,
  blockedRead,
  bytes,
  Calls,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  test,
  text,
} from "./helpers.ts";

function read(fd: number, sigevent?: Sigevent): Aiocb {
  return new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(1),
    aio_lio_opcode: LIO_READ,
    ...(sigevent && { aio_sigevent: sigevent }),
  });
}

test(
  "aio_read() with SIGEV_THREAD calls the function once, with the value [read-09, sigev-05, sigev-06]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const calls = new Calls();
    const block = read(fifo.fd, calls.sigevent(-7));
    aio_read(block);
    await delay(20);
    assertEquals(calls.values, []);
    fifo.feed("x");
    assertEquals(await calls.settle(1), [-7]);
    // When the function is called, the request is done.
    assertEquals(aio_return(block), 1);
  },
);

test(
  "aio_write() with SIGEV_THREAD calls the function once, with the value [write-10, sigev-05, sigev-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    const calls = new Calls();
    const block = new Aiocb({
      aio_fildes: directory.file(),
      aio_buf: bytes("x"),
      aio_sigevent: calls.sigevent(2147483647),
    });
    aio_write(block);
    assertEquals(await calls.settle(1), [2147483647]);
    assertEquals(aio_return(block), 1);
  },
);

test(
  "aio_fsync() with SIGEV_THREAD calls the function once, with the value [fsync-11, sigev-05, sigev-06]",
  { ignore },
  async () => {
    using directory = new Directory();
    const calls = new Calls();
    const block = new Aiocb({
      aio_fildes: directory.file("abc"),
      aio_sigevent: calls.sigevent(3),
    });
    aio_fsync(O_SYNC, block);
    assertEquals(await calls.settle(1), [3]);
    assertEquals(aio_return(block), 0);
  },
);

test("aio_read() with SIGEV_THREAD keeps many notifications apart [sigev-06]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("abc");
  const calls = new Calls();
  const blocks = Array.from(
    { length: 200 },
    (_, index) => read(fd, calls.sigevent(index)),
  );
  for (const block of blocks) aio_read(block);
  const values = await calls.settle(blocks.length);
  assertEquals(
    values.toSorted((one, other) => one - other),
    blocks.map((_, index) => index),
  );
  for (const block of blocks) assertEquals(aio_return(block), 1);
});

test(
  "aio_read() that fails calls its function too [read-09]",
  { ignore },
  async () => {
    const calls = new Calls();
    const block = read(-1, calls.sigevent(4));
    aio_read(block);
    assertEquals(await calls.settle(1), [4]);
    assertErrno(aio_error(block), () => aio_return(block));
  },
);

test("aio_cancel() has the functions of canceled requests called [cancel-04]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const calls = new Calls();
  const running = await blockedRead(fifo);
  const queued = [5, 6, 7].map((value) => {
    const block = read(fifo.fd, calls.sigevent(value));
    aio_read(block);
    return block;
  });
  assertEquals(aio_cancel(fifo.fd, queued[1]), AIO_CANCELED);
  assertEquals(await calls.settle(1), [6]);
  assertEquals(aio_cancel(fifo.fd), AIO_NOTCANCELED);
  assertEquals((await calls.settle(3)).toSorted(), [5, 6, 7]);
  assertEquals(queued.map(aio_error), queued.map(() => ECANCELED));
  fifo.feed("x");
  await done(running);
});

test(
  "lio_listio() with SIGEV_THREAD calls the function once, when the whole list is done [listio-04, listio-06, sigev-05]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const calls = new Calls();
    const list = [read(directory.file("abc")), read(fifo.fd), read(fifo.fd)];
    await lio_listio(LIO_NOWAIT, list, calls.sigevent(9));
    fifo.feed("x");
    await done(list[0], list[1]);
    await delay(20);
    assertEquals(calls.values, []);
    fifo.feed("x");
    assertEquals(await calls.settle(1), [9]);
    assertEquals(list.map(aio_return), [1, 1, 1]);
  },
);

const DIGITS = "0123456789".repeat(100);

test(
  "aio_read() can be called by its own SIGEV_THREAD function, with the same block [aio-10, sigev-05]",
  { ignore, onFirstThread: import.meta.url },
  async () => {
    using directory = new Directory();
    const fd = directory.file(DIGITS);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let contents = "";
    const next = () => {
      contents += text(block.aio_buf!);
      if (contents.length === DIGITS.length) return resolve();
      block.aio_offset = contents.length;
      aio_read(block);
    };
    const block = read(fd, {
      sigev_notify: SIGEV_THREAD,
      sigev_notify_function: () => {
        try {
          next();
        } catch (error) {
          reject(error);
        }
      },
    });
    aio_read(block);
    await promise;
    assertEquals(contents, DIGITS);
  },
);

test(
  "lio_listio() can be called by the function of a list, with the same blocks [listio-06, aio-10]",
  { ignore, onFirstThread: import.meta.url },
  async () => {
    using directory = new Directory();
    const fd = directory.file(DIGITS);
    const list = [read(fd), read(fd)];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let contents = "";
    const submit = async () => {
      for (const [index, block] of list.entries()) {
        block.aio_offset = contents.length + index;
      }
      await lio_listio(LIO_NOWAIT, list, {
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function: next,
      });
    };
    const next = () => {
      contents += list.map((block) => text(block.aio_buf!)).join("");
      if (contents.length === DIGITS.length) resolve();
      else submit().catch(reject);
    };
    await submit();
    await promise;
    assertEquals(contents, DIGITS);
  },
);

test(
  "lio_listio() calls the functions of the requests and of the list [listio-06, listio-16]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    const calls = new Calls();
    const list = [1, 2, 3].map((value) => read(fd, calls.sigevent(value)));
    await lio_listio(LIO_NOWAIT, list, calls.sigevent(9));
    assertEquals((await calls.settle(4)).toSorted(), [1, 2, 3, 9]);
    await done(...list);
  },
);

test(
  "lio_listio() of nothing with SIGEV_THREAD calls the function [listio-06, listio-08]",
  { ignore },
  async () => {
    const calls = new Calls();
    await lio_listio(LIO_NOWAIT, [null], calls.sigevent(9));
    assertEquals(await calls.settle(1), [9]);
  },
);

test(
  "lio_listio() calls the function of an entry with an unknown aio_lio_opcode [aio-08]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("abc");
    for (const mode of [LIO_NOWAIT, LIO_WAIT]) {
      const calls = new Calls();
      const list = [1, 2, 3, 4].map((value) => read(fd, calls.sigevent(value)));
      list[1].aio_lio_opcode = 77;
      // C does not queue this one.
      list[2].aio_reqprio = -1;
      await assertRejects(() => lio_listio(mode, list), AioError);
      assertEquals((await calls.settle(3)).toSorted(), [1, 2, 4]);
      assertEquals(list.map(aio_error), [0, EINVAL, EINVAL, 0]);
    }
  },
);

test("lio_listio() with LIO_WAIT never calls the list's function [listio-03]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const calls = new Calls();
  const block = read(directory.file("abc"), calls.sigevent(1));
  await lio_listio(LIO_WAIT, [block], calls.sigevent(9));
  assertEquals(await calls.settle(1), [1]);
});
