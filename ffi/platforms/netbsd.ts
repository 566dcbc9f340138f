/**
 * NetBSD, from sys/aio.h, sys/signal.h and other headers of NetBSD 10.1.
 *
 * @module
 */
import type { PlatformConstants, System } from "../platform.ts";
import { BSD_ERRNO, BSD_SIGEVENT, FREE_AND_NETBSD_CONSTANTS } from "./bsd.ts";
import { numbered } from "./shared.ts";

const CONSTANTS: PlatformConstants = {
  ...FREE_AND_NETBSD_CONSTANTS,
  O_DSYNC: 0x10000,
  O_CLOEXEC: 0x400000,
  O_DIRECT: 0x80000,
  F_DUPFD_CLOEXEC: 12,
  SEEK_DATA: 0,
  SEEK_HOLE: 0,
  _SC_OPEN_MAX: 5,
  _SC_AIO_LISTIO_MAX: 51,
  _SC_AIO_MAX: 52,
  _SC_AIO_PRIO_DELTA_MAX: -1,
};

const ERRNO: Readonly<Record<string, number>> = {
  ...BSD_ERRNO,
  EOPNOTSUPP: 45,
  ...numbered(
    82,
    `EIDRM ENOMSG EOVERFLOW EILSEQ ENOTSUP ECANCELED EBADMSG ENODATA ENOSR
    ENOSTR ETIME ENOATTR EMULTIHOP ENOLINK EPROTO EOWNERDEAD ENOTRECOVERABLE`,
  ),
};

/** The table. */
export const NETBSD: System = {
  os: "netbsd",
  isMusl: false,
  namePrefix: "netbsd",
  libraries: () => ["librt.so.1", "libc.so.12"],
  symbols: {
    // The plain name stands for old programs, whose time_t had 32 bits.
    aio_suspend: "__aio_suspend50",
    errno_location: "__errno",
    this_thread: "_lwp_self",
  },
  aiocb: {
    size: 88,
    status: null,
    offset: 0,
    buf: 8,
    nbytes: 16,
    fildes: 24,
    lio_opcode: 28,
    reqprio: 32,
    sigevent: 40,
    sigeventLayout: BSD_SIGEVENT,
  },
  aioinit: null,
  constants: () => CONSTANTS,
  errno: ERRNO,
  // One kernel thread serves the whole process: further descriptors gain nothing.
  serialPerDescriptor: false,
  prefersFs: false,
};
