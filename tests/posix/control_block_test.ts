/**
 * The sentences of POSIX on the control block (section 2.8.2, Asynchronous
 * I/O), and the stricter rules that stand here for what it leaves undefined;
 * see `docs/posix.md`.
 */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  allocatePinned,
  EINPROGRESS,
  lio_listio,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  metrics,
  O_SYNC,
  SIGEV_NONE,
} from "../../mod.ts";
import { requestOf } from "../../lib/posix/aiocb.ts";
import { librt } from "../../lib/system/librt.ts";
import {
  blockedRead,
  bytes,
  delay,
  Directory,
  done,
  Fifo,
  ignore,
  runProgram,
  startRead,
  startWrite,
  test,
  text,
} from "./helpers.ts";

/** Another value for each member, and none that it has already. */
function changes(): [string, (block: Aiocb) => void][] {
  return [
    ["aio_fildes", (block) => block.aio_fildes = 0],
    ["aio_offset", (block) => block.aio_offset = 1],
    ["aio_buf", (block) => block.aio_buf = allocatePinned(1)],
    ["aio_buf", (block) => block.aio_buf = null],
    ["aio_nbytes", (block) => block.aio_nbytes = 0],
    ["aio_lio_opcode", (block) => block.aio_lio_opcode = LIO_WRITE],
    ["aio_reqprio", (block) => block.aio_reqprio = 1],
    [
      "aio_sigevent",
      (block) => block.aio_sigevent = { sigev_notify: SIGEV_NONE },
    ],
  ];
}

test("Aiocb has the members of the standard [aio-01]", { ignore }, () => {
  const buffer = bytes("abcdef");
  const block = new Aiocb({
    aio_fildes: 5,
    aio_offset: 2n ** 40n,
    aio_buf: buffer,
    aio_nbytes: 4,
    aio_lio_opcode: LIO_WRITE,
    aio_reqprio: 3,
    aio_sigevent: { sigev_notify: SIGEV_NONE },
  });
  assertEquals(block.aio_fildes, 5);
  assertEquals(BigInt(block.aio_offset), 2n ** 40n);
  assertEquals(block.aio_buf, buffer);
  assertEquals(block.aio_nbytes, 4);
  assertEquals(block.aio_lio_opcode, LIO_WRITE);
  assertEquals(block.aio_reqprio, 3);
  assertEquals(block.aio_sigevent.sigev_notify, SIGEV_NONE);

  const plain = new Aiocb({ aio_buf: buffer });
  assertEquals(plain.aio_fildes, -1);
  assertEquals(plain.aio_nbytes, buffer.byteLength);
  assertEquals(plain.aio_reqprio, 0);
  assertEquals(plain.aio_sigevent.sigev_notify, SIGEV_NONE);
});

test(
  "Aiocb leaves the file beyond 2^32 within reach [aio-03]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file();
    const offset = 2n ** 33n + 1n;
    const write = new Aiocb({
      aio_fildes: fd,
      aio_buf: bytes("far"),
      aio_offset: offset,
    });
    aio_write(write);
    await done(write);
    assertEquals(aio_return(write), 3);
    const read = startRead(fd, 10, Number(offset));
    await done(read);
    assertEquals(aio_return(read), 3);
    assertEquals(text(read.aio_buf!.subarray(0, 3)), "far");
    assertEquals(Deno.statSync(`/proc/self/fd/${fd}`).size, 2 ** 33 + 4);
  },
);

test("Aiocb runs requests of one priority in the order of calls [aio-05]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const blocks = [await blockedRead(fifo)];
  while (blocks.length < 9) blocks.push(startRead(fifo.fd));
  fifo.feed("123456789");
  await done(...blocks);
  assertEquals(
    blocks.map((block) => text(block.aio_buf!)).join(""),
    "123456789",
  );
});

test("Aiocb has one address, by which each request is known [aio-07]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const block = new Aiocb({
    aio_fildes: fifo.fd,
    aio_buf: allocatePinned(1),
  });
  for (const data of "ab") {
    aio_read(block);
    const { address } = block;
    assertNotEquals(address, 0n);
    assertNotEquals(address, new Aiocb().address);
    fifo.feed(data);
    await done(block);
    assertEquals(block.address, address);
    assertEquals(aio_return(block), 1);
    assertEquals(block.address, address);
  }
});

test(
  "Aiocb has another address while an aio_suspend() names the old one [aio-07]",
  {
    ignore,
  },
  async () => {
    using fifo = new Fifo();
    const block = await blockedRead(fifo);
    const { address } = block;
    const { suspends } = metrics();
    const wait = aio_suspend([block]);
    while (metrics().suspends === suspends) await delay(1);
    fifo.feed("a");
    // Not awaited: the native call has not returned to the event loop.
    while (aio_error(block) === EINPROGRESS);
    assertEquals(aio_return(block), 1);
    assertEquals(block.address, address);
    aio_read(block);
    assertNotEquals(block.address, address);
    fifo.feed("b");
    await wait;
    await done(block);
    assertEquals(text(block.aio_buf!), "b");
    // Once the call has returned, the old one is for others.
    for (let isUsed = false; !isUsed; await delay(1)) {
      using other = new Aiocb();
      isUsed = other.address === address;
    }
  },
);

