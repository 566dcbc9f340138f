/**
 * What differs from system to system: the names of libraries and symbols, the
 * layout of structures, the values of constants and error numbers.
 *
 * Data only, so that it loads everywhere; `tests/ffi/layout_test.ts` compares it
 * with what the C compilers of the machine make of the system's own headers.
 *
 * @module
 */
import type {
  AiocbLayout,
  AioInitLayout,
  RusageLayout,
  SigeventLayout,
  TimespecLayout,
} from "./layout.ts";

/** The operating systems that have a table. */
export type OperatingSystem = "linux" | "darwin" | "freebsd" | "netbsd";

/** The processor architectures that have a table. */
export type Architecture = "x86_64" | "aarch64";

/** The C libraries that have a table. */
export type CLibrary = "glibc" | "musl" | "libSystem" | "freebsd" | "netbsd";

/** The constants of the C headers under their own names. */
export interface PlatformConstants {
  readonly LIO_READ: number;
  readonly LIO_WRITE: number;
  readonly LIO_NOP: number;
  readonly LIO_WAIT: number;
  readonly LIO_NOWAIT: number;
  readonly AIO_CANCELED: number;
  readonly AIO_NOTCANCELED: number;
  readonly AIO_ALLDONE: number;
  readonly SIGEV_NONE: number;
  readonly SIGEV_SIGNAL: number;
  /** macOS defines it and refuses it. */
  readonly SIGEV_THREAD: number;
  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_RDWR: number;
  /** On musl this includes `O_PATH`, as an access mode of its own. */
  readonly O_ACCMODE: number;
  readonly O_APPEND: number;
  readonly O_SYNC: number;
  readonly O_DSYNC: number;
  readonly O_CLOEXEC: number;
  readonly O_NONBLOCK: number;
  readonly O_NOCTTY: number;
  /** 0 on macOS, which has `F_NOCACHE` instead. */
  readonly O_DIRECT: number;
  readonly F_GETFL: number;
  readonly F_SETFD: number;
  readonly FD_CLOEXEC: number;
  readonly F_DUPFD_CLOEXEC: number;
  /** Linux's own, of pipes only; 0 elsewhere. */
  readonly F_GETPIPE_SZ: number;
  /** 0 wherever it is not macOS. */
  readonly F_NOCACHE: number;
  /** For `preadv2()` and `pwritev2()`; 0 where there are none. */
  readonly RWF_NOWAIT: number;
  /** 0 wherever it is not Linux, as the other system calls. */
  readonly SYS_gettid: number;
  readonly SYS_getdents64: number;
  readonly _SC_OPEN_MAX: number;
  readonly _SC_AIO_LISTIO_MAX: number;
  readonly _SC_AIO_MAX: number;
  /** -1 on NetBSD, which has none; `sysconf(-1)` is -1. */
  readonly _SC_AIO_PRIO_DELTA_MAX: number;
}

/** All that the library has to know of one system. */
export interface Platform {
  /** The operating system. */
  readonly os: OperatingSystem;
  /** The processor architecture. */
  readonly arch: Architecture;
  /** The C library. */
  readonly libc: CLibrary;
  /** Name for messages, such as `linux-glibc-x86_64` or `darwin-aarch64`. */
  readonly name: string;
  /** Shared libraries that may have the functions, in the order to try. */
  readonly libraries: readonly string[];
  /** Functions that the libraries have under another name than C's. */
  readonly symbols: Readonly<Record<string, string>>;
  /** The function that returns the address of the thread's `errno`. */
  readonly errnoLocation: string;
  /** Layout of `struct aiocb`. */
  readonly aiocb: AiocbLayout;
  /** Layout of `struct timespec`. */
  readonly timespec: TimespecLayout;
  /** Layout of `struct aioinit`; only glibc has one. */
  readonly aioinit: AioInitLayout | null;
  /** Layout of `struct rusage`, where it tells what was read from devices. */
  readonly rusage: RusageLayout | null;
  /** The constants of the C headers. */
  readonly constants: PlatformConstants;
  /**
   * Error numbers by name. Where names share a number, the name that
   * `node:fs` errors carry comes first.
   */
  readonly errno: Readonly<Record<string, number>>;
  /** Whether the system serves the requests of one descriptor one after another. */
  readonly serialPerDescriptor: boolean;
}

