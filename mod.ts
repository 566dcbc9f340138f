/**
 * POSIX asynchronous I/O, `aio(3)`, for Deno, Node and Bun.
 *
 * There are two levels. {@linkcode AioFile} is what most programs use: reads and
 * writes at an offset as promises, many at a time, with cancellation, group
 * commit and `await using`. Below it lies the C interface, {@linkcode Aiocb} and
 * one function for each of POSIX's: for those who port C code, or want full
 * control.
 *
 * The library calls the C library's own implementation through the runtime's
 * foreign function interface, so Deno needs `--allow-ffi`, besides
 * `--allow-read` and `--allow-write` for the files.
 *
 * @example
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
} from "./lib/constants.ts";
export { Aiocb, type AiocbFields } from "./lib/aiocb.ts";
export {
  type Completion,
  CompletionQueue,
  type CompletionQueueOptions,
  type QueueRequest,
} from "./lib/completion_queue.ts";
export type { OpenOptions } from "./lib/descriptor.ts";
export { AioError, type AioErrorOptions } from "./lib/error.ts";
export {
  type AdoptOptions,
  AioFile,
  type BatchRequest,
  type IoOptions,
} from "./lib/file.ts";
export { type Limits, limits } from "./lib/limits.ts";
export {
  type Metrics,
  metrics,
  type Support,
  supported,
} from "./lib/metrics.ts";
export { allocatePinned, isPinned, type PinnedOptions } from "./lib/pinned.ts";
export {
  aio_cancel,
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  lio_listio,
} from "./lib/posix.ts";
export { type Configuration, configure } from "./lib/settings.ts";
export type { ReadableOptions, WritableOptions } from "./lib/streams.ts";
export type { Sigevent } from "./lib/sigevent.ts";
export { aio_init, type AioInit } from "./lib/tuning.ts";
