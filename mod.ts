/**
 * POSIX asynchronous I/O, `aio(3)`, for Deno, Node and Bun.
 *
 * There are two levels: files, which is what most programs use, and the C
 * interface as POSIX names it.
 *
 * The library calls the system through the runtime's foreign function interface,
 * so Deno needs `--allow-ffi`, besides `--allow-read` and `--allow-write` for the
 * files. Where nothing native can be called, files work by `node:fs`, more slowly;
 * the C interface does not.
 *
 * ## Files
 *
 * - {@linkcode AioFile}: reads and writes at an offset as promises, many at a
 *   time, with batches, streams, cancellation, group commit and `await using`.
 * - {@linkcode CompletionQueue}: requests with a tag go in, completions come out
 *   by async iteration, for programs that do not want a promise for each.
 * - {@linkcode allocatePinned}: memory that the system reads and writes in place.
 *   Any other `Uint8Array` is safe to pass as well, and is copied.
 *
 * ## The C interface
 *
 * For those who port C code, or want full control.
 *
 * - {@linkcode Aiocb}: the control block of a request; its buffer is pinned
 *   memory.
 * - {@linkcode aio_read}, {@linkcode aio_write}, {@linkcode aio_fsync} submit a
 *   request, {@linkcode lio_listio} a list of them.
 * - {@linkcode aio_suspend} waits, {@linkcode aio_cancel} cancels,
 *   {@linkcode aio_error} and {@linkcode aio_return} give the outcome of a
 *   request; {@linkcode Sigevent} says how its end is announced.
 * - {@linkcode aio_init} tunes the system's implementation, {@linkcode limits}
 *   has its limits.
 *
 * ## Errors and insight
 *
 * - {@linkcode AioError}: what C reports as -1 and `errno`.
 * - {@linkcode supported} says what works here, {@linkcode metrics} what
 *   it has done, and {@linkcode configure} changes how.
 *
 * @example Reading a block
 * ```ts
 * import { AioFile, allocatePinned } from "@posix/aio";
 *
 * await using file = await AioFile.open("deno.json");
 * const block = allocatePinned(4096);
 * const bytes = await file.readAt(block, 0);
 * console.log(bytes, "bytes read");
 * ```
 *
 * @module
 */
export {
  AIO_ALLDONE,
  AIO_CANCELED,
  AIO_NOTCANCELED,
  EAGAIN,
  EBADF,
  ECANCELED,
  EFBIG,
  EINPROGRESS,
  EINTR,
  EINVAL,
  EIO,
  ENOSPC,
  ENOSYS,
  EOVERFLOW,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  O_DSYNC,
  O_SYNC,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
} from "./lib/system/constants.ts";
export { Aiocb, type AiocbFields } from "./lib/posix/aiocb.ts";
export {
  type Completion,
  CompletionQueue,
  type CompletionQueueOptions,
  type QueueRequest,
} from "./lib/file/completion_queue.ts";
export type { NodeFlags } from "./lib/file/node_flags.ts";
export type { OpenOptions } from "./lib/file/open.ts";
export { AioError, type AioErrorOptions } from "./lib/system/error.ts";
export { AioFile } from "./lib/file/aio_file.ts";
export type { CopyOptions } from "./lib/file/copy_to.ts";
export type { FileLock, LockOptions } from "./lib/file/file_lock.ts";
export type { FileSlice } from "./lib/file/file_slice.ts";
export type {
  AdoptOptions,
  BatchRequest,
  CloseOptions,
  FileHandleLike,
  IoOptions,
} from "./lib/file/options.ts";
export { type Limits, limits } from "./lib/system/limits.ts";
export {
  type Metrics,
  metrics,
  type Support,
  supported,
} from "./lib/file/metrics.ts";
export {
  allocatePinned,
  isPinned,
  type PinnedOptions,
} from "./lib/system/pinned.ts";
export { aio_cancel } from "./lib/posix/aio_cancel.ts";
export { aio_error } from "./lib/posix/aio_error.ts";
export { aio_fsync } from "./lib/posix/aio_fsync.ts";
export { aio_init, type AioInit } from "./lib/posix/aio_init.ts";
export { aio_read } from "./lib/posix/aio_read.ts";
export { aio_return } from "./lib/posix/aio_return.ts";
export { aio_suspend } from "./lib/posix/aio_suspend.ts";
export { aio_write } from "./lib/posix/aio_write.ts";
export { lio_listio } from "./lib/posix/lio_listio.ts";
export type { Sigevent } from "./lib/posix/sigevent.ts";
export { type Configuration, configure } from "./lib/system/settings.ts";
export type { Advice } from "./lib/file/space.ts";
export type { ReadableOptions, WritableOptions } from "./lib/file/streams.ts";
