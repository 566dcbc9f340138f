/** What the interface promises of stacks, contexts and listeners. */
import {
  aio_read,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  type IoOptions,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  SIGEV_THREAD,
  type Sigevent,
} from "@posix/aio";
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Checks, fileOf, IS_NATIVE, newPath } from "./kit.ts";

const storage = new AsyncLocalStorage<string>();
const bytes = new Uint8Array(8);

const nativeChecks: Checks = {
  "SIGEV_THREAD calls in the context of the submission": async () => {
    const fd = openSync(fileOf(1), "r");
    const contextOf = (name: string, submit: (sigevent: Sigevent) => void) =>
      new Promise<string | undefined>((resolve) =>
        storage.run(name, () =>
          submit({
            sigev_notify: SIGEV_THREAD,
            sigev_notify_function: () => resolve(storage.getStore()),
          }))
      );
    const fields = {
      aio_fildes: fd,
      aio_buf: allocatePinned(8),
      aio_lio_opcode: LIO_READ,
    };
    const contexts = await Promise.all([
      contextOf(
        "read",
        (aio_sigevent) => aio_read(new Aiocb({ ...fields, aio_sigevent })),
      ),
      contextOf("list", (sigevent) => {
        lio_listio(LIO_NOWAIT, [new Aiocb(fields)], sigevent);
      }),
    ]);
    assert.deepEqual(contexts, ["read", "list"]);
    closeSync(fd);
  },
};

/** What the runtime tells of the caller: its stack, its context, its listeners. */
export const contextChecks: Checks = {
  ...(IS_NATIVE ? nativeChecks : {}),

  "a context is kept across requests and completions": async () => {
    const path = fileOf(1);
    await storage.run("kept", async () => {
      await using file = await AioFile.open(path, { read: true, write: true });
      await file.readAt(bytes, 0);
      assert.equal(storage.getStore(), "kept");
      await file.append(bytes);
      assert.equal(storage.getStore(), "kept");
      await file.sync();
      assert.equal(storage.getStore(), "kept");
      await using queue = new CompletionQueue<number>();
      storage.run("another", () => queue.read(file, bytes, 0, 1));
      for await (const { tag } of queue.drain()) {
        assert.deepEqual([tag, storage.getStore()], [1, "kept"]);
      }
      const controller = new AbortController();
      const { signal } = controller;
      const reads = [1, 2, 3].map(() => file.readAt(bytes, 0, { signal }));
      storage.run("who aborts", () => controller.abort("enough"));
      await Promise.allSettled(reads);
      assert.equal(storage.getStore(), "kept");
    });
  },

  "many requests share a signal without a warning": async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => void warnings.push(warning);
    process.on("warning", warned);
    await using file = await AioFile.open(fileOf(1));
    const { signal } = new AbortController();
    // More than the page cache answers in one turn.
    const reads = Array.from(
      { length: 500 },
      () => file.readAt(new Uint8Array(1), 0, { signal }),
    );
    assert.equal(getEventListeners(signal, "abort").length, 1);
    await Promise.all(reads);
    assert.equal(getEventListeners(signal, "abort").length, 0);
    let chunks = 0;
    for await (const _ of file.readable({ chunkSize: 64, depth: 32 })) chunks++;
    assert.equal(chunks, 64);
    // Warnings come in a later turn.
    await nextTurn();
    await nextTurn();
    process.off("warning", warned);
    assert.deepEqual(warnings, []);
  },

  "a signal's reason is left as it is": async () => {
    const reason = new AioError("Stop", { errno: 5, syscall: "none" });
    const { stack } = Object.freeze(reason);
    await using file = await AioFile.open(fileOf(1), { write: true });
    const calls: ((options: IoOptions) => Promise<unknown>)[] = [
      (options) => file.writeAt(bytes, 0, options),
      (options) => file.sync(options),
      (options) => file.syncData(options),
    ];
    for (const call of calls) {
      const signal = AbortSignal.abort(reason);
      await assert.rejects(call({ signal }), (error) => error === reason);
    }
    assert.equal(reason.stack, stack);
  },

  "what is refused at once carries the stack of its caller": async () => {
    const file = await AioFile.open(fileOf(1), { write: true });
    await file.close();
    const calls = [() => file.writeAt(bytes, 0), () => file.sync()];
    // Bun leaves out callers whose last call it is.
    const caller = process.versions.bun === undefined ? /timer/ : /\n +at /;
    for (const call of calls) {
      // Nobody awaits it.
      const error = await new Promise<Error>((resolve) => {
        setTimeout(function timer() {
          call().then(null, resolve);
        });
      });
      assert.match(String(error.stack), caller);
    }
  },
};

/** A file whose descriptor is closed by somebody else. */
function gone(): AioFile {
  const fd = openSync(fileOf(1), "r+");
  const file = AioFile.adopt(fd);
  closeSync(fd);
  return file;
}

async function userFunction(call: () => Promise<unknown>): Promise<void> {
  await call();
}

// Earlier ones do not know who awaits what a promise follows.
const { bun = "1.3.14" } = process.versions;
if (bun.localeCompare("1.3.14", "en", { numeric: true }) >= 0) {
  Object.assign(contextChecks, {
    "rejections carry the stack of the function that awaits": async () => {
      const path = fileOf(1);
      await using readable = await AioFile.open(path);
      await using writable = await AioFile.open(path, { write: true });
      const failing: Record<string, () => Promise<unknown>> = {
        readAt: () => writable.readAt(bytes, 0),
        writeAt: () => readable.writeAt(bytes, 0),
        append: () => readable.append(bytes),
        sync: () => gone().sync(),
        size: () => gone().size(),
        truncate: () => readable.truncate(5),
        open: () => AioFile.open(newPath()),
        all: () =>
          Promise.all([readable.readAt(bytes, 0), readable.truncate(5)]),
        close: () => gone().close(),
        batch: async () => {
          const request = { type: "read", buffer: bytes, offset: 0 } as const;
          const [outcome] = await writable.batch([request]);
          throw outcome.status === "rejected" && outcome.reason;
        },
      };
      for (const [name, call] of Object.entries(failing)) {
        const error = await userFunction(call).then(
          () => null,
          (error) => error,
        );
        assert.match(String(error?.stack), /userFunction/, name);
        const internal = error.stack.split("posix-aio/").length - 1;
        assert.ok(internal <= 2, error.stack);
      }
    },
  });
}
