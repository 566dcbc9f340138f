// Errors carry the stack of the function that awaits, in V8, and it comes first.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AioError, AioFile } from "../../mod.ts";
import { closeSync, Directory, openSync, test } from "../helpers/mod.ts";

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

/** The frames before the first of this file's. */
function ownFramesOf(frames: string[]): string[] {
  const end = frames.findIndex((frame) => frame.includes("stack_test.ts"));
  assert(end !== -1, frames.join("\n"));
  return frames.slice(0, end);
}

for (const [name, call] of Object.entries(FAILING)) {
  test(`${name} rejects with the stack of the function that awaits it`, async () => {
    await withFiles(async (files) => {
      async function userFunction() {
        await call(files);
      }
      const frames = framesOf(await failureOf(userFunction));
      assertStringIncludes(frames.join("\n"), "userFunction");
      // At most the method that was called, and what it awaits.
      const own = ownFramesOf(frames);
      assert(own.length <= 2, frames.join("\n"));
      for (const frame of own) assertStringIncludes(frame, "AioFile.");
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
