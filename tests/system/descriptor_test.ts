// What is asked of descriptors, where the system has no memory.

import { assertEquals } from "@std/assert";
import { reopenDescriptor } from "../../lib/system/reopen.ts";
import { librt } from "../../lib/system/librt.ts";
import {
  constants,
  Directory,
  isLinux,
  openSync,
  test,
} from "../helpers/mod.ts";
import { closeSync } from "node:fs";

test(
  "reopenDescriptor() returns ENOMEM where there is no memory for the path",
  {
    ignore: !isLinux,
  },
  () => {
    using directory = new Directory();
    const fd = openSync(directory.file(), "r");
    const native = librt() as { aligned_alloc: unknown };
    const { aligned_alloc } = native;
    native.aligned_alloc = () => null;
    try {
      assertEquals(reopenDescriptor(fd, constants.O_RDONLY), -12);
    } finally {
      native.aligned_alloc = aligned_alloc;
      closeSync(fd);
    }
  },
);
