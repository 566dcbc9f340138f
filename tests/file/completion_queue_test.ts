// CompletionQueue: one completion for each request, whatever happens to it and
// whoever asks for it.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AioError,
  AioFile,
  allocatePinned,
  type Completion,
  CompletionQueue,
  type CompletionQueueOptions,
  metrics,
  type QueueRequest,
} from "../../mod.ts";
import {
  assertBytes,
  cancelRunning,
  canStrace,
  decode,
  delay,
  Directory,
  encode,
  Fifo,
  isEmulated,
  isLinux,
  isPending,
  pattern,
  report,
  run,
  test,
  turn,
} from "../helpers/mod.ts";

const canTrace = canStrace();
const MODES = ["auto", "suspend", "poll", "thread"] as const;

/** There with `--v8-flags=--expose-gc`. */
const { gc } = globalThis as { gc?: () => void };

/** Everything that an iteration has, until it ends. */
async function all<Tag>(
  completions: AsyncIterable<Completion<Tag>>,
): Promise<Completion<Tag>[]> {
  const found: Completion<Tag>[] = [];
  for await (const completion of completions) found.push(completion);
  return found;
}

/** The tags of completions, in order. */
function tagsOf<Tag>(completions: Completion<Tag>[]): Tag[] {
  return completions.map(({ tag }) => tag).sort();
}

function assertNothingInFlight(queue: { inFlight: number }): void {
  assertEquals(queue.inFlight, 0);
  assertEquals(metrics().inFlight, 0);
  assertEquals(metrics().queued, 0);
}

for (const pageCache of [true, false]) {
  for (const notify of MODES) {
    // Each SIGEV_THREAD costs the system a thread.
    const most = notify === "thread" ? 4_000 : 10_000;
    const count = isEmulated ? 3_000 : most;
    test(
      `CompletionQueue yields one completion for each of ${count} requests, ` +
        `with notify "${notify}", page cache ${pageCache ? "on" : "off"}`,
      { ignore: !isLinux },
      async () => {
        using directory = new Directory();
        const {
          missing,
          several,
          wrong,
          outcomes,
          inFlight,
          inFlightAtClose,
        } = await report("engine_queue_load", {
          args: [directory.path, notify, String(count)],
          pageCache,
        });
        assertEquals({ missing, several, wrong, inFlight }, {
          missing: [],
          several: [],
          wrong: [],
          inFlight: [0, 0, 0],
        });
        assert(inFlightAtClose > 0, "nothing was in flight when it was closed");
        for (const outcome of ["done", "ECANCELED", "EFAULT", "ENOSPC"]) {
          assert(outcomes[outcome] > 0, `${outcome} never came`);
        }
      },
    );
  }
}

