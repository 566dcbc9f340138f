// allocate(), punchHole() and advise(): the space and the pages of a file.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Advice, AioFile } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  Directory,
  Fifo,
  isLinux,
  pattern,
  test,
} from "../helpers/mod.ts";

const KIB = 1024;
const BLOCK_BYTES = 4 * KIB;
/** What `st_blocks` counts. */
const SECTOR_BYTES = 512;
const READ_WRITE = { read: true, write: true };
/** The tests' own file system may lack what tmpfs has. */
const here = { ignore: !isLinux };
const memory = () => new Directory("/dev/shm");

async function spaceOf(file: AioFile): Promise<number> {
  return Number((await file.stat()).blocks) * SECTOR_BYTES;
}

test(
  "allocate() sets space aside, and leaves what is there",
  here,
  async () => {
    using directory = memory();
    const contents = pattern(BLOCK_BYTES);
    await using file = await AioFile.open(directory.file(contents), READ_WRITE);
    await file.allocate(0, 64 * KIB);
    assertEquals(await file.size(), 64 * KIB);
    assertEquals(await spaceOf(file), 64 * KIB);
    const bytes = await file.read(0, Infinity);
    assertBytes(bytes.slice(0, BLOCK_BYTES), contents);
    assert(bytes.subarray(BLOCK_BYTES).every((byte) => byte === 0));
    await file.allocate(0n, 1);
    assertEquals(await file.size(), 64 * KIB);
  },
);

test(
  "punchHole() gives space back, and the bytes read as zeros",
  here,
  async () => {
    using directory = memory();
    const contents = pattern(64 * KIB);
    await using file = await AioFile.open(directory.file(contents), READ_WRITE);
    await file.punchHole(BLOCK_BYTES + 1, 8 * BLOCK_BYTES);
    assertEquals(await file.size(), 64 * KIB);
    assertEquals(await spaceOf(file), 64 * KIB - 7 * BLOCK_BYTES);
    contents.fill(0, BLOCK_BYTES + 1, 9 * BLOCK_BYTES + 1);
    assertBytes(await file.read(0, Infinity), contents);
    await file.punchHole(2n ** 40n, 1);
    assertEquals(await file.size(), 64 * KIB);
  },
);

test(
  "sync() covers each call of allocate() and punchHole() before it",
  here,
  async () => {
    using directory = memory();
    await using file = await AioFile.open(directory.file(), READ_WRITE);
    let done = 0;
    const calls = Array.from({ length: 100 }, async (_, at) => {
      const offset = at * BLOCK_BYTES;
      if (at % 2 === 0) await file.allocate(offset, BLOCK_BYTES);
      else await file.punchHole(offset, BLOCK_BYTES);
      done++;
    });
    await file.sync();
    assertEquals(done, calls.length);
    await Promise.all(calls);
  },
);

test("close() waits for allocate() and advise()", here, async () => {
  using directory = memory();
  const path = directory.file();
  const file = await AioFile.open(path, READ_WRITE);
  let done = 0;
  const calls = Array.from({ length: 20 }, async (_, at) => {
    await file.allocate(at * BLOCK_BYTES, BLOCK_BYTES);
    done++;
  });
  const advising = file.advise("dontneed").then(() => done++);
  await file.close();
  assertEquals(done, 21);
  await Promise.all([...calls, advising]);
  assertEquals(Deno.statSync(path).size, 20 * BLOCK_BYTES);
});

test(
  "allocate() beyond the space that there is rejects with ENOSPC",
  here,
  async () => {
    using directory = memory();
    const path = directory.file();
    await using file = await AioFile.open(path, READ_WRITE);
    const syscall = "fallocate";
    const far = file.allocate(0, 2 ** 45);
    await assertAioError(far, "ENOSPC", { path, syscall });
    assertEquals(await spaceOf(file), 0);
  },
);

test(
  "allocate() and punchHole() of a file open for reading only are EBADF",
  here,
  async () => {
    using directory = memory();
    const path = directory.file("contents");
    await using file = await AioFile.open(path);
    for (const name of ["allocate", "punchHole"] as const) {
      const call = file[name](0, 1);
      const { message } = await assertAioError(call, "EBADF", { path });
      assert(message.includes("open for reading only"), message);
    }
  },
);

test(
  "allocate() and punchHole() of what cannot do it are ENOTSUP",
  here,
  async () => {
    await using file = await AioFile.open("/proc/self/comm", READ_WRITE);
    for (const name of ["allocate", "punchHole"] as const) {
      const call = file[name](0, 1);
      await assertAioError(call, "ENOTSUP", { syscall: "fallocate" });
    }
  },
);

test("allocate() and advise() of a pipe are ESPIPE", here, async () => {
  await using fifo = new Fifo();
  await assertAioError(fifo.file.allocate(0, 1), "ESPIPE");
  await assertAioError(fifo.file.advise("willneed"), "ESPIPE");
});

test(
  "advise() takes every advice, for all of a file and for a part",
  here,
  async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.file(pattern(64 * KIB)));
    const advices: Advice[] = [
      "normal",
      "random",
      "sequential",
      "willneed",
      "dontneed",
      "noreuse",
    ];
    for (const advice of advices) {
      await file.advise(advice);
      await file.advise(advice, 4096);
      await file.advise(advice, 4096n, 8192);
      await file.advise(advice, 2 ** 40, 1);
    }
  },
);

test("advise() with a length of 0 advises nothing", here, async () => {
  using directory = new Directory("/var/tmp");
  const contents = pattern(64 * KIB);
  const path = directory.file(contents);
  await using file = await AioFile.open(path, READ_WRITE);
  await file.sync();
  await file.advise("dontneed", 0, 0);
  assertBytes(await file.read(0, Infinity), contents);
});

test("allocate(), punchHole() and advise() refuse what is not valid", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(), READ_WRITE);
  for (const call of ["allocate", "punchHole"] as const) {
    await assertRejects(() => file[call](-1, 1), RangeError, "offset");
    await assertRejects(() => file[call](0, 0), RangeError, "length");
    await assertRejects(() => file[call](0, Infinity), RangeError, "length");
  }
  await assertRejects(() => file.advise("normal", -1), RangeError, "offset");
  await assertRejects(() => file.advise("normal", 0, -1), RangeError, "length");
  for (const advice of ["soon", "toString", 3]) {
    const advising = file.advise(advice as Advice);
    await assertRejects(() => advising, TypeError, "advice must be one of");
  }
});

test("allocate(), punchHole() and advise() of a closed file are EBADF", async () => {
  using directory = new Directory();
  const path = directory.file();
  const file = await AioFile.open(path, READ_WRITE);
  await file.close();
  const particulars = { path, syscall: "fallocate" };
  await assertAioError(file.allocate(0, 1), "EBADF", particulars);
  await assertAioError(file.punchHole(0, 1), "EBADF", particulars);
  await assertAioError(file.advise("normal"), "EBADF", { path });
});
