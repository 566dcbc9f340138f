/**
 * Calls by the runtime's functions, whose permissions decide, and by the system's for
 * descriptors that the runtime has not opened.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import type { Librt } from "../../ffi/librt.ts";
import { EBADF, platform } from "./constants.ts";
import { AioError, fromSystemError } from "./error.ts";
import type { NamedFile } from "./hints.ts";
import { librt } from "./librt.ts";
import { isServedByFs } from "./settings.ts";

const { constants } = platform;

/**
 * Calls the runtime's function, or the system's where the runtime does not know
 * the descriptor because it has not opened it.
 */
export async function callOrFallBack<T>(
  ofRuntime: () => Promise<T>,
  ofSystem: (native: Librt) => number,
  what: (errno: number) => string,
  syscall: string,
  { fd, path }: NamedFile,
): Promise<T | number> {
  const particulars = { syscall, fd, path };
  try {
    return await ofRuntime();
  } catch (error) {
    const failure = fromSystemError(error, what, particulars);
    if (!isUnknown(failure, fd)) throw failure;
    const native = librt(syscall);
    const outcome = ofSystem(native);
    if (outcome !== -1) return outcome;
    const errno = runtime.errno();
    throw new AioError(what(errno), { ...particulars, errno });
  }
}

/** Whether a call failed because the runtime does not know a descriptor that is open. */
export function isUnknown(failure: unknown, fd: number): boolean {
  return !isServedByFs() && failure instanceof AioError &&
    failure.errno === EBADF &&
    librt(failure.syscall).fcntl(fd, constants.F_GETFL, 0) !== -1;
}
