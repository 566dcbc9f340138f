/**
 * Uses the library while a test runner's fakes stand in the place of timers,
 * microtasks and clocks, and once more when the real ones are back. The arguments
 * are a name of {@linkcode FAKES}, whether the library is loaded `before` or
 * `after` they are there, and by `import` or `require`. Prints what it did.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import timers from "node:timers";

type Library = typeof import("@posix/aio");
type Restore = () => void;

const [fakes, order, format] = process.argv.slice(2);
const require = createRequire(import.meta.url);

/** More turns of the event loop than polling lasts. */
const TURNS_MAX = 10_000;

const FUNCTIONS = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "clearImmediate",
];

/** Puts a value into the place of a property. */
function replace(target: object, name: string, value: unknown): Restore {
  const descriptor = Object.getOwnPropertyDescriptor(target, name)!;
  const fake = { value, configurable: true, writable: true };
  Object.defineProperty(target, name, fake);
  return () => Object.defineProperty(target, name, descriptor);
}

/** Replaces by what never calls back, and clocks by some that stand still. */
function replaceGlobals(): Restore {
  const never = () => ({ unref() {}, ref() {} });
  class StoppedDate extends Date {
    static override now = () => 0;
  }
  const restores = [
    ...[...FUNCTIONS, "queueMicrotask"]
      .map((name) => replace(globalThis, name, never)),
    replace(globalThis, "Date", StoppedDate),
    replace(globalThis, "performance", { now: () => 0 }),
    replace(process, "nextTick", never),
    replace(
      process,
      "hrtime",
      Object.assign(() => [0, 0], { bigint: () => 0n }),
    ),
  ];
  return () => restores.forEach((restore) => restore());
}

function replaceModuleToo(): Restore {
  const restores = [
    replaceGlobals(),
    ...FUNCTIONS.map((name) => replace(timers, name, () => ({}))),
  ];
  return () => restores.forEach((restore) => restore());
}

/** What replaces them. Each returns a function that puts the real ones back. */
const FAKES: Record<string, () => Restore | Promise<Restore>> = {
  globals: replaceGlobals,
  globalsAndModule: replaceModuleToo,
  sinon() {
    const clock = require("@sinonjs/fake-timers").install({
      toNotFake: ["Intl", "Temporal"],
    });
    return () => clock.uninstall();
  },
  async "node:test"() {
    const { mock } = await import("node:test");
    mock.timers.enable();
    return () => mock.timers.reset();
  },
};

const directory = mkdtempSync(join(tmpdir(), "posix-aio-"));
const path = join(directory, "file");
const fifo = join(directory, "fifo");
writeFileSync(path, "0123456789");
execFileSync("mkfifo", [fifo]);

async function useFiles({ AioFile }: Library): Promise<void> {
  const file = await AioFile.open(path, { read: true, write: true });
  assert.equal(await file.readAt(new Uint8Array(4), 0), 4);
  await Promise.all([
    file.append(new Uint8Array(3)),
    file.append(new Uint8Array(3)),
    file.writeAt(new Uint8Array(1), 0),
    file.syncData(),
  ]);
  const requests = [0, 1, 2].map((offset) => ({
    type: "read" as const,
    buffer: new Uint8Array(2),
    offset,
  }));
  assert.equal((await file.batch(requests)).length, 3);
  for await (const chunk of file.readable({ length: 10, chunkSize: 4 })) {
    assert.ok(chunk.length > 0);
  }
  await file.close();
}

async function useFifo({ AioFile }: Library): Promise<void> {
  const fd = openSync(fifo, constants.O_RDWR);
  const file = AioFile.adopt(fd);
  // More than the library lets wait for threads, so that some wait for poll(2).
  const reads = Array.from(
    { length: 40 },
    () => file.readAt(new Uint8Array(1), 0),
  );
  writeSync(fd, new Uint8Array(40));
  await Promise.all(reads);
  await file.close();
}

async function useQueues({ AioFile, CompletionQueue }: Library): Promise<void> {
  const file = await AioFile.open(path);
  for (const notify of ["auto", "suspend", "thread", "poll"] as const) {
    const queue = new CompletionQueue<number>({ notify });
    queue.read(file, new Uint8Array(4), 0, 1);
    for await (const { bytes } of queue.drain()) assert.equal(bytes, 4);
    await queue.close();
  }
  await file.close();
}

/** A read that takes long is waited for on a thread: the clock has to go on. */
async function waitLong(library: Library): Promise<void> {
  const { aio_read, aio_suspend, Aiocb, allocatePinned, metrics } = library;
  const fd = openSync(fifo, constants.O_RDWR);
  const block = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(1) });
  const { suspends } = metrics();
  aio_read(block);
  const done = aio_suspend([block]);
  for (let turn = 0; metrics().suspends === suspends; turn++) {
    assert.ok(turn < TURNS_MAX, "it polls for ever");
    await stat("/");
  }
  writeSync(fd, "x");
  await done;
}

async function useC(library: Library): Promise<void> {
  const { aio_read, aio_return, aio_suspend, Aiocb, allocatePinned } = library;
  const file = await library.AioFile.open(path);
  const aio_buf = allocatePinned(4);
  const block = new Aiocb({ aio_fildes: file.fd, aio_buf });
  aio_read(block);
  await aio_suspend([block]);
  assert.equal(aio_return(block), 4);
  await new Promise<void>((resolve) => {
    block.aio_sigevent = {
      sigev_notify: library.SIGEV_THREAD,
      sigev_notify_function: () => resolve(),
    };
    aio_read(block);
  });
  const fd = openSync(fifo, constants.O_RDWR);
  const waiting = new Aiocb({ aio_fildes: fd, aio_buf });
  aio_read(waiting);
  await assert.rejects(aio_suspend([waiting], 10), { code: "EAGAIN" });
  writeSync(fd, "x");
  await aio_suspend([waiting]);
  await file.close();
}

async function use(library: Library): Promise<void> {
  await useFiles(library);
  await useFifo(library);
  await useQueues(library);
  await waitLong(library);
  await useC(library);
}

const load = async (): Promise<Library> =>
  format === "require" ? require("@posix/aio") : await import("@posix/aio");

let library = order === "before" ? await load() : null;
const restore = await FAKES[fakes]();
library ??= await load();
await use(library);
restore();
console.log("used with fakes");
await use(library);
console.log("used without");
rmSync(directory, { recursive: true });
