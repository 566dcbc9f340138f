// read(): bytes in memory of their own, as far as the file goes.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AioFile } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  decode,
  Directory,
  Fifo,
  hasDirectTransfers,
  isLinux,
  pattern,
  test,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;

test("read() reads at the offset, and is short only at the end of the file", async () => {
  using directory = new Directory();
  const contents = pattern(10_007);
  await using file = await AioFile.open(directory.file(contents));
  for (const length of [0, 1, 4096, 10_006, 10_007, 20_000, 3 * MIB, 2 ** 31]) {
    for (const offset of [0, 1, 4096, 10_006, 10_007, 10_008, 2 ** 40, 2n]) {
      const bytes = await file.read(offset, length);
      const at = Number(offset);
      assertBytes(bytes, contents.subarray(at, at + length));
    }
  }
});

test("read() takes no memory for what the file does not have", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  // No runtime has an array of so many bytes.
  const bytes = await file.read(3, Number.MAX_SAFE_INTEGER);
  assertEquals(decode(bytes), "tents");
  assertEquals(decode(await file.read(3, Infinity)), "tents");
});

test("read() gives memory of its own that has nothing else in it", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(3 * MIB));
  await using file = await AioFile.open(path);
  for (const [offset, length] of [[0, 100], [3 * MIB - 7, 100], [5, 9 * MIB]]) {
    const bytes = await file.read(offset, length);
    assertEquals(bytes.byteOffset, 0);
    assertEquals(bytes.buffer.byteLength, bytes.byteLength);
    const moved = structuredClone(bytes, { transfer: [bytes.buffer] });
    assertBytes(moved, pattern(3 * MIB).subarray(offset, offset + length));
  }
});

test("read() reads all of a long file, at odd places too", async () => {
  using directory = new Directory();
  const contents = pattern(5 * MIB + 3);
  await using file = await AioFile.open(directory.file(contents));
  assertBytes(await file.read(0, 5 * MIB + 3), contents);
  assertBytes(await file.read(1, 64 * MIB), contents.subarray(1));
  assertBytes(
    await file.read(MIB - 1, 2 * MIB + 1),
    contents.subarray(MIB - 1, 3 * MIB),
  );
});

test(
  "read() reads files that say they have no bytes",
  { ignore: !isLinux },
  async () => {
    const contents = Deno.readFileSync("/proc/cpuinfo");
    await using file = await AioFile.open("/proc/cpuinfo");
    const [first] = decode(contents).split("\n");
    for (const length of [first.length, 2 ** 30]) {
      const text = decode(await file.read(0, length));
      assertEquals(text.slice(0, first.length), first);
    }
    await using all = await AioFile.open("/proc/kallsyms");
    const whole = await all.read(0, 2 ** 30);
    assert(whole.length > 2 * 64 * 1024, `${whole.length}`);
    assertEquals(whole.length, Deno.readFileSync("/proc/kallsyms").length);
  },
);

test(
  "read() reads what a pipe has",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    for (const length of [100, 2 ** 31]) {
      const reading = fifo.file.read(0, length);
      fifo.feed("hello");
      assertEquals(decode(await reading), "hello");
    }
  },
);

test(
  "read() of a file opened with direct gives a last block that is short",
  { ignore: !hasDirectTransfers() },
  async () => {
    using directory = new Directory();
    const contents = pattern(3 * MIB + 100);
    const path = directory.file(contents);
    await using file = await AioFile.open(path, { direct: true });
    assertBytes(await file.read(0, 64 * MIB), contents);
    assertBytes(await file.read(3 * MIB, 4096), contents.subarray(3 * MIB));
  },
);

test("read() is canceled by its signal", { ignore: !isLinux }, async () => {
  await using fifo = new Fifo();
  const reason = new Error("enough");
  for (const length of [10, 2 ** 30]) {
    const controller = new AbortController();
    const { signal } = controller;
    const reading = fifo.file.read(0, length, { signal });
    controller.abort(reason);
    assertEquals(await reading.catch((error) => error), reason);
    const again = fifo.file.read(0, length, { signal });
    assertEquals(await again.catch((error) => error), reason);
  }
});

test("read() refuses what is not valid, and a closed file", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const file = await AioFile.open(path);
  await assertRejects(() => file.read(-1, 1), RangeError);
  await assertRejects(() => file.read(0, -1), RangeError, "length");
  await assertRejects(() => file.read(0, 0.5), RangeError, "length");
  await assertRejects(() => file.read(0, NaN), RangeError, "length");
  await assertRejects(() => file.read("0" as unknown as number, 1), TypeError);
  await file.close();
  for (const length of [0, 1, 2 ** 30]) {
    await assertAioError(file.read(0, length), "EBADF", { path });
  }
});

test("close() waits for a read() of a long file", async () => {
  using directory = new Directory();
  const file = await AioFile.open(directory.file(pattern(3 * MIB)));
  const reading = file.read(0, 2 ** 30);
  await file.close();
  assertBytes(await reading, pattern(3 * MIB));
});

test("read() of a file open for writing only is EBADF", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { write: true });
  await assertAioError(file.read(0, 4), "EBADF", { path });
  await assertAioError(file.read(0, 2 ** 30), "EBADF", { path });
});

for (const how of ["cancel()", "close({ cancel: true })"]) {
  test(`${how} ends a read() of a long file, and that of a slice`, async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file(pattern(8 * MIB)));
    const reads = [file.read(0, 8 * MIB), file.slice().bytes()];
    const outcomes = Promise.allSettled(reads);
    if (how === "cancel()") await file.cancel();
    else await file.close({ cancel: true });
    for (const outcome of await outcomes) {
      const { reason } = outcome as PromiseRejectedResult;
      assertEquals([outcome.status, reason?.code], ["rejected", "ECANCELED"]);
    }
  });
}
