/**
 * Opening by native calls, and the file of a descriptor a second time.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { runtime } from "../../ffi/current.ts";
import { freeNative, tryAllocateNative } from "../../ffi/memory.ts";
import { EBADF, platform } from "./constants.ts";
import { statusOf } from "./descriptor.ts";
import { AioError } from "./error.ts";
import { reopenByFs } from "./fs_descriptor.ts";
import { fileName, type NamedFile } from "./hints.ts";
import { librt } from "./librt.ts";
import { isOpenFor, tellsFlags } from "./open_flags.ts";
import { isServedByFs } from "./settings.ts";

const { constants } = platform;

/** The flags that matter to transfers; none that creates or empties a file. */
const REOPEN_FLAGS = constants.O_ACCMODE | constants.O_APPEND |
  constants.O_DIRECT | constants.O_SYNC | constants.O_DSYNC |
  constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens the file of a descriptor a second time: unlike a duplicate, the new one
 * has flags, and errors of write-back, of its own.
 *
 * @param fd The descriptor.
 * @param flags The flags of `open(2)`; those that create or empty a file are left
 * out.
 * @returns The new descriptor, or a negative error number: where the system opens
 * no descriptor by its name, where the descriptor is a socket, and where the
 * process may not open the file again.
 */
export function reopenDescriptor(fd: number, flags: number): number {
  if (platform.os !== "linux") return -platform.errno.ENOTSUP;
  const name = Buffer.from(`/proc/self/fd/${fd}`);
  return openNatively(name, flags & REOPEN_FLAGS, 0);
}

/** The same by `node:fs` where that serves, by the path if there is no other way. */
export function reopenFile({ fd, path }: NamedFile, flags: number): number {
  return isServedByFs()
    ? reopenByFs(fd, path, flags & REOPEN_FLAGS)
    : reopenDescriptor(fd, flags);
}

/**
 * Opens a file by a native call, which asks nobody for a permission. Other programs
 * do not inherit the descriptor.
 *
 * @param path The path, without null bytes.
 * @param flags The flags of `open(2)`.
 * @param mode Permissions of a new file.
 * @returns The descriptor, or a negative error number.
 */
export function openNatively(
  path: Uint8Array,
  flags: number,
  mode: number,
): number {
  const memory = tryAllocateNative(path.byteLength + 1);
  if (memory === null) return -platform.errno.ENOMEM;
  memory.bytes.set(path);
  memory.bytes[path.byteLength] = 0;
  const fd = librt("open").open(
    memory.pointer,
    flags | constants.O_CLOEXEC,
    mode,
  );
  const errno = fd === -1 ? runtime.errno() : 0;
  freeNative(memory);
  return fd === -1 ? -errno : fd;
}

/**
 * Opens the file of a descriptor a second time, for appending. The descriptor's
 * own flag cannot be set instead: its duplicates share it, and a write with an
 * offset would append as well.
 *
 * @throws {AioError} `EBADF` if the descriptor is not open for writing, and the
 * system's error where it does not let a descriptor be opened by its name.
 */
export function reopenForAppending(file: NamedFile, flags: number): number {
  const { fd, path } = file;
  const { O_ACCMODE, O_APPEND, O_WRONLY } = constants;
  const what = `Cannot append to ${fileName(file)}, `;
  const particulars = { syscall: "open", fd, path };
  if (!isOpenFor(flags, true)) {
    throw new AioError(`${what}which is open for reading only`, {
      ...particulars,
      errno: EBADF,
    });
  }
  const kept = flags & ~(O_ACCMODE | constants.O_NONBLOCK);
  const wanted = kept | O_WRONLY | O_APPEND;
  const appending = reopenFile(file, wanted);
  if (appending >= 0) return appending;
  statusOf({ fd, path }); // Not open any more: EBADF says more than ENOENT.
  const isKnown = !isServedByFs() || path !== undefined || tellsFlags(fd);
  const why = isKnown
    ? "which is open without append"
    : "of which nobody tells whether it is open for append";
  throw new AioError(what + why, {
    ...particulars,
    errno: -appending,
  });
}