/** What one C library has in common on all architectures. */
type System = Omit<Platform, "arch" | "name" | "libraries" | "constants"> & {
  readonly namePrefix: string;
  libraries(arch: Architecture): readonly string[];
  constants(arch: Architecture): PlatformConstants;
};

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x86_64: "x86_64",
  x64: "x86_64",
  aarch64: "aarch64",
  arm64: "aarch64",
};

/** Every system here is LP64 with a 64-bit `time_t`. */
const TIMESPEC: TimespecLayout = { size: 16, tv_sec: 0, tv_nsec: 8 };

const LINUX_SIGEVENT: SigeventLayout = {
  size: 64,
  value: 0,
  signo: 8,
  notify: 12,
  function: 16,
  attributes: 24,
};

const BSD_SIGEVENT: SigeventLayout = {
  size: 32,
  notify: 0,
  signo: 4,
  value: 8,
  function: 16,
  attributes: 24,
};

/** musl chose the layout of glibc. */
const LINUX_AIOCB: Omit<AiocbLayout, "source" | "status"> = {
  size: 168,
  fildes: 0,
  lio_opcode: 4,
  reqprio: 8,
  buf: 16,
  nbytes: 24,
  sigevent: 32,
  offset: 128,
  sigeventLayout: LINUX_SIGEVENT,
};

/** `gettid` came with glibc 2.30, but the system call was always there. */
const LINUX_SYMBOLS = { this_thread: "syscall", getdents: "syscall" };

/** The constants that all systems agree on. */
const COMMON_CONSTANTS = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  F_SETFD: 2,
  FD_CLOEXEC: 1,
  F_GETFL: 3,
} as const;

function linuxConstants(
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
    F_NOCACHE: 0,
    RWF_NOWAIT: 8,
    SYS_gettid: arch === "aarch64" ? 178 : 186,
    SYS_getdents64: arch === "aarch64" ? 61 : 217,
    _SC_OPEN_MAX: 4,
    _SC_AIO_LISTIO_MAX: 23,
    _SC_AIO_MAX: 24,
    _SC_AIO_PRIO_DELTA_MAX: 25,
  };
}

/** FreeBSD and NetBSD agree on these. */
const FREE_AND_NETBSD_CONSTANTS = {
  ...COMMON_CONSTANTS,
  LIO_NOP: 0,
  LIO_WRITE: 1,
  LIO_READ: 2,
  LIO_NOWAIT: 0,
  LIO_WAIT: 1,
  AIO_CANCELED: 1,
  AIO_NOTCANCELED: 2,
  AIO_ALLDONE: 3,
  SIGEV_NONE: 0,
  SIGEV_SIGNAL: 1,
  SIGEV_THREAD: 2,
  O_ACCMODE: 3,
  O_APPEND: 0x8,
  O_SYNC: 0x80,
  O_NONBLOCK: 0x4,
  O_NOCTTY: 0x8000,
  F_NOCACHE: 0,
  F_GETPIPE_SZ: 0,
  RWF_NOWAIT: 0,
  SYS_gettid: 0,
  SYS_getdents64: 0,
} as const;

const DARWIN_CONSTANTS: PlatformConstants = {
  ...COMMON_CONSTANTS,
  LIO_NOP: 0,
  LIO_READ: 1,
  LIO_WRITE: 2,
  LIO_NOWAIT: 1,
  LIO_WAIT: 2,
  AIO_ALLDONE: 1,
  AIO_CANCELED: 2,
  AIO_NOTCANCELED: 4,
  SIGEV_NONE: 0,
  SIGEV_SIGNAL: 1,
  SIGEV_THREAD: 3,
  O_ACCMODE: 3,
  O_APPEND: 0x8,
  O_SYNC: 0x80,
  O_DSYNC: 0x400000,
  O_CLOEXEC: 0x1000000,
  O_NONBLOCK: 0x4,
  O_NOCTTY: 0x20000,
  O_DIRECT: 0,
  F_DUPFD_CLOEXEC: 67,
  F_NOCACHE: 48,
  F_GETPIPE_SZ: 0,
  RWF_NOWAIT: 0,
  SYS_gettid: 0,
  SYS_getdents64: 0,
  _SC_OPEN_MAX: 5,
  _SC_AIO_LISTIO_MAX: 42,
  _SC_AIO_MAX: 43,
  _SC_AIO_PRIO_DELTA_MAX: 44,
};

