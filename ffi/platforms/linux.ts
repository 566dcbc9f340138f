/**
 * What Linux has in common under both of its C libraries.
 *
 * @module
 */
import type { AiocbLayout, SigeventLayout } from "../layout.ts";
import type { Architecture, PlatformConstants, System } from "../platform.ts";
import { COMMON_CONSTANTS, numbered } from "./shared.ts";

const SIGEVENT: SigeventLayout = {
  size: 64,
  value: 0,
  signo: 8,
  notify: 12,
  function: 16,
};

/** musl chose the layout of glibc. */
export const LINUX_AIOCB: Omit<AiocbLayout, "status"> = {
  size: 168,
  fildes: 0,
  lio_opcode: 4,
  reqprio: 8,
  buf: 16,
  nbytes: 24,
  sigevent: 32,
  offset: 128,
  sigeventLayout: SIGEVENT,
};

/** `O_ACCMODE` is another one on musl. */
export function linuxConstants(
  arch: Architecture,
  O_ACCMODE: number,
): PlatformConstants {
  return {
    ...COMMON_CONSTANTS,
    LIO_READ: 0,
    LIO_WRITE: 1,
    LIO_NOP: 2,
    LIO_WAIT: 0,
    LIO_NOWAIT: 1,
    AIO_CANCELED: 0,
    AIO_NOTCANCELED: 1,
    AIO_ALLDONE: 2,
    SIGEV_SIGNAL: 0,
    SIGEV_NONE: 1,
    SIGEV_THREAD: 2,
    O_ACCMODE,
    O_APPEND: 0o2000,
    O_SYNC: 0o4010000,
    O_DSYNC: 0o10000,
    O_CLOEXEC: 0o2000000,
    O_NONBLOCK: 0o4000,
    O_NOCTTY: 0o400,
    O_DIRECT: arch === "aarch64" ? 0o200000 : 0o40000,
    F_DUPFD_CLOEXEC: 1030,
    F_GETPIPE_SZ: 1032,
    F_GET_SEALS: 1034,
    SEEK_DATA: 3,
    SEEK_HOLE: 4,
    FALLOC_FL_KEEP_SIZE: 1,
    FALLOC_FL_PUNCH_HOLE: 2,
    F_OFD_SETLK: 37,
    F_RDLCK: 0,
    F_WRLCK: 1,
    F_UNLCK: 2,
    MADV_HUGEPAGE: 14,
    F_NOCACHE: 0,
    RWF_NOWAIT: 8,
    MSG_DONTWAIT: 0x40,
    SYS_gettid: arch === "aarch64" ? 178 : 186,
    SYS_getdents64: arch === "aarch64" ? 61 : 217,
    _SC_OPEN_MAX: 4,
    _SC_AIO_LISTIO_MAX: 23,
    _SC_AIO_MAX: 24,
    _SC_AIO_PRIO_DELTA_MAX: 25,
  };
}

/** The same on both architectures; 41 and 58 are unused. */
const ERRNO: Readonly<Record<string, number>> = {
  ...numbered(
    1,
    `EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN
    ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR
    EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE
    EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP`,
  ),
  ...numbered(
    42,
    `ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
    EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT`,
  ),
  ...numbered(
    59,
    `EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
    ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD
    EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE
    EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
    EPROTONOSUPPORT ESOCKTNOSUPPORT ENOTSUP EPFNOSUPPORT EAFNOSUPPORT
    EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED
    ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN
    ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED
    ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE
    ERFKILL EHWPOISON`,
  ),
  EWOULDBLOCK: 11,
  EDEADLOCK: 35,
  EOPNOTSUPP: 95,
};

/** The rest of the tables that they share. */
export const LINUX = {
  os: "linux",
  symbols: {
    errno_location: "__errno_location",
    // gettid() came with glibc 2.30, but the system call was always there.
    this_thread: "syscall",
  },
  errno: ERRNO,
} as const satisfies Partial<System>;
