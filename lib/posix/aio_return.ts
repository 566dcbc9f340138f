/** `aio_return()`: the outcome of a request. */
import { type Aiocb, requestOf } from "./aiocb.ts";

/**
 * The outcome of a request: how many bytes were transferred. Once for each
 * request; afterwards the block is idle.
 *
 * POSIX: "If the asynchronous I/O operation has completed, then the return
 * status, as described for read(), write(), and fsync(), shall be returned."
 *
 * @param cb The control block of a request that is done.
 * @returns The bytes transferred; 0 for a synchronization.
 * @throws {AioError} The request's own error if it failed, which counts as the
 * one retrieval; `EINPROGRESS` before it is done; `EINVAL` if the block has no
 * request.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_return.html
 *
 * @example
 * ```ts
 * import {
 *   aio_read,
 *   aio_return,
 *   aio_suspend,
 *   Aiocb,
 *   AioError,
 *   allocatePinned,
 * } from "@posix/aio";
 *
 * using cb = new Aiocb({ aio_fildes: 999, aio_buf: allocatePinned(8) });
 * aio_read(cb);
 * await aio_suspend([cb]);
 * try {
 *   aio_return(cb);
 * } catch (error) {
 *   console.log(error instanceof AioError && error.code); // EBADF
 * }
 * ```
 */
export function aio_return(cb: Aiocb): number {
  const request = requestOf(cb);
  request.assertSubmitted("aio_return");
  return request.takeOutcome();
}
