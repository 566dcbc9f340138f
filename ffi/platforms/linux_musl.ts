/**
 * Linux with musl, from aio.h, signal.h and other headers of musl 1.2.3.
 *
 * @module
 */
import type { System } from "../platform.ts";
import { LINUX, LINUX_AIOCB, linuxConstants } from "./linux.ts";

/** The table. */
export const LINUX_MUSL: System = {
  ...LINUX,
  isMusl: true,
  namePrefix: "linux-musl",
  // The first is Alpine's name; musl takes the second for itself anywhere.
  libraries: (arch) => [`libc.musl-${arch}.so.1`, "libc.so"],
  aiocb: {
    ...LINUX_AIOCB,
    status: null,
  },
  aioinit: null,
  constants: (arch) => linuxConstants(arch, 0o10000003),
  // Each request has a thread; only appends and syncs wait for earlier ones.
  serialPerDescriptor: false,
  prefersFs: false,
};
