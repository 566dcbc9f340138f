// Pipes, sockets and terminals: transfers by calls that do not wait, in each of
// the ways in which the system can do that.

import { assert, assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { librt } from "../../ffi/librt.ts";
import type { EngineRequest } from "../../lib/engine/engine.ts";
import { NonblockingCalls } from "../../lib/engine/streams/nonblocking_calls.ts";
import { EAGAIN } from "../../lib/system/constants.ts";
import { AioFile, allocatePinned } from "../../mod.ts";
import {
  close,
  growPipe,
  openPipe,
  openSockets,
  openTerminal,
  openWatch,
  read,
  setNonblocking,
  SOCK_SEQPACKET,
  write,
} from "../helpers/channels.ts";
import {
  assertAioError,
  assertBytes,
  canStrace,
  concat,
  constants,
  cut,
  decode,
  delay,
  Directory,
  encode,
  engineHere,
  Fifo,
  hasPreadv2,
  isLinux,
  isPending,
  pattern,
  report,
  strace,
  succeeds,
  test,
  turn,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;
/** What one call transfers at most. */
const CALL_BYTES = 256 * 1024;
const O_CLOEXEC = 0o2000000;

const ordinary = (byteLength: number) => new Uint8Array(byteLength);

/** The open descriptors of this process. */
function descriptors(): string[] {
  return readdirSync("/proc/self/fd");
}

/** Whether a process that is started has this descriptor, too. */
function isInheritable(fd: string): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const [, flags] = info.match(/^flags:\s*([0-7]+)$/m)!;
    return (parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    return false; // The one that listed the others.
  }
}

const canTrace = canStrace();

/** What a console shows: a device that has offsets. */
const CONSOLE = "/dev/vcsa1";
const hasConsole = isLinux && succeeds("head", "-c", "1", CONSOLE);

const WITHOUT_NOWAIT = strace(
  "/dev/null",
  ...["-e", "trace=preadv2,pwritev2"],
  ...["-e", "inject=preadv2,pwritev2:error=EOPNOTSUPP"],
);

/** By node:fs, a pipe is opened once more before anything is read. */
const moreWhileWaiting = engineHere() === "fs" ? 0 : 1;

/** How many more descriptors are open while a read waits. */
const ways = {
  "a pipe, without waiting": { args: ["pipe"], more: 0, isThere: hasPreadv2 },
  "sockets, without waiting": { args: ["socket"], more: 0 },
  "a pipe that is opened once more": {
    args: ["pipe"],
    wrapper: WITHOUT_NOWAIT,
    more: moreWhileWaiting,
  },
  "a FIFO that is opened once more": {
    args: ["fifo"],
    wrapper: WITHOUT_NOWAIT,
    more: moreWhileWaiting,
  },
  "a FIFO that cannot be opened once more": {
    args: ["fifo", "none"],
    wrapper: WITHOUT_NOWAIT,
    more: 0,
  },
};

for (const [what, way] of Object.entries(ways)) {
  const { args, more, isThere, ...options } = { isThere: true, ...way };
  test(
    `readAt() and writeAt() transfer in order and can be canceled: ${what}`,
    { ignore: !isLinux || "wrapper" in options && !canTrace || !isThere },
    async () => {
      using directory = new Directory();
      Deno.chmodSync(directory.path, 0o755);
      const outcome = await report("stream_ways", {
        args: [directory.path, ...args],
        ...options,
      });
      assertEquals(outcome, {
        "long writes in pieces keep their order": [
          true,
          [300_000, 1, 0, 200_000, 5_000],
        ],
        "reads take what is there, in the order of the calls": [
          [3, 0, 2, 1],
          true,
          ["abc", "", "de", "f"],
        ],
        "one of several reads is aborted": ["first", 1, "last", 1, "b"],
        "a write is aborted of which a part is written": [
          "ECANCELED",
          "enough",
          true,
          true,
          "next",
          4,
        ],
        "a write that has not begun is aborted": [
          "enough",
          [1_000_000, 3],
          true,
          "yes",
        ],
        "a read ends at the end of file, also one that waits": [[3, 0], 0],
        "a write fails when nobody reads, also one that waits": [
          "EPIPE",
          "EPIPE",
        ],
        "nothing is transferred by transfers without a length": [
          [0, 0],
          true,
          1,
        ],
        "what was canceled leaves no descriptor, and nothing behind": [
          more,
          1,
          "ECANCELED",
          0,
          0,
          0,
        ],
      });
    },
  );
}

test("readAt() of more than the process may have descriptors is served", {
  ignore: !isLinux,
}, async () => {
  assertEquals(
    await report("poll_limit", {
      args: ["300"],
      wrapper: ["bash", "-c", 'ulimit -n 200; exec "$@"', "bash"],
    }),
    { limit: 200, done: 300 },
  );
});

test("readAt() and writeAt() of a terminal's both sides reach the other side", {
  ignore: !isLinux,
}, async () => {
  const { master, terminal } = openTerminal();
  await using keyboard = AioFile.adopt(master);
  await using file = AioFile.adopt(terminal);
  const typed = new Uint8Array(9);
  const reading = file.readAt(typed, 0);
  await keyboard.writeAt(encode("hi\n"), 0);
  assertEquals(await reading, 3);
  assertEquals(decode(typed.subarray(0, 3)), "hi\n");
  await file.writeAt(encode("hello"), 0);
  // The echo comes first.
  let shown = "";
  while (shown.length < 9) {
    const bytes = new Uint8Array(99);
    shown += decode(bytes.subarray(0, await keyboard.readAt(bytes, 0)));
  }
  assertEquals(shown, "hi\r\nhello");
  // Neither has anything to read.
  const waiting = [keyboard, file].map((one) =>
    one.readAt(new Uint8Array(1), 0)
  );
  await turn();
  const outcomes = waiting.map((read) => assertAioError(read, "ECANCELED"));
  assertEquals([await keyboard.cancel(), await file.cancel()], [1, 1]);
  await Promise.all(outcomes);
});

test("writeAt() to a terminal that nobody reads waits, and can be canceled", {
  ignore: !isLinux,
}, async () => {
  for (const side of ["master", "terminal"] as const) {
    const { master, terminal } = openTerminal();
    await using keyboard = AioFile.adopt(master);
    await using screen = AioFile.adopt(terminal);
    const file = side === "master" ? keyboard : screen;
    const controller = new AbortController();
    // In lines: what a terminal has to keep it does not drop.
    const lines = encode("a line\n".repeat(100_000));
    const write = file.writeAt(lines, 0, { signal: controller.signal });
    const outcome = assertAioError(write, "ECANCELED");
    assert(await isPending(write, 200), "there was room for everything");
    controller.abort("enough");
    const { bytesTransferred, cause } = await outcome;
    assertEquals(cause, "enough");
    assert(bytesTransferred! > 0 && bytesTransferred! < lines.length);
  }
});

test(
  "NonblockingCalls writes more than a byte at once to a terminal's master while that has O_NONBLOCK",
  {
    ignore: !isLinux,
  },
  () => {
    const { master, terminal } = openTerminal();
    const calls = new NonblockingCalls(master, constants.O_RDWR);
    const lines = encode("a line\n".repeat(30_000));
    const transfer = () => calls.transfer(writeOf(lines), lines.length);
    setNonblocking(master, true);
    const bytes = transfer();
    assert(bytes > 1000 && bytes < lines.length, `it took ${bytes}`);
    let result = bytes;
    // The system makes room meanwhile, until its own buffers are full.
    while (result > 0) result = transfer();
    assertEquals(result, -EAGAIN);
    // It is shared, and others may take the flag away.
    setNonblocking(master, false);
    while (result === -EAGAIN) {
      assert(read(terminal, new Uint8Array(100)) > 0);
      result = transfer();
    }
    assertEquals(result, 1);
    calls.close();
    close(terminal);
    close(master);
  },
);

/** A write as an engine sees it, into memory that may move. */
function writeOf(view: Uint8Array): EngineRequest {
  return {
    operation: "write",
    isWrite: true,
    isSync: false,
    view,
    address: 0,
    offset: 0,
    length: view.length,
    notify: "auto",
    transferred: 0,
    isShort: false,
    entry: null,
    isViewLost: () => false,
  };
}

/** Older kernels have these for files alone. */
class NoVectoredCalls implements Disposable {
  readonly #bound = librt() as { preadv2: unknown; pwritev2: unknown };
  readonly #calls = { ...this.#bound };

  constructor() {
    Object.assign(this.#bound, { preadv2: null, pwritev2: null });
  }

  [Symbol.dispose](): void {
    Object.assign(this.#bound, this.#calls);
  }
}

test(
  "readAt() and writeAt() keep messages whole, also of kernels before 6.4",
  { ignore: !isLinux },
  async () => {
    using _ = new NoVectoredCalls();
    const [own, other] = openSockets(SOCK_SEQPACKET);
    await using file = AioFile.adopt(own);
    // The longest message is a little shorter than net.core.wmem_default.
    for (const length of [1, 70_000, 150_000]) {
      for (const allocate of [allocatePinned, ordinary]) {
        const sent = allocate(length);
        sent.set(pattern(length));
        const received = new Uint8Array(200_000);
        assertEquals(await file.writeAt(sent, 0), length);
        assertEquals(read(other, received), length);
        assertBytes(received.subarray(0, length), sent);

        const into = allocate(200_000);
        assertEquals(write(other, pattern(length, 1)), length);
        assertEquals(await file.readAt(into, 0), length);
        assertBytes(into.subarray(0, length), pattern(length, 1));
      }
    }
    // To read nothing takes no message.
    assertEquals(write(other, pattern(5)), 5);
    assertEquals(await file.readAt(new Uint8Array(0), 0), 0);
    assertEquals(await file.readAt(new Uint8Array(9), 0), 5);
    close(other);
  },
);

test(
  "writeAt() to what is only for reading rejects with EBADF, and does not " +
    "wait",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    await using watch = AioFile.adopt(openWatch(directory.path));
    const { reader, writer } = openPipe();
    await using input = AioFile.adopt(reader);
    await using output = AioFile.adopt(writer);
    const EVENT_BYTES = 16;
    for (let round = 0; round < 2; round++) {
      const event = new Uint8Array(100);
      const reading = watch.readAt(event, 0);
      await assertAioError(watch.writeAt(encode("x"), 0), "EBADF");
      directory.file();
      assert(await reading >= EVENT_BYTES);
    }
    await assertAioError(input.writeAt(encode("x"), 0), "EBADF");
    await assertAioError(output.readAt(new Uint8Array(1), 0), "EBADF");
  },
);

test(
  "readAt() and writeAt() of a device use their offsets, where it has some",
  { ignore: !hasConsole },
  async () => {
    await using file = await AioFile.open(CONSOLE, { read: true, write: true });
    const whole = new Uint8Array(64);
    assertEquals(await file.readAt(whole, 0), 64);
    for (const [offset, length] of [[16, 8], [0, 4], [40, 24], [0, 64]]) {
      const part = new Uint8Array(length);
      assertEquals(await file.readAt(part, offset), length);
      assertBytes(part, whole.subarray(offset, offset + length));
    }
    const size = readFileSync(CONSOLE).length;
    const chunks: Uint8Array[] = [];
    const stream = file.readable({ offset: 16, chunkSize: 1000 });
    for await (const chunk of stream) chunks.push(chunk);
    const rest = new Uint8Array(size);
    assertEquals(await file.readAt(rest, 16), size - 16);
    assertBytes(concat(chunks), rest.subarray(0, size - 16));
  },
);

test("a read that waits has no descriptor that other processes inherit", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const before = new Set(descriptors());
  const { read } = await fifo.waitingRead();
  const opened = descriptors().filter((fd) => !before.has(fd));
  if (engineHere() === "librt") {
    assert(opened.length > 1, "it has none of its own");
  }
  assertEquals(opened.filter(isInheritable), []);
  fifo.feed("x");
  await read;
});

test("what waits in vain has no descriptors left once nothing waits", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const idle = async () => {
    const deadline_ms = performance.now() + 5_000;
    // The call that is out ends first.
    while (descriptors().length > before.length) {
      assert(performance.now() < deadline_ms, "they are still there");
      await turn();
    }
  };
  // What the file keeps for its transfers is there from the first one on.
  fifo.feed("x");
  await fifo.file.readAt(new Uint8Array(1), 0);
  const before = descriptors();
  for (const end of ["fed", "aborted", "canceled"]) {
    const controller = new AbortController();
    const { signal } = controller;
    const { read } = await fifo.waitingRead(new Uint8Array(1), signal);
    if (engineHere() === "librt") {
      assert(descriptors().length > before.length, "it has none of its own");
    }
    if (end === "fed") fifo.feed("x");
    else if (end === "aborted") controller.abort();
    else assertEquals(await fifo.file.cancel(), 1);
    await Promise.allSettled([read]);
    await idle();
  }
});