for (const notify of MODES) {
  test(`CompletionQueue tells everything of a request, with "${notify}"`, async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file("0123456789"), {
      read: true,
      write: true,
    });
    await using queue = new CompletionQueue<string>({ notify });
    const into = new Uint8Array(4);
    queue.read(file, into, 2, "read");
    const [read] = await all(queue.drain());
    assertEquals({ ...read, file: null, buffer: null }, {
      operation: "read",
      tag: "read",
      file: null,
      buffer: null,
      offset: 2,
      bytes: 4,
      error: null,
    });
    assertStrictEquals(read.file, file);
    assertStrictEquals(read.buffer, into);
    assertEquals(decode(into), "2345");

    queue.write(file, encode("abc"), 8n, "write");
    const [write] = await all(queue.drain());
    assertEquals(
      [write.operation, write.tag, write.offset, write.bytes, write.error],
      ["write", "write", 8, 3, null],
    );
    assertEquals(Deno.readTextFileSync(directory.at("file0")), "01234567abc");

    queue.sync(file, "full");
    queue.sync(file, "data", { dataOnly: true });
    const syncs = await all(queue.drain());
    assertEquals(
      syncs.map((
        { operation, tag, buffer, offset, bytes, error },
      ) => [operation, tag, buffer, offset, bytes, error]).sort(),
      [
        ["sync", "full", null, 0, 0, null],
        ["syncData", "data", null, 0, 0, null],
      ],
    );
  });

  test(`CompletionQueue yields what fails, with "${notify}"`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    await using readable = await AioFile.open(path);
    await using writable = await AioFile.open(path, { write: true });
    await using folder = await AioFile.open(directory.path);
    await using full = await AioFile.open("/dev/full", { write: true });
    await using fifo = new Fifo();
    await using queue = new CompletionQueue<string>({ notify });
    queue.read(writable, new Uint8Array(4), 1, "EBADF");
    queue.write(readable, allocatePinned(4), 0, "EBADF");
    queue.read(folder, new Uint8Array(4), 0, "EISDIR");
    queue.write(full, new Uint8Array(4), 0, "ENOSPC");
    queue.sync(fifo.file, "EINVAL");
    const completions = await all(queue.drain());
    assertEquals(completions.length, 5);
    for (
      const { tag, bytes, error, file, offset, operation } of completions
    ) {
      assertInstanceOf(error, AioError);
      assertEquals([error!.code, error!.fd, bytes], [tag, file.fd, 0]);
      if (operation !== "sync") assertEquals(error!.offset, offset);
    }
    assertNothingInFlight(queue);
  });

  test(
    `CompletionQueue.cancel() takes back what waits for a FIFO, ` +
      `with "${notify}"`,
    { ignore: !isLinux },
    async () => {
      await using fifo = new Fifo();
      await using queue = new CompletionQueue<number>({ notify });
      const { read } = await fifo.waitingRead();
      for (let tag = 0; tag < 10; tag++) {
        queue.read(fifo.file, new Uint8Array(1), 0, tag);
      }
      assertEquals(queue.cancel(5), 1);
      assertEquals(queue.cancel(5), 0);
      assertEquals(queue.cancel(77), 0);
      assertEquals(queue.inFlight, 9);
      assertEquals(queue.cancel(), 9);
      assertEquals(queue.inFlight, 0);
      const completions = await all(queue.drain());
      assertEquals(tagsOf(completions), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      for (const { error, bytes } of completions) {
        assertEquals([error?.code, bytes], ["ECANCELED", 0]);
      }
      // It was not of the queue, so it is still there; and nothing else is.
      fifo.feed("xy");
      assertEquals(await read, 1);
      await turn();
      assertEquals(decode(fifo.drain()), "y");
    },
  );

  test(`CompletionQueue.cancel() leaves alone what runs, with "${notify}"`, {
    ignore: !canTrace,
  }, async () => {
    assertEquals(await cancelRunning(notify, "read", pattern(100)), [
      [0, 0],
      [100],
    ]);
  });

  test(
    `CompletionQueue yields an error for a buffer that was taken away, ` +
      `with "${notify}"`,
    { ignore: !isLinux },
    async () => {
      await using fifo = new Fifo();
      await using queue = new CompletionQueue<string>({ notify });
      const running = new Uint8Array(8);
      const waiting = new Uint8Array(8);
      queue.read(fifo.file, running, 0, "running");
      queue.read(fifo.file, waiting, 0, "waiting");
      await delay(5);
      structuredClone([running, waiting], {
        transfer: [running.buffer, waiting.buffer],
      });
      fifo.feed("12345678");
      const completions = await all(queue.drain());
      assertEquals(tagsOf(completions), ["running", "waiting"]);
      for (const { error, operation, file } of completions) {
        assertInstanceOf(error, AioError);
        assertInstanceOf(error!.cause, TypeError);
        assertEquals([operation, error!.fd], ["read", file.fd]);
        assert(error!.message.includes("detached"), error!.message);
      }
      assertNothingInFlight(queue);
    },
  );

  test(
    `a program with a CompletionQueue that is idle exits, ` +
      `with notify "${notify}"`,
    async () => {
      const { code, stdout, stderr } = await run("engine_idle_queue", {
        args: [notify],
      });
      assertEquals({ code, stdout }, { code: 0, stdout: "20\n" }, stderr);
    },
  );

  test(`CompletionQueue works in a worker, with notify "${notify}"`, {
    engine: "librt",
  }, async () => {
    assertEquals(
      await report("engine_queue_worker", { args: [notify] }),
      100,
    );
  });
}

