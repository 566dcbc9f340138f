// What a program keeps in an AsyncLocalStorage is there in everything that the
// library calls or settles.

import { assertEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  aio_read,
  Aiocb,
  AioError,
  allocatePinned,
  CompletionQueue,
  lio_listio,
  LIO_NOWAIT,
  LIO_READ,
  SIGEV_THREAD,
  type Sigevent,
} from "../../mod.ts";
import { AioFile } from "../../mod.ts";
import {
  closeSync,
  Directory,
  Fifo,
  isLinux,
  openSync,
  test,
} from "../helpers/mod.ts";

const storage = new AsyncLocalStorage<string>();

/** `SIGEV_THREAD` in a context; resolves with the context of the function. */
function notified(
  context: string,
  submit: (sigevent: Sigevent) => void,
): Promise<string | undefined> {
  return new Promise((resolve) =>
    storage.run(context, () =>
      submit({
        sigev_notify: SIGEV_THREAD,
        sigev_notify_function: () => resolve(storage.getStore()),
      }))
  );
}

// Where the isolate may end first the library calls the function, and elsewhere
// a thread of the system.
for (
  const [where, options] of [
    ["a thread of the system", { onFirstThread: import.meta.url }],
    ["the library", {}],
  ] as const
) {
  test(
    `SIGEV_THREAD calls in the context of the submission, by ${where}`,
    options,
    async () => {
      using directory = new Directory();
      const fd = openSync(directory.file("contents"), "r");
      const fields = {
        aio_fildes: fd,
        aio_buf: allocatePinned(4),
        aio_lio_opcode: LIO_READ,
      };
      const contexts = await Promise.all([
        notified(
          "aio_read",
          (aio_sigevent) => aio_read(new Aiocb({ ...fields, aio_sigevent })),
        ),
        notified(
          "another",
          (aio_sigevent) => aio_read(new Aiocb({ ...fields, aio_sigevent })),
        ),
        notified(
          "lio_listio",
          (sigevent) =>
            void lio_listio(LIO_NOWAIT, [new Aiocb(fields)], sigevent),
        ),
        notified(
          "nothing",
          (sigevent) => void lio_listio(LIO_NOWAIT, [], sigevent),
        ),
      ]);
      assertEquals(contexts, ["aio_read", "another", "lio_listio", "nothing"]);
      closeSync(fd);
    },
  );
}

test("a context is kept across readAt(), append(), sync() and close()", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const options = { read: true, write: true };
  const work = async (): Promise<(string | undefined)[]> => {
    const seen = [];
    const file = await AioFile.open(path, options);
    seen.push(storage.getStore());
    await file.readAt(new Uint8Array(4), 0);
    seen.push(storage.getStore());
    await file.append(new Uint8Array(4));
    seen.push(storage.getStore());
    await file.sync();
    seen.push(storage.getStore());
    await file.close();
    seen.push(storage.getStore());
    return seen;
  };
  const contexts = ["a", "b", "c"];
  const seen = await Promise.all(
    contexts.map((context) => storage.run(context, work)),
  );
  assertEquals(seen, contexts.map((context) => Array(5).fill(context)));
});

test("a context is kept across the iteration of a CompletionQueue", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  for (const notify of ["auto", "suspend", "poll", "thread"] as const) {
    await using queue = new CompletionQueue<number>({ notify });
    const consuming = storage.run("consumer", async () => {
      const seen = [];
      for await (const { tag } of queue) {
        seen.push(`${storage.getStore()} ${tag}`);
        if (tag === 2) return seen;
      }
    });
    storage.run("producer", () => {
      for (const tag of [1, 2]) queue.read(file, new Uint8Array(1), 0, tag);
    });
    const seen = (await consuming)!;
    assertEquals(seen.at(-1), "consumer 2", notify);
    for (const one of seen) assertEquals(one.split(" ")[0], "consumer");
  }
});

test("a context is kept by what an AbortSignal or cancel() rejects", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { file } = fifo;
  const controller = new AbortController();
  const { signal } = controller;
  const waits = (context: string, signal?: AbortSignal) =>
    storage.run(context, async () => {
      try {
        await file.readAt(new Uint8Array(1), 0, { signal });
      } catch (reason) {
        const { code } = Object(reason);
        return [
          storage.getStore(),
          reason instanceof AioError ? code : reason,
        ];
      }
    });
  const waiting = [waits("aborted", signal), waits("canceled")];
  storage.run("who aborts", () => controller.abort("enough"));
  await storage.run("who cancels", () => file.cancel());
  assertEquals(await Promise.all(waiting), [
    ["aborted", "enough"],
    ["canceled", "ECANCELED"],
  ]);
});
