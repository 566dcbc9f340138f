/**
 * macOS, from sys/aio.h, sys/signal.h and other headers of xnu-11417.101.15 (macOS 15.4).
 *
 * @module
 */
import type { PlatformConstants, System } from "../platform.ts";
import { BSD_CONSTANTS, BSD_ERRNO, BSD_SIGEVENT } from "./bsd.ts";
import { numbered } from "./shared.ts";

const CONSTANTS: PlatformConstants = {
  ...BSD_CONSTANTS,
  LIO_READ: 1,
  LIO_WRITE: 2,
  LIO_NOWAIT: 1,
  LIO_WAIT: 2,
  AIO_ALLDONE: 1,
  AIO_CANCELED: 2,
  AIO_NOTCANCELED: 4,
  SIGEV_THREAD: 3,
  O_DSYNC: 0x400000,
  O_CLOEXEC: 0x1000000,
  O_NOCTTY: 0x20000,
  O_DIRECT: 0,
  F_DUPFD_CLOEXEC: 67,
  F_NOCACHE: 48,
  // APFS tells of holes where there is data that is not on disk yet.
  SEEK_DATA: 0,
  SEEK_HOLE: 0,
  _SC_OPEN_MAX: 5,
  _SC_AIO_LISTIO_MAX: 42,
  _SC_AIO_MAX: 43,
  _SC_AIO_PRIO_DELTA_MAX: 44,
};

const ERRNO: Readonly<Record<string, number>> = {
  ...BSD_ERRNO,
  ENOTSUP: 45,
  ...numbered(
    82,
    `EPWROFF EDEVERR EOVERFLOW EBADEXEC EBADARCH ESHLIBVERS EBADMACHO ECANCELED
    EIDRM ENOMSG EILSEQ ENOATTR EBADMSG EMULTIHOP ENODATA ENOLINK ENOSR ENOSTR
    EPROTO ETIME EOPNOTSUPP ENOPOLICY ENOTRECOVERABLE EOWNERDEAD EQFULL
    ENOTCAPABLE`,
  ),
};

/** The table. */
export const DARWIN: System = {
  os: "darwin",
  isMusl: false,
  namePrefix: "darwin",
  libraries: () => ["/usr/lib/libSystem.B.dylib", "libSystem.dylib"],
  symbols: { errno_location: "__error", this_thread: "pthread_main_np" },
  aiocb: {
    size: 80,
    status: null,
    fildes: 0,
    offset: 8,
    buf: 16,
    nbytes: 24,
    reqprio: 32,
    sigevent: 40,
    lio_opcode: 72,
    sigeventLayout: BSD_SIGEVENT,
  },
  aioinit: null,
  constants: () => CONSTANTS,
  errno: ERRNO,
  // The kernel's threads take whatever request is next.
  serialPerDescriptor: false,
  // xnu: 16 requests of a process (kern.aioprocmax), 90 of all (kern.aiomax), and 4
  // threads for all of them (kern.aiothreads). A pool of the runtime's has more.
  prefersFs: true,
};