test("readAt() is satisfied with what a call takes, if there is no more", {
  ignore: !isLinux,
}, async () => {
  const pipe = openPipe();
  await using file = AioFile.adopt(pipe.reader);
  assert(growPipe(pipe, MIB));
  assertEquals(write(pipe.writer, pattern(CALL_BYTES)), CALL_BYTES);
  assertEquals(await file.readAt(new Uint8Array(MIB), 0), CALL_BYTES);
  close(pipe.writer);
});

for (const what of ["a buffer", "a list of buffers"]) {
  test(`readAt() into ${what} goes on where a call has ended`, {
    ignore: !isLinux,
  }, async () => {
    const pipe = openPipe();
    await using file = AioFile.adopt(pipe.reader);
    assert(growPipe(pipe, MIB));
    const contents = pattern(CALL_BYTES + 50_000);
    assertEquals(write(pipe.writer, contents), contents.length);
    const into = new Uint8Array(contents.length);
    const list = cut(into, [CALL_BYTES - 7, CALL_BYTES + 9]);
    const bytes = await file.readAt(what === "a buffer" ? into : list, 0);
    assertEquals(bytes, contents.length);
    assertBytes(into, contents);
    close(pipe.writer);
  });
}

test(
  "writeAt() of a list is one message, and so is what readAt() reads into one",
  {
    ignore: !isLinux,
  },
  async () => {
    const [own, other] = openSockets(SOCK_SEQPACKET);
    await using socket = AioFile.adopt(own);
    await using peer = AioFile.adopt(other);
    assertEquals(await socket.writeAt(["ab", "cde"].map(encode), 0), 5);
    assertEquals(await socket.writeAt(["fg", "h"].map(encode), 0), 3);
    const into = ["..", ".", "..."].map(encode);
    assertEquals(await peer.readAt(into, 0), 5);
    assertEquals(into.map(decode), ["ab", "c", "de."]);
    assertEquals(await peer.readAt(into, 0), 3);
    assertEquals(into.map(decode), ["fg", "h", "de."]);
  },
);