const FREEBSD_CONSTANTS: PlatformConstants = {
  ...FREE_AND_NETBSD_CONSTANTS,
  O_DSYNC: 0x1000000,
  O_CLOEXEC: 0x100000,
  O_DIRECT: 0x10000,
  F_DUPFD_CLOEXEC: 17,
  _SC_OPEN_MAX: 5,
  _SC_AIO_LISTIO_MAX: 42,
  _SC_AIO_MAX: 43,
  _SC_AIO_PRIO_DELTA_MAX: 44,
};

const NETBSD_CONSTANTS: PlatformConstants = {
  ...FREE_AND_NETBSD_CONSTANTS,
  O_DSYNC: 0x10000,
  O_CLOEXEC: 0x400000,
  O_DIRECT: 0x80000,
  F_DUPFD_CLOEXEC: 12,
  _SC_OPEN_MAX: 5,
  _SC_AIO_LISTIO_MAX: 51,
  _SC_AIO_MAX: 52,
  _SC_AIO_PRIO_DELTA_MAX: -1,
};

/** Numbers the names of a list on from the given one. */
function numbered(first: number, names: string): Record<string, number> {
  return Object.fromEntries(
    names.trim().split(/\s+/).map((name, index) => [name, first + index]),
  );
}

/** Linux's, the same on both architectures; 41 and 58 are unused. */
const LINUX_ERRNO: Readonly<Record<string, number>> = {
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

/** What 4.4BSD left to all its descendants; 45 differs among them. */
const BSD_ERRNO: Readonly<Record<string, number>> = {
  ...numbered(
    1,
    `EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EDEADLK
    ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR
    EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE
    EDOM ERANGE EAGAIN EINPROGRESS EALREADY ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT`,
  ),
  ...numbered(
    46,
    `EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH
    ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
    ETOOMANYREFS ETIMEDOUT ECONNREFUSED ELOOP ENAMETOOLONG EHOSTDOWN
    EHOSTUNREACH ENOTEMPTY EPROCLIM EUSERS EDQUOT ESTALE EREMOTE EBADRPC
    ERPCMISMATCH EPROGUNAVAIL EPROGMISMATCH EPROCUNAVAIL ENOLCK ENOSYS EFTYPE
    EAUTH ENEEDAUTH`,
  ),
  EWOULDBLOCK: 35,
};

const DARWIN_ERRNO: Readonly<Record<string, number>> = {
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

const FREEBSD_ERRNO: Readonly<Record<string, number>> = {
  ...BSD_ERRNO,
  ENOTSUP: 45,
  EOPNOTSUPP: 45,
  ...numbered(
    82,
    `EIDRM ENOMSG EOVERFLOW ECANCELED EILSEQ ENOATTR EDOOFUS EBADMSG EMULTIHOP
    ENOLINK EPROTO ENOTCAPABLE ECAPMODE ENOTRECOVERABLE EOWNERDEAD EINTEGRITY`,
  ),
};

const NETBSD_ERRNO: Readonly<Record<string, number>> = {
  ...BSD_ERRNO,
  EOPNOTSUPP: 45,
  ...numbered(
    82,
    `EIDRM ENOMSG EOVERFLOW EILSEQ ENOTSUP ECANCELED EBADMSG ENODATA ENOSR
    ENOSTR ETIME ENOATTR EMULTIHOP ENOLINK EPROTO EOWNERDEAD ENOTRECOVERABLE`,
  ),
};

const GLIBC: System = {
  os: "linux",
  libc: "glibc",
  namePrefix: "linux-glibc",
  // Since glibc 2.34 librt is empty, but depends on libc, which has them.
  libraries: () => ["librt.so.1", "libc.so.6"],
  symbols: LINUX_SYMBOLS,
  errnoLocation: "__errno_location",
  aiocb: {
    ...LINUX_AIOCB,
    status: 112,
    source: "aio.h and bits/types/sigevent_t.h of glibc 2.36",
  },
  timespec: TIMESPEC,
  aioinit: { size: 32, aio_threads: 0, aio_num: 4, aio_idle_time: 24 },
  rusage: { size: 144, ru_inblock: 88 },
  constants: (arch) => linuxConstants(arch, 3),
  errno: LINUX_ERRNO,
  // One thread at a time takes the requests of a descriptor off their list.
  serialPerDescriptor: true,
};

const MUSL: System = {
  os: "linux",
  libc: "musl",
  namePrefix: "linux-musl",
  // The first is Alpine's name; musl takes the second for itself anywhere.
  libraries: (arch) => [`libc.musl-${arch}.so.1`, "libc.so"],
  symbols: LINUX_SYMBOLS,
  errnoLocation: "__errno_location",
  aiocb: {
    ...LINUX_AIOCB,
    status: null,
    source: "aio.h and signal.h of musl 1.2.3",
  },
  timespec: TIMESPEC,
  aioinit: null,
  rusage: null,
  constants: (arch) => linuxConstants(arch, 0o10000003),
  errno: LINUX_ERRNO,
  // Each request has a thread; only appends and syncs wait for earlier ones.
  serialPerDescriptor: false,
};

const DARWIN: System = {
  os: "darwin",
  libc: "libSystem",
  namePrefix: "darwin",
  libraries: () => ["/usr/lib/libSystem.B.dylib", "libSystem.dylib"],
  symbols: { this_thread: "pthread_main_np", getdents: "syscall" },
  errnoLocation: "__error",
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
    source: "sys/aio.h and sys/signal.h of xnu-11417.101.15 (macOS 15.4)",
  },
  timespec: TIMESPEC,
  aioinit: null,
  rusage: null,
  constants: () => DARWIN_CONSTANTS,
  errno: DARWIN_ERRNO,
  // The kernel's threads take whatever request is next.
  serialPerDescriptor: false,
};

const FREEBSD: System = {
  os: "freebsd",
  libc: "freebsd",
  namePrefix: "freebsd",
  // librt adds SIGEV_THREAD to the system calls that libc has.
  libraries: () => ["librt.so.1", "libc.so.7"],
  symbols: { this_thread: "pthread_main_np", getdents: "syscall" },
  errnoLocation: "__error",
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
    source: "sys/aio.h and sys/signal.h of FreeBSD 15.0",
  },
  timespec: TIMESPEC,
  aioinit: null,
  rusage: null,
  constants: () => FREEBSD_CONSTANTS,
  errno: FREEBSD_ERRNO,
  // The kernel's threads take whatever request is next.
  serialPerDescriptor: false,
};

