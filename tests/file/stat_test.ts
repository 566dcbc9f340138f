// stat(): what the system knows of a file.

import { assert, assertEquals } from "@std/assert";
import { fstatSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import {
  assertAioError,
  closeSync,
  Directory,
  Fifo,
  isLinux,
  openSync,
  test,
} from "../helpers/mod.ts";

test("stat() is what fstat() of node:fs says, exactly", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path);
  const { atimeNs: _, ...expected } = fstatSync(file.fd, { bigint: true });
  const { atimeNs: __, ...actual } = await file.stat();
  assertEquals(
    JSON.stringify(actual, withBigInts),
    JSON.stringify(expected, withBigInts),
  );
  assert((await file.stat()).isFile());
  assertEquals((await file.stat()).size, 8n);
});

function withBigInts(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

test("stat() tells a pipe from a file", { ignore: !isLinux }, async () => {
  await using fifo = new Fifo();
  assert((await fifo.file.stat()).isFIFO());
});

test("stat() knows a descriptor that is not the runtime's", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const open = { parameters: ["buffer", "i32"], result: "i32" } as const;
  const libc = Deno.dlopen("libc.so.6", { open });
  const fd = libc.symbols.open(new TextEncoder().encode(`${path}\0`), 0);
  libc.close();
  await using file = AioFile.adopt(fd);
  assertEquals((await file.stat()).size, 8n);
});

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
