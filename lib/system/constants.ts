/**
 * The constants of `aio(3)` under their POSIX names, with the values of the
 * system this is. Where the system has no table (Windows), they have Linux's,
 * so that importing works everywhere; but a file is opened with flags that
 * `node:fs` knows there.
 *
 * @module
 */
import { constants as fsConstants } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import { hostPlatform, UnavailableError } from "../../ffi/librt.ts";
import type { Platform } from "../../ffi/platform.ts";
import { platformFor } from "../../ffi/platforms.ts";

function tableOfThisSystem(): Platform {
  const platform = hostPlatform();
  if (!(platform instanceof UnavailableError)) return platform;
  const linux = platformFor("linux", "x86_64")!;
  const { os } = runtime.host;
  return { ...linux, os, constants: { ...linux.constants, ...flagsOfFs() } };
}

/** The flags of `open(2)` as `node:fs` has them; 0 for those that it has not. */
function flagsOfFs() {
  const { O_APPEND, O_SYNC = 0, O_DSYNC = 0, O_DIRECT = 0, O_NONBLOCK = 0 } =
    fsConstants;
  return { O_APPEND, O_SYNC, O_DSYNC, O_DIRECT, O_NONBLOCK, O_NOCTTY: 0 };
}

/** The table of this system, or Linux's where there is none. */
export const platform: Platform = tableOfThisSystem();

const { constants, errno } = platform;

/** `aio_lio_opcode`: read. */
export const LIO_READ: number = constants.LIO_READ;
/** `aio_lio_opcode`: write. */
export const LIO_WRITE: number = constants.LIO_WRITE;
/** `aio_lio_opcode`: nothing; the entry is skipped. */
export const LIO_NOP: number = constants.LIO_NOP;
/** Mode of {@linkcode lio_listio}: resolve when all requests are done. */
export const LIO_WAIT: number = constants.LIO_WAIT;
/** Mode of {@linkcode lio_listio}: resolve when all requests are queued. */
export const LIO_NOWAIT: number = constants.LIO_NOWAIT;

/** {@linkcode aio_cancel}: everything that was asked for was canceled. */
export const AIO_CANCELED: number = constants.AIO_CANCELED;
/** {@linkcode aio_cancel}: something is already running and goes on. */
export const AIO_NOTCANCELED: number = constants.AIO_NOTCANCELED;
/** {@linkcode aio_cancel}: everything was already done. */
export const AIO_ALLDONE: number = constants.AIO_ALLDONE;

/** `sigev_notify`: no notification. */
export const SIGEV_NONE: number = constants.SIGEV_NONE;
/** `sigev_notify`: the signal `sigev_signo` is queued for the process. */
export const SIGEV_SIGNAL: number = constants.SIGEV_SIGNAL;
/** `sigev_notify`: `sigev_notify_function` is called with `sigev_value`. */
export const SIGEV_THREAD: number = constants.SIGEV_THREAD;

/** {@linkcode aio_fsync}: data and all metadata, as `fsync` does. */
export const O_SYNC: number = constants.O_SYNC;
/** {@linkcode aio_fsync}: data and what reading it back needs, as `fdatasync` does. */
export const O_DSYNC: number = constants.O_DSYNC;

/** Error number: the request is not done yet. */
export const EINPROGRESS: number = errno.EINPROGRESS;
/** Error number: the request was canceled before it ran. */
export const ECANCELED: number = errno.ECANCELED;
/** Error number: resources are missing for now, or a time-out passed. */
export const EAGAIN: number = errno.EAGAIN;
/** Error number: not an open file descriptor, or not open for this. */
export const EBADF: number = errno.EBADF;
/** Error number: an argument is not valid. */
export const EINVAL: number = errno.EINVAL;
/** Error number: input or output failed. */
export const EIO: number = errno.EIO;
/** Error number: interrupted by a signal. */
export const EINTR: number = errno.EINTR;
/** Error number: the system does not have this function. */
export const ENOSYS: number = errno.ENOSYS;
/** Error number: the offset is beyond what the file can have. */
export const EOVERFLOW: number = errno.EOVERFLOW;
/** Error number: the file would become larger than is allowed. */
export const EFBIG: number = errno.EFBIG;
/** Error number: the file system is full. */
export const ENOSPC: number = errno.ENOSPC;