const NETBSD: System = {
  os: "netbsd",
  libc: "netbsd",
  namePrefix: "netbsd",
  libraries: () => ["librt.so.1", "libc.so.12"],
  // The plain name stands for old programs, whose time_t had 32 bits.
  symbols: {
    aio_suspend: "__aio_suspend50",
    this_thread: "_lwp_self",
    getdents: "syscall",
  },
  errnoLocation: "__errno",
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
    source: "sys/aio.h and sys/signal.h of NetBSD 10.1",
  },
  timespec: TIMESPEC,
  aioinit: null,
  rusage: null,
  constants: () => NETBSD_CONSTANTS,
  errno: NETBSD_ERRNO,
  // One kernel thread serves the whole process: further descriptors gain nothing.
  serialPerDescriptor: false,
};

const SYSTEMS: readonly System[] = [GLIBC, MUSL, DARWIN, FREEBSD, NETBSD];

/**
 * The table of a system.
 *
 * @param os The operating system as runtimes name it, such as `linux`.
 * @param arch The architecture as runtimes name it: `x64` is `x86_64` and
 * `arm64` is `aarch64`.
 * @param libc The C library.
 * @returns The table, or `null` where there is none.
 */
export function platformFor(
  os: string,
  arch: string,
  libc: CLibrary,
): Platform | null {
  const system = SYSTEMS.find((one) => one.os === os && one.libc === libc);
  if (system === undefined || !Object.hasOwn(ARCHITECTURES, arch)) return null;
  const architecture = ARCHITECTURES[arch];
  const { namePrefix, libraries, constants, ...rest } = system;
  return {
    ...rest,
    arch: architecture,
    name: `${namePrefix}-${architecture}`,
    libraries: libraries(architecture),
    constants: constants(architecture),
  };
}
