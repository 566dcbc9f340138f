// Errors carry the stack of the function that awaits, in V8, and it comes first.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AioError, AioFile } from "../../mod.ts";
import {
  closeSync,
  Directory,
  Fifo,
  isLinux,
  openSync,
  test,
} from "../helpers/mod.ts";

const bytes = new Uint8Array(8);

/** Files for which something fails. */
interface Files {
  readonly path: string;
  readonly readable: AioFile;
  readonly writable: AioFile;
  /** Its descriptor is closed by somebody else. */
  readonly gone: AioFile;
  readonly closed: AioFile;
}

type Failing = (files: Files) => Promise<unknown>;

const FAILING: Record<string, Failing> = {
  "readAt()": ({ writable }) => writable.readAt(bytes, 0),
  "writeAt()": ({ readable }) => readable.writeAt(bytes, 0),
  "append()": ({ readable }) => readable.append(bytes),
  "read()": ({ writable }) => writable.read(0, 8),
  "read() of many bytes": ({ writable }) => writable.read(0, 2 ** 30),
  "batch()": async ({ writable }) => {
    const request = { type: "read", buffer: bytes, offset: 0 } as const;
    const [outcome] = await writable.batch([request]);
    throw outcome.status === "rejected" && outcome.reason;
  },
  "copyTo()": ({ readable, writable }) => writable.copyTo(readable),
  "copyTo() of a closed file": ({ readable, closed }) =>
    readable.copyTo(closed),
  "stat() of a closed file": ({ closed }) => closed.stat(),
  "lock() of a closed file": ({ closed }) => closed.lock(),
  "allocate() of a closed file": ({ closed }) => closed.allocate(0, 1),
  "sync()": ({ gone }) => gone.sync(),
  "syncData()": ({ gone }) => gone.syncData(),
  "size()": ({ gone }) => gone.size(),
  "truncate()": ({ readable }) => readable.truncate(5),
  "AioFile.open()": ({ path }) => AioFile.open(`${path}/missing`),
  "close()": ({ gone }) => gone.close(),
  "readAt() of a closed file": ({ closed }) => closed.readAt(bytes, 0),
  "sync() of a closed file": ({ closed }) => closed.sync(),
  "size() of a closed file": ({ closed }) => closed.size(),
};

async function withFiles(fn: (files: Files) => Promise<void>): Promise<void> {
  using directory = new Directory();
  const path = directory.file("contents");
  await using readable = await AioFile.open(path);
  await using writable = await AioFile.open(path, { write: true });
  const closed = await AioFile.open(path);
  await closed.close();
  const fd = openSync(path, "r+");
  const gone = AioFile.adopt(fd);
  closeSync(fd);
  await fn({ path, readable, writable, gone, closed });
}

async function failureOf(call: () => Promise<unknown>): Promise<AioError> {
  const error = await call().then(() => null, (error) => error);
  assert(error instanceof AioError, String(error));
  return error as AioError;
}

/** The frames of a stack, without the message. */
function framesOf({ stack, message }: Error): string[] {
  const [head, ...frames] = stack!.split(/\n {4}at /);
  assertEquals(head, `AioError: ${message}`);
  return frames;
}

/** The library's frames before the first of this file's. */
function ownFramesOf(frames: string[]): string[] {
  const end = frames.findIndex((frame) => frame.includes("stack_test.ts"));
  assert(end !== -1, frames.join("\n"));
  // The runtime's own are there if it has run microtasks in a timer's turn.
  return frames.slice(0, end).filter((frame) =>
    !frame.includes("(ext:") && !frame.includes("Promise.allSettled")
  );
}

function assertIsOf(error: AioError, userFunction: string): void {
  const frames = framesOf(error);
  assertStringIncludes(frames.join("\n"), userFunction);
  // At most the method that was called, and what it awaits.
  const own = ownFramesOf(frames);
  assert(own.length <= 2, frames.join("\n"));
  for (const frame of own) assertStringIncludes(frame, "AioFile.");
}

for (const [name, call] of Object.entries(FAILING)) {
  test(`${name} rejects with the stack of the function that awaits it`, async () => {
    await withFiles(async (files) => {
      async function userFunction() {
        await call(files);
      }
      assertIsOf(await failureOf(userFunction), "userFunction");
    });
  });

  test(`${name} rejects with the stack of who awaits it in Promise.all()`, async () => {
    await withFiles(async (files) => {
      async function userFunction() {
        await Promise.all([Promise.resolve(1), call(files)]);
      }
      const frames = framesOf(await failureOf(userFunction));
      assertStringIncludes(frames.join("\n"), "userFunction");
    });
  });
}

type Canceling = (file: AioFile, controller: AbortController) => unknown;

const CANCELING: Record<string, Canceling> = {
  "cancel()": (file) => file.cancel(),
  "close()": (file) => file.close({ cancel: true }),
  "its signal": (_file, controller) => controller.abort(),
};

for (const [by, cancel] of Object.entries(CANCELING)) {
  test(
    `a write that has begun and is canceled by ${by} rejects with the stack of the function that awaits it`,
    {
      ignore: !isLinux,
    },
    async () => {
      await using fifo = new Fifo();
      const controller = new AbortController();
      const { signal } = controller;
      const more = new Uint8Array(2 ** 20);
      async function userFunction() {
        await fifo.file.writeAt(more, 0, { signal });
      }
      const failure = failureOf(userFunction);
      await fifo.take(1);
      await cancel(fifo.file, controller);
      const error = await failure;
      assertEquals(error.code, "ECANCELED");
      assertIsOf(error, "userFunction");
    },
  );
}

test(
  "reads that are canceled reject with the stacks of the functions that await them",
  {
    ignore: !isLinux,
  },
  async () => {
    await using fifo = new Fifo();
    async function oneFunction() {
      await fifo.file.readAt(bytes, 0);
    }
    async function otherFunction() {
      await fifo.file.read(0, 8);
    }
    const one = failureOf(oneFunction);
    const other = failureOf(otherFunction);
    await fifo.file.cancel();
    assertIsOf(await one, "oneFunction");
    assertIsOf(await other, "otherFunction");
  },
);
