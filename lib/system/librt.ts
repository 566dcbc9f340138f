/** The bound C library and its memory, with errors that users see. */
import {
  type Librt,
  librt as bind,
  UnavailableError,
} from "../../ffi/librt.ts";
import {
  allocateNative,
  type NativeMemory,
  OutOfMemoryError,
} from "../../ffi/memory.ts";
import { ENOSYS, platform } from "./constants.ts";
import { AioError } from "./error.ts";

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
    throw new AioError(error.message, { errno: ENOSYS, syscall });
  }
}

/** Why there are no native calls, or `null` if there are. */
export function reasonAgainst(): string | null {
  try {
    bind();
    return null;
  } catch (error) {
    return (error as Error).message;
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
