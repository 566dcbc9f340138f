/** The bound C library and its memory, with errors that users see. */
import {
  type Librt,
  librt as bind,
  UnavailableError,
  whyUnavailable,
} from "../../ffi/librt.ts";
import {
  allocateNative,
  type NativeMemory,
  OutOfMemoryError,
} from "../../ffi/memory.ts";
import { ENOSYS, platform } from "./constants.ts";
import { AioError } from "./error.ts";

/** What there is where it cannot be called. */
const WHAT_WORKS = '; files work without it, by the engine "fs"';

/** Why the C library cannot be called, and what works all the same; `null` if it can. */
export function reasonAgainst(): string | null {
  const reason = whyUnavailable();
  return reason === null ? null : reason + WHAT_WORKS;
}

/**
 * The bound C library, for the first call as for every later one.
 *
 * @param syscall The function that the caller is about.
 * @throws {AioError} `ENOSYS` where this system has no asynchronous I/O.
 * @throws The runtime's own error where native calls are not permitted.
 */
export function librt(syscall = "aio_init"): Librt {
  try {
    return bind();
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const errno = error.isPassing ? platform.errno.EMFILE : ENOSYS;
    throw new AioError(error.message + WHAT_WORKS, { errno, syscall });
  }
}

/**
 * Takes native memory for a call of the C library.
 *
 * @throws {AioError} `ENOMEM` if there is none.
 */
export function allocateFor(
  syscall: string,
  byteLength: number,
): NativeMemory {
  try {
    return allocateNative(byteLength);
  } catch (error) {
    throw fromNativeError(error, syscall);
  }
}

/** `ENOMEM` as an {@linkcode AioError}; other errors as they are. */
export function fromNativeError(error: unknown, syscall: string): unknown {
  if (!(error instanceof OutOfMemoryError)) return error;
  return new AioError(error.message, {
    errno: platform.errno.ENOMEM,
    syscall,
  });
}
