// Without native calls, what node:fs has works, and the rest says what is missing.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Directory, report, test } from "../helpers/mod.ts";

test("without --allow-ffi, read(), slice(), stat() and copyTo() work, and others are ENOTSUP", async () => {
  using directory = new Directory();
  const contents = `0123456789${"x".repeat(2 ** 21)}`;
  const paths = [directory.file(contents), directory.at("target")];
  const { failures, ...worked } = await report("calls_without_ffi", {
    flags: ["--allow-read", "--allow-write"],
    args: paths,
    engine: "auto",
  });
  assertEquals(worked, {
    read: "234",
    all: contents.length,
    slice: [contents.length - 4, "234"],
    stat: String(contents.length),
    copied: contents.length,
    part: 2,
    target: "12234",
  });
  assertEquals(Deno.readTextFileSync(paths[1]), `12${contents.slice(2)}`);
  const codes = failures.map(([code, syscall]: string[]) => [code, syscall]);
  assertEquals(codes, [
    ["ENOTSUP", "fallocate"],
    ["ENOTSUP", "fallocate"],
    ["ENOTSUP", "posix_fadvise"],
    ["ENOTSUP", "fcntl"],
    ["ENOTSUP", "fcntl"],
  ]);
  for (const [, , message] of failures) {
    assert(message.startsWith("Cannot "), message);
    assertStringIncludes(message, "--allow-ffi");
  }
});
