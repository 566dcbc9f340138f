/**
 * What differs from system to system: the names of libraries and symbols, the
 * layout of structures, the values of constants and error numbers.
 *
 * @module
 */
import type { AiocbLayout, AioInitLayout } from "./layout.ts";

/** The processor architectures that have a table. */
export type Architecture = "x86_64" | "aarch64";

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
  /** Linux's own, of files in memory only; 0 elsewhere. */
  readonly F_GET_SEALS: number;
  readonly POSIX_FADV_NORMAL: number;
  readonly POSIX_FADV_RANDOM: number;
  readonly POSIX_FADV_SEQUENTIAL: number;
  readonly POSIX_FADV_WILLNEED: number;
  readonly POSIX_FADV_DONTNEED: number;
  readonly POSIX_FADV_NOREUSE: number;
  /** For `lseek()`; 0 where it finds no holes, as the next one. */
  readonly SEEK_DATA: number;
  readonly SEEK_HOLE: number;
  /** For `fallocate()`; 0 where there is none, as the next one. */
  readonly FALLOC_FL_KEEP_SIZE: number;
  readonly FALLOC_FL_PUNCH_HOLE: number;
  /**
   * Locks that belong to an open file; 0 where there are none. macOS has them, but no
   * function with variable arguments that Deno can give an address to on ARM64.
   */
  readonly F_OFD_SETLK: number;
  readonly F_RDLCK: number;
  readonly F_WRLCK: number;
  readonly F_UNLCK: number;
  /** 0 where there is none. */
  readonly MADV_HUGEPAGE: number;
  /** 0 wherever it is not macOS. */
  readonly F_NOCACHE: number;
  /** For `preadv2()` and `pwritev2()`; 0 where there are none. */
  readonly RWF_NOWAIT: number;
  /** For `recv()` and `send()`. */
  readonly MSG_DONTWAIT: number;
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
  /** The operating system, as runtimes name it: `linux`, `darwin`, … */
  readonly os: string;
  /** The processor architecture. */
  readonly arch: Architecture;
  /** Whether it is the C library of Linux that is called musl. */
  readonly isMusl: boolean;
  /** Name for messages, such as `linux-glibc-x86_64` or `darwin-aarch64`. */
  readonly name: string;
  /** Shared libraries that may have the functions, in the order to try. */
  readonly libraries: readonly string[];
  /** Functions that the libraries have under another name, see `signatures.ts`. */
  readonly symbols: Readonly<Record<string, string>>;
  /** Layout of `struct aiocb`. */
  readonly aiocb: AiocbLayout;
  /** Layout of `struct aioinit`; only glibc has one. */
  readonly aioinit: AioInitLayout | null;
  /** The constants of the C headers. */
  readonly constants: PlatformConstants;
  /**
   * Error numbers by name. Where names share a number, the name that
   * `node:fs` errors carry comes first.
   */
  readonly errno: Readonly<Record<string, number>>;
  /** Whether the system serves the requests of one descriptor one after another. */
  readonly serialPerDescriptor: boolean;
  /** Whether `node:fs` serves files better than the system's aio does. */
  readonly prefersFs: boolean;
}

/** What one C library has in common on all architectures. */
export type System =
  & Omit<Platform, "arch" | "name" | "libraries" | "constants">
  & {
    readonly namePrefix: string;
    libraries(arch: Architecture): readonly string[];
    constants(arch: Architecture): PlatformConstants;
  };
