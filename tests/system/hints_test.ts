// What the library knows more of an error than the system says.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { EBADF, EINVAL, EIO } from "../../mod.ts";
import { type Asked, hintOn } from "../../lib/system/hints.ts";
import {
  closeSync,
  constants,
  Directory,
  isLinux,
  openSync,
  test,
} from "../helpers/mod.ts";

const READ: Asked = { isWrite: false, offset: 0, length: 4096, address: 0 };

test("hintOn() says that the address of a direct transfer is misaligned", {
  ignore: !isLinux,
}, () => {
  using directory = new Directory("/var/tmp");
  const path = directory.file(new Uint8Array(4096));
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
  assertEquals(hintOn(EINVAL, { fd }, READ), "");
  assertEquals(hintOn(EINVAL, { fd }, { ...READ, address: 1 << 20 }), "");
  const hint = hintOn(EINVAL, { fd }, { ...READ, address: (1 << 20) + 1 });
  assertStringIncludes(
    hint,
    " (direct I/O: the address of the buffer must be a multiple of ",
  );
  closeSync(fd);
});

test("hintOn() has nothing to say of other errors and other descriptors", {
  ignore: !isLinux,
}, () => {
  using directory = new Directory("/var/tmp");
  const path = directory.file();
  const misaligned = { ...READ, offset: 1 };
  const direct = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
  const cached = openSync(path, "r");
  assertEquals(hintOn(EIO, { fd: direct }, misaligned), "");
  assertEquals(hintOn(EINVAL, { fd: direct }, null), "");
  assertEquals(hintOn(EINVAL, { fd: cached }, misaligned), "");
  assertEquals(hintOn(EBADF, { fd: cached }, READ), "");
  closeSync(direct);
  closeSync(cached);
  assertEquals(hintOn(EINVAL, { fd: direct }, misaligned), "");
});

test("hintOn() says for what a descriptor is open", () => {
  using directory = new Directory();
  const path = directory.file();
  const write = { ...READ, isWrite: true };
  const cases: [flags: string, asked: Asked | null, hint: string][] = [
    ["r", write, ", which is open for reading only"],
    ["r", null, ", which is open for reading only"],
    ["r", READ, ""],
    ["w", READ, ", which is open for writing only"],
    ["w", write, ""],
    ["w", null, ""],
    ["r+", READ, ""],
    ["r+", write, ""],
  ];
  for (const [flags, asked, hint] of cases) {
    const fd = openSync(path, flags);
    assertEquals(hintOn(EBADF, { fd }, asked), hint, flags);
    closeSync(fd);
    assertEquals(hintOn(EBADF, { fd }, asked), ", which is not open", flags);
  }
});
