/** `aio_read()`: queues a read. */
import { type Aiocb, requestOf } from "./aiocb.ts";

/**
 * Reads `aio_nbytes` bytes at `aio_offset` into `aio_buf`, asynchronously.
 *
 * POSIX: "The function call shall return when the read request has been
 * initiated or queued to the file or device (even when the data cannot be
 * delivered immediately)."
 *
 * @param cb The control block; `aio_lio_opcode` is ignored.
 * @throws {AioError} `EINVAL` if the block is in progress or a field is not
 * valid, `EAGAIN` if the system has no resources for the request. Errors of the
 * transfer itself come from {@linkcode aio_error} and {@linkcode aio_return}.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_read.html
 *
 * @example
 * ```ts
 * import {
 *   aio_read,
 *   aio_return,
 *   aio_suspend,
 *   Aiocb,
 *   allocatePinned,
 * } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * using cb = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(64) });
 * aio_read(cb);
 * await aio_suspend([cb]);
 * console.log(aio_return(cb)); // 64
 * closeSync(fd);
 * ```
 */
export function aio_read(cb: Aiocb): void {
  requestOf(cb).submit("aio_read");
}
