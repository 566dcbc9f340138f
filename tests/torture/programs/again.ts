/**
 * Makes requests of every kind while the system refuses some of them, see
 * `../again.c`. Prints what came of each kind, how many were refused, and how
 * many errors nobody caught.
 */
import { assert, assertEquals } from "@std/assert";
import { readSync } from "node:fs";
import {
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
} from "../../../mod.ts";
import {
  assertBytes,
  concat,
  constants,
  delay,
  openSync,
  pattern,
  timeLimit,
} from "../../helpers/mod.ts";
import { makeFifo } from "./fifo.ts";

const [directory] = Deno.args;
const { O_RDWR, O_NONBLOCK } = constants;
const PATIENCE_MS = timeLimit(3_000);
const REQUESTS = 100;
const BLOCK_BYTES = 4096;
const MIB = 1024 * 1024;

const library = Deno.dlopen(
  Deno.env.get("LD_PRELOAD")!,
  { again_refusals: { parameters: [], result: "i64" } } as const,
).symbols;

let uncaught = 0;
for (const type of ["error", "unhandledrejection"]) {
  addEventListener(type, (event) => {
    event.preventDefault();
    uncaught++;
  });
}

const contents = pattern(REQUESTS * BLOCK_BYTES);
const path = `${directory}/file`;
Deno.writeFileSync(path, contents);

/** Opens the file past the page cache, which answers nothing then. */
async function openDirect(): Promise<AioFile> {
  try {
    return await AioFile.open(path, { direct: true });
  } catch (error) {
    // Not every file system has that.
    if ((error as AioError).code !== "EINVAL") throw error;
    return await AioFile.open(path);
  }
}

async function openNew(name: string): Promise<AioFile> {
  const options = { read: true, write: true, createNew: true };
  return await AioFile.open(`${directory}/${name}`, options);
}

async function reads(priorityOf: (at: number) => number): Promise<void> {
  await using file = await openDirect();
  await Promise.all(Array.from({ length: REQUESTS }, async (_, at) => {
    const into = allocatePinned(BLOCK_BYTES);
    const offset = at * BLOCK_BYTES;
    await file.readAt(into, offset, { priority: priorityOf(at) });
    assertBytes(into, contents.subarray(offset, offset + BLOCK_BYTES));
  }));
}

