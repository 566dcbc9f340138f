/**
 * FreeBSD, from sys/aio.h, sys/signal.h and other headers of FreeBSD 15.0.
 *
 * @module
 */
import type { PlatformConstants, System } from "../platform.ts";
import { BSD_ERRNO, BSD_SIGEVENT, FREE_AND_NETBSD_CONSTANTS } from "./bsd.ts";
import { numbered } from "./shared.ts";

const CONSTANTS: PlatformConstants = {
  ...FREE_AND_NETBSD_CONSTANTS,
  O_DSYNC: 0x1000000,
  O_CLOEXEC: 0x100000,
  O_DIRECT: 0x10000,
  F_DUPFD_CLOEXEC: 17,
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
  _SC_OPEN_MAX: 5,
  _SC_AIO_LISTIO_MAX: 42,
  _SC_AIO_MAX: 43,
  _SC_AIO_PRIO_DELTA_MAX: 44,
};

const ERRNO: Readonly<Record<string, number>> = {
  ...BSD_ERRNO,
  ENOTSUP: 45,
  EOPNOTSUPP: 45,
  ...numbered(
    82,
    `EIDRM ENOMSG EOVERFLOW ECANCELED EILSEQ ENOATTR EDOOFUS EBADMSG EMULTIHOP
    ENOLINK EPROTO ENOTCAPABLE ECAPMODE ENOTRECOVERABLE EOWNERDEAD EINTEGRITY`,
  ),
};

/** The table. */
export const FREEBSD: System = {
  os: "freebsd",
  isMusl: false,
  namePrefix: "freebsd",
  // librt adds SIGEV_THREAD to the system calls that libc has.
  libraries: () => ["librt.so.1", "libc.so.7"],
  symbols: { errno_location: "__error", this_thread: "pthread_main_np" },
  aiocb: {
    size: 160,
    status: null,
    fildes: 0,
    offset: 8,
    buf: 16,
    nbytes: 24,
    lio_opcode: 48,
    reqprio: 52,
    sigevent: 80,
    // The function lies in a union that is padded to eight longs.
    sigeventLayout: { ...BSD_SIGEVENT, size: 80 },
  },
  aioinit: null,
  constants: () => CONSTANTS,
  errno: ERRNO,
  // The kernel's threads take whatever request is next.
  serialPerDescriptor: false,
  prefersFs: false,
};
