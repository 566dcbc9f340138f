// FileQueue: whether requests with a lowered priority are there, so that others
// can overtake them. What is counted up is counted down, whatever becomes of it.

import { assertEquals, assertRejects } from "@std/assert";
import { AioFile, CompletionQueue } from "../../mod.ts";
import { openFileOf } from "../../lib/file/aio_file.ts";
import {
  assertAioError,
  Directory,
  Fifo,
  isLinux,
  test,
} from "../helpers/mod.ts";

const priority = 5;

function isSorting(file: AioFile): boolean {
  return openFileOf(file).queueFor("read").isSorting;
}

/** Asserts that a request is counted until it has ended, as `end` has it do. */
async function assertCounted(
  file: AioFile,
  submit: () => Promise<unknown>,
  end: () => unknown = () => {},
): Promise<void> {
  assertEquals(isSorting(file), false, "before");
  const outcome = submit();
  assertEquals(isSorting(file), true, "in flight");
  end();
  await outcome;
  assertEquals(isSorting(file), false, "afterwards");
}

test("isSorting is true while a request with a priority is in flight", {
  pageCache: false,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { read: true, write: true });
  const bytes = new Uint8Array(4);
  const requests: (() => Promise<unknown>)[] = [
    () => file.readAt(bytes, 0, { priority }),
    () => file.writeAt(bytes, 0, { priority }),
    () => file.batch([{ type: "read", buffer: bytes, offset: 0, priority }]),
    () => Promise.all([1, 2, 3].map(() => file.readAt(bytes, 0, { priority }))),
  ];
  for (const submit of requests) await assertCounted(file, submit);
  const queue = new CompletionQueue<number>();
  await assertCounted(file, () => {
    queue.submit([
      { type: "read", file, buffer: bytes, offset: 0, tag: 1, priority },
    ]);
    return queue.close();
  });
});

test("isSorting leaves synchronizations and appends out, before and after", {
  pageCache: false,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { read: true, write: true });
  const bytes = new Uint8Array(4);
  for (let round = 0; round < 3; round++) {
    const outcomes = [
      file.sync({ priority }),
      file.syncData({ priority }),
      file.append(bytes, { priority }),
      file.readAt(bytes, 0),
    ];
    assertEquals(isSorting(file), false);
    await Promise.all(outcomes);
    assertEquals(isSorting(file), false);
  }
  await assertCounted(file, () => file.readAt(bytes, 0, { priority }));
});

test("isSorting is false after requests that failed or were canceled", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file();
  const bytes = new Uint8Array(4);
  await using writable = await AioFile.open(path, { write: true });
  await assertCounted(
    writable,
    () => assertAioError(writable.readAt(bytes, 0, { priority }), "EBADF"),
  );
  await using fifo = new Fifo();
  const { file } = fifo;
  await assertCounted(
    file,
    () => assertAioError(file.readAt(bytes, 0, { priority }), "ECANCELED"),
    () => file.cancel(),
  );
  const controller = new AbortController();
  const { signal } = controller;
  await assertCounted(
    file,
    () =>
      assertRejects(
        () => file.readAt(bytes, 0, { priority, signal }),
        DOMException,
      ),
    () => controller.abort(),
  );
});
