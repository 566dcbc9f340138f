/**
 * Linux with glibc, from aio.h, bits/types/sigevent_t.h and other headers of glibc 2.36.
 *
 * @module
 */
import type { System } from "../platform.ts";
import { LINUX, LINUX_AIOCB, linuxConstants } from "./linux.ts";

/** The table. */
export const LINUX_GLIBC: System = {
  ...LINUX,
  isMusl: false,
  namePrefix: "linux-glibc",
  // Since glibc 2.34 librt is empty, but depends on libc, which has them.
  libraries: () => ["librt.so.1", "libc.so.6"],
  aiocb: {
    ...LINUX_AIOCB,
    status: 112,
  },
  aioinit: { size: 32, aio_threads: 0, aio_num: 4, aio_idle_time: 24 },
  constants: (arch) => linuxConstants(arch, 3),
  // One thread at a time takes the requests of a descriptor off their list.
  serialPerDescriptor: true,
  prefersFs: false,
};
