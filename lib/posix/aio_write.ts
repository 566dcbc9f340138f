/** `aio_write()`: queues a write. */
import { type Aiocb, requestOf } from "./aiocb.ts";

/**
 * Writes `aio_nbytes` bytes of `aio_buf` at `aio_offset`, asynchronously.
 *
 * POSIX, of descriptors with `O_APPEND` and of devices without offsets: "write
 * operations append to the file in the same order as the calls were made".
 *
 * @param cb The control block; `aio_lio_opcode` is ignored. The bytes must not
 * be changed before the request is done.
 * @throws {AioError} `EINVAL` if the block is in progress or a field is not
 * valid, `EAGAIN` if the system has no resources for the request. Errors of the
 * transfer itself come from {@linkcode aio_error} and {@linkcode aio_return}.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_write.html
 *
 * @example
 * ```ts
 * import {
 *   aio_return,
 *   aio_suspend,
 *   aio_write,
 *   Aiocb,
 *   allocatePinned,
 * } from "@posix/aio";
 * import { closeSync, openSync, rmSync } from "node:fs";
 *
 * const path = "aio_write.example";
 * const fd = openSync(path, "w");
 * const bytes = allocatePinned(5);
 * new TextEncoder().encodeInto("hello", bytes);
 * using cb = new Aiocb({ aio_fildes: fd, aio_buf: bytes });
 * aio_write(cb);
 * await aio_suspend([cb]);
 * console.log(aio_return(cb)); // 5
 * closeSync(fd);
 * rmSync(path);
 * ```
 */
export function aio_write(cb: Aiocb): void {
  requestOf(cb).submit("aio_write");
}