test(
  "Aiocb throws TypeError when a member is changed in progress [aio-10, aio-11]",
  { ignore },
  async () => {
    using fifo = new Fifo();
    const running = await blockedRead(fifo);
    const queued = startRead(fifo.fd);
    for (const block of [running, queued]) {
      const before = { ...members(block) };
      for (const [member, change] of changes()) {
        assertThrows(() => change(block), TypeError, undefined, member);
      }
      assertThrows(() => block.aio_sigevent.sigev_value = 5, TypeError);
      assertEquals(members(block), before);
      assertEquals(aio_error(block), EINPROGRESS);
    }
    fifo.feed("xy");
    await done(running, queued);
    assertEquals([running, queued].map(aio_return), [1, 1]);
  },
);

function members(block: Aiocb) {
  return {
    fildes: block.aio_fildes,
    offset: block.aio_offset,
    buf: block.aio_buf,
    nbytes: block.aio_nbytes,
    opcode: block.aio_lio_opcode,
    reqprio: block.aio_reqprio,
    sigevent: { ...block.aio_sigevent },
  };
}

test(
  "Aiocb is the program's own again when the request is retrieved [aio-10]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("0123456789");
    const block = startRead(fd);
    await done(block);
    aio_return(block);
    for (const [, change] of changes()) change(block);
    block.aio_sigevent.sigev_value = 5;
    assertEquals(block.aio_sigevent.sigev_value, 5);
    block.aio_fildes = fd;
    block.aio_buf = bytes("--");
    block.aio_nbytes = 2;
    block.aio_offset = 4;
    aio_read(block);
    await done(block);
    assertEquals(aio_return(block), 2);
    assertEquals(text(block.aio_buf), "45");
  },
);

/** Waits without the library's knowing until the system is done with a block. */
function untilServed(block: Aiocb): void {
  const { pointer } = requestOf(block).block;
  while (librt().aio_error(pointer) === EINPROGRESS);
}

test(
  "Aiocb can be changed and submitted as soon as the system is done with it [aio-10]",
  { ignore },
  async () => {
    using directory = new Directory();
    const fd = directory.file("0123456789");
    const block = startRead(fd);
    for (const [member, change] of changes()) {
      untilServed(block);
      change(block);
      Object.assign(block, {
        aio_fildes: fd,
        aio_buf: bytes("--"),
        aio_nbytes: 2,
        aio_lio_opcode: LIO_READ,
      });
      aio_read(block);
      untilServed(block);
      aio_read(block);
      untilServed(block);
      await lio_listio(LIO_WAIT, [block]);
      assertEquals(aio_return(block), 2, member);
      aio_read(block);
    }
    await done(block);
  },
);

test(
  "Aiocb can be disposed of idle, in progress and done, and twice [aio-12]",
  { ignore },
  async () => {
    using directory = new Directory();
    using fifo = new Fifo();
    const finished = startRead(directory.file("abc"));
    await done(finished);
    const running = await blockedRead(fifo);
    const queued = startRead(fifo.fd);
    for (const block of [new Aiocb(), finished, running, queued]) {
      block[Symbol.dispose]();
      block[Symbol.dispose]();
    }
    const last = startRead(fifo.fd);
    fifo.feed("123");
    await done(last);
    // The two before it have run, although nobody holds them any more.
    assertEquals(text(last.aio_buf!), "3");
  },
);

test("Aiocb disposed of in progress is used again when it is done [aio-12]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  // One of the neighbours lies in the same memory, which is kept with it.
  const neighbours = [new Aiocb()];
  const block = await blockedRead(fifo);
  neighbours.push(new Aiocb());
  const { address } = block;
  block[Symbol.dispose]();
  for (let isUsed = false; !isUsed; await delay(1)) {
    fifo.feed("x");
    using other = new Aiocb();
    isUsed = other.address === address;
  }
  assertEquals(neighbours.length, 2);
});

test("Aiocb dropped in progress keeps its memory until it is done [aio-12]", {
  ignore,
}, async () => {
  const { collected, last } = await runProgram("dropped_blocks", {
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
  });
  assert(collected, "the collector has not run");
  // One byte went to each of the blocks that nobody holds.
  assertEquals(last, "y");
});

test("Aiocb has the return status of the synchronous operation [aio-13]", {
  ignore,
}, async () => {
  using directory = new Directory();
  const fd = directory.file("0123456789");
  const sync = new Aiocb({ aio_fildes: fd });
  aio_fsync(O_SYNC, sync);
  const blocks = [startRead(fd, 4), startWrite(fd, "abcde"), sync];
  await done(...blocks);
  assertEquals(blocks.map(aio_return), [4, 5, 0]);
});

test("Aiocb with an aio_reqprio leaves the process's own priority [aio-14]", {
  ignore,
}, async () => {
  using fifo = new Fifo();
  const before = priorities();
  const running = await blockedRead(fifo);
  const block = new Aiocb({
    aio_fildes: fifo.fd,
    aio_buf: allocatePinned(1),
    aio_reqprio: 20,
  });
  aio_read(block);
  assertEquals(priorities(), before);
  fifo.feed("12");
  await done(running, block);
  assertEquals(priorities(), before);
});

/** Priority, nice value, real-time priority and policy of this process. */
function priorities(): string[] {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // Fields are counted behind the name, which is the second and in brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return [18, 19, 40, 41].map((field) => fields[field - 3]);
}