test("readAt() of what always has bytes leaves timers their turn", {
  ignore: !isLinux,
}, async () => {
  const [own, other] = openSockets();
  await using zero = await AioFile.open("/dev/zero");
  await using socket = AioFile.adopt(own);
  await using peer = AioFile.adopt(other);
  const bytes = new Uint8Array(4096);
  const endless: Record<string, () => Promise<unknown>> = {
    "a device": () => zero.readAt(bytes, 0),
    "sockets": async () => {
      await socket.writeAt(bytes, 0);
      await peer.readAt(bytes, 0);
    },
    "much": () => zero.readAt(new Uint8Array(64 * MIB), 0),
  };
  for (const [what, transfer] of Object.entries(endless)) {
    let isOver = false;
    const timer = delay(1).then(() => isOver = true);
    let count = 0;
    // Millions of microtasks, or a few turns of the event loop.
    for (; !isOver && count < 20_000; count++) await transfer();
    assert(isOver, `${what}: the timer waited for ${count} transfers`);
    await timer;
  }
});

for (const [count, length] of [[10_000, 1], [64, MIB]]) {
  test(
    `readAt() of ${length} bytes ${count} times at once leaves other ` +
      "things their turn",
    { ignore: !isLinux },
    async () => {
      await using file = await AioFile.open("/dev/zero");
      const bytes = new Uint8Array(length);
      let settled = 0;
      const reads = Array.from(
        { length: count },
        () => file.readAt(bytes, 0).then(() => void settled++),
      );
      await turn();
      assert(settled < count, "all were served in one turn");
      await Promise.all(reads);
    },
  );
}