/** The first completions of an iteration, which is left then. */
async function takeFrom<Tag>(
  completions: AsyncIterable<Completion<Tag>>,
  count: number,
): Promise<Completion<Tag>[]> {
  const found: Completion<Tag>[] = [];
  for await (const completion of completions) {
    found.push(completion);
    if (found.length === count) break;
  }
  return found;
}

test("new CompletionQueue() throws a TypeError for notify that is none", () => {
  for (const notify of ["", "Auto", "signal", null, 1, {}]) {
    assertThrows(
      () => new CompletionQueue({ notify } as CompletionQueueOptions),
      TypeError,
      'notify must be "auto", "suspend", "thread" or "poll"',
    );
  }
});

test("CompletionQueue.inFlight counts what has no completion yet", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using queue = new CompletionQueue<number>();
  assertEquals(queue.inFlight, 0);
  for (let tag = 0; tag < 3; tag++) {
    queue.read(fifo.file, new Uint8Array(1), 0, tag);
    assertEquals(queue.inFlight, tag + 1);
  }
  fifo.feed("12");
  await takeFrom(queue, 2);
  assertEquals(queue.inFlight, 1);
  fifo.feed("3");
  await takeFrom(queue, 1);
  assertEquals(queue.inFlight, 0);
});

for (const count of [1, 4, 40]) {
  test(
    `CompletionQueue.inFlight counts ${count} reads that are cached when the call returns`,
    {
      pageCache: true,
    },
    async () => {
      using directory = new Directory();
      await using file = await AioFile.open(directory.file(pattern(100)));
      await using queue = new CompletionQueue<number>();
      const requests: QueueRequest<number>[] = [];
      for (let tag = 0; tag < count; tag++) {
        const buffer = new Uint8Array(1);
        requests.push({ type: "read", file, buffer, offset: tag, tag });
        queue.read(file, buffer, tag, tag);
        assertEquals(queue.inFlight, tag + 1);
      }
      assertEquals((await all(queue.drain())).length, count);
      assertEquals(queue.inFlight, 0);
      queue.submit(requests);
      assertEquals(queue.inFlight, count);
      while (queue.inFlight > 0) await delay(0);
      queue.submit(requests);
      assertEquals(queue.inFlight, count);
      await queue.close();
      assertEquals(queue.inFlight, 0);
      assertEquals((await all(queue)).length, 2 * count);
    },
  );
}

test(
  "CompletionQueue.inFlight counts no read whose completion an iteration has",
  {
    pageCache: true,
  },
  async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file("contents"));
    const queue = new CompletionQueue<number>();
    const buffer = new Uint8Array(1);
    const counts: number[] = [];
    const consume = async (completions: AsyncIterable<Completion<number>>) => {
      for await (const { tag } of completions) {
        counts.push(queue.inFlight);
        if (tag === 0) continue;
        queue.read(file, buffer, 0, tag - 1);
        counts.push(queue.inFlight);
      }
    };
    const waiting = consume(queue); // It waits before there is any.
    queue.read(file, buffer, 0, 3);
    counts.push(queue.inFlight);
    while (counts.length < 8) await delay(0);
    assertEquals(counts, [1, 0, 1, 0, 1, 0, 1, 0]);
    await queue.close();
    await waiting;
  },
);

test("CompletionQueue.inFlight counts no cached read for longer than a turn", {
  pageCache: true,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  await using queue = new CompletionQueue<number>();
  const read = () => queue.read(file, new Uint8Array(1), 0, 1);
  read();
  // What is submitted instead of what was taken is likely to be taken next.
  for await (const _completion of queue) break;
  read();
  assertEquals(queue.inFlight, 1);
  while (queue.inFlight > 0) await delay(0);
  await takeFrom(queue, 1);
  read();
  await queue.close();
  assertEquals(queue.inFlight, 0);
});

