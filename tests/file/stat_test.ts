// stat(): what the system knows of a file.

import { assert, assertEquals } from "@std/assert";
import { fstatSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import {
  assertAioError,
  closeSync,
  Directory,
  engineHere,
  execute,
  Fifo,
  isLinux,
  openSync,
  succeeds,
  test,
} from "../helpers/mod.ts";

test("stat() is what fstat() of node:fs says", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const expected = fstatSync(file.fd, { bigint: true });
  const actual = await file.stat();
  assert(actual.isFile());
  assertEquals(actual.size, 8n);
  for (
    const name of [
      "dev",
      "ino",
      "mode",
      "nlink",
      "uid",
      "gid",
      "blksize",
    ] as const
  ) assertEquals(actual[name], expected[name], name);
  assertEquals(actual.mtime, expected.mtime);
  assertEquals(actual.mtimeMs, expected.mtimeMs);
});

test("stat() has times as the system has them, to the nanosecond", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const time = "2001-02-03 04:05:06.123456789";
  assert(succeeds("touch", "-d", `${time}Z`, path));
  await using file = await AioFile.open(path, { write: true });
  const { mtimeNs, mtimeMs, mtime, ctimeNs } = await file.stat();
  assertEquals(mtimeNs % 1_000_000_000n, 123456789n);
  assertEquals(mtimeMs, mtimeNs / 1_000_000n);
  assertEquals(mtime.toISOString(), "2001-02-03T04:05:06.123Z");
  const { stdout } = await execute(["stat", "-c", "%.9Z", path]);
  assertEquals(ctimeNs, BigInt(stdout.trim().replace(".", "")));
});

test("stat() has sizes beyond 2 ** 53", { ignore: !isLinux }, async () => {
  using directory = new Directory("/dev/shm");
  const path = directory.file();
  const size = 2n ** 53n + 1n;
  assert(succeeds("truncate", "-s", String(size), path));
  await using file = await AioFile.open(path);
  assertEquals((await file.stat()).size, size);
});

test("stat() tells a pipe from a file", { ignore: !isLinux }, async () => {
  await using fifo = new Fifo();
  assert((await fifo.file.stat()).isFIFO());
});

/** Opens what the runtime does not know of. */
function openNatively(path: string): number {
  const open = { parameters: ["buffer", "i32"], result: "i32" } as const;
  const libc = Deno.dlopen("libc.so.6", { open });
  const fd = libc.symbols.open(new TextEncoder().encode(`${path}\0`), 0);
  libc.close();
  return fd;
}

test("stat() knows a descriptor that is not the runtime's", {
  ignore: !isLinux || engineHere() === "fs",
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = AioFile.adopt(openNatively(path));
  assertEquals((await file.stat()).size, 8n);
});

test(
  "size() of a directory that the runtime has not opened is that of stat()",
  {
    ignore: !isLinux || engineHere() === "fs",
  },
  async () => {
    using directory = new Directory();
    await using file = AioFile.adopt(openNatively(directory.path));
    const { size } = Deno.statSync(directory.path);
    assertEquals(await file.size(), size);
    // This one does not wait for the system.
    const whole = file.slice();
    assertEquals(whole.size, size);
  },
);

test("stat() of a closed file is EBADF", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const file = await AioFile.open(path);
  await file.close();
  await assertAioError(file.stat(), "EBADF", { path, syscall: "fstat" });
  const fd = openSync(path, "r");
  const gone = AioFile.adopt(fd);
  closeSync(fd);
  await assertAioError(gone.stat(), "EBADF", { fd, syscall: "fstat" });
  await gone.close().catch(() => {});
});