/** Each of these makes requests of one kind, and rejects if one of them does. */
const kinds: Record<string, () => Promise<unknown>> = {
  reads: () => reads(() => 0),
  "reads of one low priority": () => reads(() => 1),
  "reads of several priorities": () => reads((at) => at % 4),

  async "writes and syncs"() {
    await using file = await openNew("written");
    const calls: Promise<unknown>[] = [];
    for (let at = 0; at < contents.length; at += BLOCK_BYTES) {
      const part = contents.slice(at, at + BLOCK_BYTES);
      calls.push(file.writeAt(part, at));
      if (at % 5 === 0) calls.push(file.sync(), file.syncData());
      if (at % 30 === 0) await delay(0);
    }
    await Promise.all(calls);
    assertBytes(Deno.readFileSync(`${directory}/written`), contents);
  },

  async appends() {
    await using file = await openNew("log");
    const parts = Array.from({ length: REQUESTS }, (_, at) => pattern(at, at));
    const calls: Promise<unknown>[] = [];
    for (const [at, part] of parts.entries()) {
      calls.push(file.append(part));
      if (at % 10 === 0) calls.push(file.syncData());
      if (at % 7 === 0) await delay(0);
    }
    await Promise.all(calls);
    assertBytes(Deno.readFileSync(`${directory}/log`), concat(parts));
  },

  async batch() {
    await using file = await openDirect();
    const outcomes = await file.batch(
      Array.from({ length: REQUESTS }, (_, at) => ({
        type: "read",
        buffer: allocatePinned(BLOCK_BYTES),
        offset: at * BLOCK_BYTES,
        priority: at % 3,
      })),
    );
    for (const outcome of outcomes) {
      assertEquals(outcome, { status: "fulfilled", value: BLOCK_BYTES });
    }
  },

  async queues() {
    await using file = await openDirect();
    for (const notify of ["auto", "suspend", "thread", "poll"] as const) {
      await using queue = new CompletionQueue<number>({ notify });
      for (let at = 0; at < REQUESTS; at++) {
        const into = allocatePinned(BLOCK_BYTES);
        queue.read(file, into, at * BLOCK_BYTES, at);
      }
      queue.sync(file, REQUESTS);
      const tags = new Set<number>();
      for await (const { tag, error } of queue.drain()) {
        assertEquals(error, null);
        tags.add(tag);
      }
      assertEquals(tags.size, REQUESTS + 1);
    }
  },

  async streams() {
    await using source = await openDirect();
    await using target = await openNew("streamed");
    await source.readable({ chunkSize: BLOCK_BYTES })
      .pipeTo(target.writable({ depth: 8 }));
    assertBytes(Deno.readFileSync(`${directory}/streamed`), contents);
  },

  async "a pipe"() {
    const fifo = `${directory}/fifo`;
    makeFifo(fifo);
    await using file = AioFile.adopt(openSync(fifo, O_RDWR));
    const control = openSync(fifo, O_RDWR | O_NONBLOCK);
    const parts = [pattern(2 * MIB), pattern(100, 7), pattern(MIB, 9)];
    const writes = parts.map((part) => file.writeAt(part, 0));
    const taken = new Uint8Array(concat(parts).length);
    for (let at = 0; at < taken.length;) {
      try {
        at += readSync(control, taken, at, taken.length - at, null);
      } catch {
        await delay(1); // There is nothing yet.
      }
    }
    await Promise.all(writes);
    assertBytes(taken, concat(parts));
  },

  /** What is canceled says so, and the others are served. */
  async "canceled reads"() {
    await using file = await openDirect();
    const controller = new AbortController();
    const reads = Array.from({ length: REQUESTS }, (_, at) => {
      const into = allocatePinned(BLOCK_BYTES);
      const { signal } = controller;
      const options = at % 2 === 0 ? {} : { signal };
      return file.readAt(into, at * BLOCK_BYTES, options);
    });
    const settling = Promise.allSettled(reads);
    await delay(0);
    controller.abort("canceled");
    for (const [at, outcome] of (await settling).entries()) {
      if (outcome.status === "fulfilled") continue;
      assert(at % 2 === 1, `${at} was not canceled`);
      assertEquals(outcome.reason, "canceled");
    }
  },

  /** The last one: from here on there is one lane, and one request in it. */
  async "the order of priorities"() {
    await using file = await openNew("ordered");
    configure({ lanes: 1, maxInFlight: 1 });
    const priorities = [0, 3, 0, 20, 3, 1, 0, 20, 1, 0];
    const order: number[] = [];
    await Promise.all(priorities.map(async (priority, at) => {
      await file.writeAt(new Uint8Array(4), at * 4, { priority });
      order.push(at);
    }));
    assertEquals(order, [0, 2, 6, 9, 5, 8, 1, 4, 3, 7]);
  },
};

/** What came of requests: `"done"`, or what is wrong. */
async function outcomeOf(kind: () => Promise<unknown>): Promise<string> {
  const outcome = kind().then(
    () => "done",
    (error) => error instanceof AioError ? error.code : String(error),
  );
  return await Promise.race([outcome, delay(PATIENCE_MS, "hangs")]);
}

const outcomes: Record<string, string> = {};
for (const [name, kind] of Object.entries(kinds)) {
  outcomes[name] = await outcomeOf(kind);
}
const { inFlight, queued } = metrics();
console.log(JSON.stringify({
  outcomes,
  refusals: Number(library.again_refusals()),
  uncaught,
  left: [inFlight, queued],
}));
Deno.exit();