test("CompletionQueue needs no tags where they are undefined, which its types tell", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"), {
    read: true,
    write: true,
  });
  await using queue = new CompletionQueue();
  const same: CompletionQueue<undefined> = queue;
  const buffer = new Uint8Array(1);
  const request = { type: "read", file, buffer, offset: 0 } as const;
  queue.read(file, buffer, 0);
  queue.read(file, buffer, 0, undefined);
  queue.write(file, buffer, 1);
  queue.write(file, buffer, 1, undefined);
  queue.sync(file);
  same.sync(file, undefined, { dataOnly: true });
  queue.submit([request, { type: "sync", file, priority: 0 }]);
  queue.submit([{ ...request, tag: undefined }]);
  const tags: undefined[] = [];
  for await (const { tag, error } of queue.drain()) {
    assertEquals(error, null);
    tags.push(tag);
  }
  assertEquals(tags, new Array(9).fill(undefined));
});

/** A queue may have methods with the types of the interface. */
export class Counting extends CompletionQueue<number> {
  count = 0;

  override read(
    file: AioFile,
    into: Uint8Array,
    offset: number | bigint,
    tag: number,
  ): void {
    this.count++;
    super.read(file, into, offset, tag);
  }

  override sync(
    file: AioFile,
    tag: number,
    options?: { dataOnly?: boolean },
  ): void {
    this.count++;
    super.sync(file, tag, options);
  }
}

/** What the compiler has to refuse; nobody calls it. */
export function refused(
  queue: CompletionQueue<number>,
  untagged: CompletionQueue,
  file: AioFile,
): void {
  const buffer = new Uint8Array(1);
  // @ts-expect-error: the tag is missing.
  queue.read(file, buffer, 0);
  // @ts-expect-error: the tag is missing.
  queue.write(file, buffer, 0);
  // @ts-expect-error: the tag is missing.
  queue.sync(file);
  // @ts-expect-error: the tag is missing.
  queue.submit([{ type: "sync", file }]);
  // @ts-expect-error: it has no tags.
  untagged.read(file, buffer, 0, 1);
  // @ts-expect-error: it has no tags.
  untagged.submit([{ type: "sync", file, tag: 1 }]);
}

test("CompletionQueue.drain() ends when nothing is in flight, every time", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  await using queue = new CompletionQueue<number>();
  assertEquals(await all(queue.drain()), []);
  for (let round = 0; round < 5; round++) {
    for (let tag = 0; tag < 200; tag++) {
      queue.read(file, new Uint8Array(10), tag, tag);
    }
    const completions = await all(queue.drain());
    assertEquals(completions.length, 200);
    for (const { tag, buffer } of completions) {
      assertBytes(buffer!, pattern(10, tag));
    }
    assertEquals(await all(queue.drain()), []);
  }
});

test("CompletionQueue.drain() yields what is submitted while it runs", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  await using queue = new CompletionQueue<number>();
  queue.read(file, new Uint8Array(1), 0, 0);
  const tags: number[] = [];
  for await (const { tag } of queue.drain()) {
    tags.push(tag);
    if (tag < 99) queue.read(file, new Uint8Array(1), 0, tag + 1);
  }
  assertEquals(tags, Array.from({ length: 100 }, (_, tag) => tag));
});

test("CompletionQueue keeps completions until somebody asks for them", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  await using queue = new CompletionQueue<number>();
  for (let tag = 0; tag < 500; tag++) {
    queue.read(file, new Uint8Array(1), tag, tag);
  }
  while (queue.inFlight > 0) await delay(1);
  assertEquals((await all(queue.drain())).length, 500);
});

test("CompletionQueue's iteration ends after close(), when it is empty", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const queue = new CompletionQueue<number>();
  const iterating = all(queue);
  queue.read(fifo.file, new Uint8Array(1), 0, 1);
  queue.read(fifo.file, new Uint8Array(1), 0, 2);
  const closing = queue.close();
  assert(await isPending(closing), "close() did not wait");
  assert(await isPending(iterating, 0), "the iteration did not wait");
  fifo.feed("12");
  await closing;
  assertEquals(tagsOf(await iterating), [1, 2]);
  assertEquals(await all(queue), []);
  assertNothingInFlight(queue);
});