for (const first of ["a read", "a write"]) {
  test(`readAt() and writeAt() of one socket wait together, ${first} first`, {
    ignore: !isLinux,
  }, async () => {
    const [own, other] = openSockets();
    await using file = AioFile.adopt(own);
    await using peer = AioFile.adopt(other);
    const calls = {
      "a read": () => file.readAt(new Uint8Array(1), 0),
      "a write": () => file.writeAt(new Uint8Array(4 * MIB), 0),
    };
    const waiting = [calls["a read"], calls["a write"]];
    if (first === "a write") waiting.reverse();
    const made: Promise<number>[] = [];
    for (const call of waiting) {
      made.push(call());
      await turn();
    }
    if (first === "a write") made.reverse();
    const [reading, writing] = made;
    await peer.writeAt(encode("x"), 0);
    assertEquals(await reading, 1);
    assert(await isPending(writing, 1));
    // Another read waits while there is room for the write.
    const next = calls["a read"]();
    for (let taken = 0; taken < 4 * MIB;) {
      taken += await peer.readAt(new Uint8Array(MIB), 0);
    }
    assertEquals(await writing, 4 * MIB);
    assert(await isPending(next, 1));
    await peer.close();
    assertEquals(await next, 0);
  });
}

test("a signal ends a read that has bytes already, with them", {
  ignore: !isLinux,
}, async () => {
  const pipe = openPipe();
  await using file = AioFile.adopt(pipe.reader);
  // As much as one turn of the event loop is for.
  assert(growPipe(pipe, MIB));
  assertEquals(write(pipe.writer, pattern(MIB)), MIB);
  const controller = new AbortController();
  const { signal } = controller;
  const into = new Uint8Array(2 * MIB);
  const reading = file.readAt(into, 0, { signal });
  const next = file.readAt(new Uint8Array(100), 0);
  await turn();
  assertEquals(write(pipe.writer, encode("next")), 4);
  close(pipe.writer);
  controller.abort();
  assertEquals(await reading, MIB);
  assertBytes(into.subarray(0, MIB), pattern(MIB));
  assertEquals(await next, 4);
});