test("CompletionQueue's completions can be had after close()", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const queue = new CompletionQueue<number>();
  for (let tag = 0; tag < 3; tag++) {
    queue.read(file, new Uint8Array(1), 0, tag);
  }
  await queue.close();
  assertEquals(tagsOf(await all(queue)), [0, 1, 2]);
  assertEquals(await all(queue.drain()), []);
});

test("CompletionQueue.close() of an idle queue ends every iteration", async () => {
  const queue = new CompletionQueue();
  const iterating = [all(queue), all(queue)];
  await delay(1);
  const closing = queue.close();
  assertStrictEquals(queue.close(), closing);
  await closing;
  assertEquals(await Promise.all(iterating), [[], []]);
  await queue[Symbol.asyncDispose]();
});

test("CompletionQueue that is closed refuses requests with EBADF", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const queue = new CompletionQueue<number>();
  await queue.close();
  const { submitted } = metrics();
  const buffer = new Uint8Array(1);
  for (
    const call of [
      () => queue.read(file, buffer, 0, 1),
      () => queue.write(file, buffer, 0, 1),
      () => queue.sync(file, 1),
      () => queue.submit([{ type: "read", file, buffer, offset: 0, tag: 1 }]),
      () => queue.submit([]),
    ]
  ) assertEquals((assertThrows(call, AioError) as AioError).code, "EBADF");
  assertEquals(queue.cancel(), 0);
  assertEquals(metrics().submitted, submitted);
});

test("CompletionQueue that is closed while its requests are listed submits none", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const queue = new CompletionQueue<number>();
  const { submitted } = metrics();
  const buffer = new Uint8Array(1);
  const good = { type: "read", file, buffer, offset: 0, tag: 1 } as const;
  function* requests() {
    yield good;
    queue.close();
  }
  const closing = Object.assign([good], { [Symbol.iterator]: requests });
  const error = assertThrows(() => queue.submit(closing), AioError);
  assertEquals((error as AioError).code, "EBADF");
  assertEquals(queue.inFlight, 0);
  assertEquals(metrics().submitted, submitted);
});

test("CompletionQueue refuses requests for a closed file with EBADF", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using open = await AioFile.open(path);
  const file = await AioFile.open(path);
  await file.close();
  await using queue = new CompletionQueue<number>();
  const { submitted } = metrics();
  const buffer = new Uint8Array(1);
  const request = { type: "read", buffer, offset: 0, tag: 1 } as const;
  for (
    const call of [
      () => queue.read(file, buffer, 0, 1),
      () => queue.write(file, buffer, 0, 1),
      () => queue.sync(file, 1),
      () => queue.submit([{ ...request, file: open }, { ...request, file }]),
    ]
  ) assertEquals((assertThrows(call, AioError) as AioError).code, "EBADF");
  assertEquals(queue.inFlight, 0);
  assertEquals(metrics().submitted, submitted);
});

test("CompletionQueue throws for wrong arguments and submits nothing", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"), {
    read: true,
    write: true,
  });
  await using queue = new CompletionQueue<number>();
  const { submitted } = metrics();
  const buffer = new Uint8Array(4);
  const detached = new Uint8Array(4);
  structuredClone(detached, { transfer: [detached.buffer] });
  const good = { type: "read", file, buffer, offset: 0, tag: 1 };
  const wrong: [object, typeof TypeError | typeof RangeError][] = [
    [{ file: {} }, TypeError],
    [{ file: null }, TypeError],
    [{ file: file.fd }, TypeError],
    [{ buffer: undefined }, TypeError],
    [{ buffer: "text" }, TypeError],
    [{ buffer: new Uint16Array(4) }, TypeError],
    [{ buffer: buffer.buffer }, TypeError],
    [{ buffer: detached }, TypeError],
    [{ offset: undefined }, TypeError],
    [{ offset: "0" }, TypeError],
    [{ offset: -1 }, RangeError],
    [{ offset: -1n }, RangeError],
    [{ offset: 0.5 }, RangeError],
    [{ offset: NaN }, RangeError],
    [{ offset: 2 ** 53 }, RangeError],
    [{ offset: 2n ** 63n }, RangeError],
  ];
  for (const [part, expected] of wrong) {
    for (const type of ["read", "write"] as const) {
      // deno-lint-ignore no-explicit-any
      const { file, buffer, offset } = { ...good, ...part } as any;
      assertThrows(() => queue[type](file, buffer, offset, 1), expected);
    }
  }
  const wrongInLists: [unknown, typeof TypeError | typeof RangeError][] = [
    ...wrong.map(([part, expected]) => [{ ...good, ...part }, expected]),
    [{ ...good, type: "append" }, TypeError],
    [{ ...good, type: undefined }, TypeError],
    [{ ...good, priority: -1 }, RangeError],
    [{ ...good, priority: 1000 }, RangeError],
    [{ ...good, priority: 0.5 }, RangeError],
    [{ ...good, priority: "1" }, TypeError],
    [null, TypeError],
    [7, TypeError],
  ] as [unknown, typeof TypeError | typeof RangeError][];
  for (const [request, expected] of wrongInLists) {
    const list = [good, good, request] as QueueRequest<number>[];
    assertThrows(() => queue.submit(list), expected);
  }
  assertThrows(() => queue.sync({} as AioFile, 1), TypeError);
  for (const list of [undefined, null, good, "list"]) {
    const notOne = list as unknown as QueueRequest<number>[];
    assertThrows(() => queue.submit(notOne), TypeError);
  }
  assertEquals(metrics().submitted, submitted);
  assertNothingInFlight(queue);
  assertEquals(await all(queue.drain()), []);
});

test("CompletionQueue.submit() takes any mix of requests and files", async () => {
  using directory = new Directory();
  const files = await Promise.all(
    Array.from(
      { length: 4 },
      (_, index) =>
        AioFile.open(directory.file(pattern(1000, index)), {
          read: true,
          write: true,
        }),
    ),
  );
  await using queue = new CompletionQueue<number>();
  queue.submit([]);
  assertEquals(queue.inFlight, 0);
  const types = ["read", "write", "sync", "syncData"] as const;
  const requests = Array.from({ length: 400 }, (_, tag) => ({
    type: types[tag % 100 < 92 ? tag % 2 : tag % 4],
    file: files[Math.floor(tag / 100)],
    buffer: pattern(10, 5 + tag),
    offset: 2000 + tag * 10,
    tag,
  }));
  queue.submit(requests);
  assertEquals(queue.inFlight, 400);
  const completions = await all(queue.drain());
  assertEquals(new Set(tagsOf(completions)).size, 400);
  for (const { tag, error, operation, file } of completions) {
    assertEquals(error, null);
    assertEquals(operation, requests[tag].type);
    assertStrictEquals(file, requests[tag].file);
  }
  for (const { type, file, tag } of requests) {
    if (type !== "write") continue;
    const written = new Uint8Array(10);
    await file.readAt(written, 2000 + tag * 10);
    assertBytes(written, pattern(10, 5 + tag));
  }
  await Promise.all(files.map((file) => file.close()));
});

test("CompletionQueue.submit() serves greater priorities later", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using queue = new CompletionQueue<string>();
  const { read } = await fifo.waitingRead();
  const submitted = ["3a", "1a", "2a", "1b", "3b", "0a", "2b", "0b"];
  queue.submit(submitted.map((tag) => ({
    type: "read",
    file: fifo.file,
    buffer: new Uint8Array(1),
    offset: 0,
    tag,
    priority: Number(tag[0]),
  })));
  fifo.feed("xabcdefgh");
  await read;
  const served = await all(queue.drain());
  assertEquals(
    served.map(({ tag, buffer }) => `${decode(buffer!)} ${tag}`),
    ["a 0a", "b 0b", "c 1a", "d 1b", "e 2a", "f 2b", "g 3a", "h 3b"],
  );
});

test("CompletionQueue.sync() covers the writes submitted before it", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using queue = new CompletionQueue<string>();
  fifo.fill();
  queue.write(fifo.file, encode("x"), 0, "write");
  queue.sync(fifo.file, "sync");
  await delay(20);
  assertEquals(queue.inFlight, 2);
  fifo.drain();
  const order = (await all(queue.drain())).map(({ tag }) => tag);
  assertEquals(order, ["write", "sync"]);
});

/** Ways to leave an iteration early, with the tag it was left at. */
const exits: Record<string, (queue: CompletionQueue<number>) => Promise<void>> =
  {
    "by break": async (queue) => {
      for await (const { tag } of queue) if (tag === 2) break;
    },
    "of drain() by break": async (queue) => {
      for await (const { tag } of queue.drain()) if (tag === 2) break;
    },
    "by an error that is thrown": async (queue) => {
      await assertRejects(
        async () => {
          for await (const { tag } of queue) {
            if (tag === 2) throw new Error("enough");
          }
        },
        Error,
        "enough",
      );
    },
    "by an aborted signal": async (queue) => {
      const controller = new AbortController();
      const { signal } = controller;
      await assertRejects(
        async () => {
          for await (const { tag } of queue) {
            if (tag === 2) controller.abort(new Error("enough"));
            signal.throwIfAborted();
          }
        },
        Error,
        "enough",
      );
    },
  };

for (const [how, leave] of Object.entries(exits)) {
  test(`CompletionQueue loses nothing when an iteration is left ${how}`, {
    ignore: !isLinux,
  }, async () => {
    await using fifo = new Fifo();
    const queue = new CompletionQueue<number>();
    for (let tag = 0; tag < 6; tag++) {
      queue.read(fifo.file, new Uint8Array(1), 0, tag);
    }
    fifo.feed("0123");
    await leave(queue);
    const next = await takeFrom(queue, 1);
    assertEquals(tagsOf(next), [3]);
    const closing = queue.close();
    assert(await isPending(closing), "close() did not wait");
    fifo.feed("45");
    await closing;
    assertNothingInFlight(queue);
    assertEquals(tagsOf(await all(queue)), [4, 5]);
  });
}

for (const kind of ["an iteration", "drain()"]) {
  test(
    `CompletionQueue gives nothing to ${kind} that was left while it ` +
      "waited",
    { ignore: !isLinux },
    async () => {
      await using fifo = new Fifo();
      await using queue = new CompletionQueue<number>();
      queue.read(fifo.file, new Uint8Array(1), 0, 7);
      const left = kind === "drain()"
        ? queue.drain()
        : queue[Symbol.asyncIterator]();
      // What `for await` with a time limit or a signal comes down to.
      const waiting = [left.next(), left.next()];
      const stays = queue[Symbol.asyncIterator]();
      const served = stays.next();
      assertEquals(await left.return!(), { done: true, value: undefined });
      const end = { done: true, value: undefined };
      const ended = Promise.all(waiting);
      assert(!await isPending(ended), "they still wait");
      assertEquals(await ended, [end, end]);
      assertEquals(await left.next(), end);
      fifo.feed("x");
      const { value } = await served;
      assertEquals(value?.tag, 7);
    },
  );
}

test("CompletionQueue shares completions between consumers without loss", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  const queue = new CompletionQueue<number>();
  const counts = new Uint8Array(5000);
  const consume = async (completions: AsyncIterable<Completion<number>>) => {
    let taken = 0;
    for await (const { tag } of completions) {
      counts[tag]++;
      taken++;
      await null; // Gives the others their turn.
    }
    return taken;
  };
  const consumers = [consume(queue), consume(queue), consume(queue)];
  for (let tag = 0; tag < counts.length; tag++) {
    queue.read(file, new Uint8Array(1), tag % 1000, tag);
    if (tag % 500 === 0) await delay(0);
  }
  consumers.push(consume(queue.drain()));
  await queue.close();
  const taken = await Promise.all(consumers);
  assert(counts.every((count) => count === 1), "not one completion each");
  assertEquals(taken.reduce((sum, one) => sum + one), counts.length);
  assertNothingInFlight(queue);
});

test("two CompletionQueues on one file keep their completions apart", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  await using even = new CompletionQueue<number>({ notify: "suspend" });
  await using odd = new CompletionQueue<number>({ notify: "poll" });
  for (let tag = 0; tag < 400; tag++) {
    (tag % 2 === 0 ? even : odd).read(file, new Uint8Array(1), tag, tag);
  }
  const [evens, odds] = await Promise.all([
    all(even.drain()),
    all(odd.drain()),
  ]);
  assertEquals([evens.length, odds.length], [200, 200]);
  assert(evens.every(({ tag }) => tag % 2 === 0), "an odd one is there");
  assert(odds.every(({ tag }) => tag % 2 === 1), "an even one is there");
});

test("await using a CompletionQueue waits for what is in flight", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.at("new"), {
    write: true,
    createNew: true,
  });
  {
    await using queue = new CompletionQueue<undefined>();
    for (let at = 0; at < 100; at++) {
      queue.write(file, pattern(1000, at * 1000), at * 1000, undefined);
    }
  }
  assertBytes(Deno.readFileSync(directory.at("new")), pattern(100_000));
});

test("a file's close() waits for requests of a CompletionQueue", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  await using queue = new CompletionQueue<number>();
  queue.read(fifo.file, new Uint8Array(1), 0, 1);
  const closing = fifo.file.close();
  assert(await isPending(closing), "close() did not wait");
  fifo.feed("x");
  await closing;
  const [{ bytes, error }] = await all(queue.drain());
  assertEquals([bytes, error], [1, null]);
});

test("CompletionQueue lets go of what it handed over, with others that wait", {
  ignore: gc === undefined,
}, async () => {
  const BACKLOG = 64;
  const ROUNDS = 20;
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  await using queue = new CompletionQueue<object>();
  const tags: WeakRef<object>[] = [];
  const submit = () => {
    const tag = {};
    tags.push(new WeakRef(tag));
    queue.read(file, new Uint8Array(1), 0, tag);
  };
  for (let count = 0; count < BACKLOG; count++) submit();
  const iterator = queue[Symbol.asyncIterator]();
  for (let round = 0; round < ROUNDS; round++) {
    while (queue.inFlight > 0) await delay(1);
    for (let count = 0; count < BACKLOG / 2; count++) {
      assertEquals((await iterator.next()).done, false);
      submit();
    }
  }
  // What was looked at in this turn is alive.
  await delay(1);
  gc!();
  const alive = tags.filter((tag) => tag.deref() !== undefined).length;
  assert(alive >= BACKLOG / 2, `${alive} tags`);
  assert(alive < 2 * BACKLOG, `${alive} of ${tags.length} tags are alive`);
});

test("CompletionQueue.submit() whose list has a getter that closes a file throws EBADF, and submits nothing", async () => {
  using directory = new Directory();
  await using other = await AioFile.open(directory.file("x"));
  await using queue = new CompletionQueue<string>();
  const { submitted } = metrics();
  for (const cancel of [false, true]) {
    const file = await AioFile.open(directory.file("y"));
    let closing: Promise<void>;
    const list = [
      { ...readOf(other), tag: "first" },
      { ...readOf(file), tag: "closed" },
      {
        ...readOf(other),
        get tag() {
          closing = file.close({ cancel });
          return "last";
        },
      },
    ];
    const error = assertThrows(() => queue.submit(list), AioError) as AioError;
    assertEquals([error.code, error.syscall], ["EBADF", "aio_read"]);
    await closing!;
  }
  assertEquals(metrics().submitted, submitted);
  assertNothingInFlight(queue);
});

test("CompletionQueue.submit() whose list has a getter that takes a buffer away throws as batch() does, and submits nothing", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("x"));
  await using queue = new CompletionQueue<number>();
  const { submitted } = metrics();
  const taking = () => {
    const first = { ...readOf(file), tag: 1 };
    const second = {
      ...readOf(file),
      get offset() {
        const { buffer } = first.buffer;
        if (!buffer.detached) structuredClone(buffer, { transfer: [buffer] });
        return 0;
      },
      tag: 2,
    };
    return [first, second];
  };
  const thrown = assertThrows(() => queue.submit(taking()), TypeError);
  const rejected = await assertRejects(() => file.batch(taking()), TypeError);
  assertEquals((thrown as Error).message, (rejected as Error).message);
  assertEquals(metrics().submitted, submitted);
  assertNothingInFlight(queue);
});

function readOf(file: AioFile) {
  return { type: "read", file, buffer: new Uint8Array(1), offset: 0 } as const;
}
