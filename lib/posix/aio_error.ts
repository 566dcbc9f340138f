/** `aio_error()`: the status of a request. */
import { type Aiocb, requestOf } from "./aiocb.ts";

/**
 * The status of a request.
 *
 * POSIX: "If the operation has not yet completed, then the error status shall be
 * equal to [EINPROGRESS]."
 *
 * @param cb The control block of a request whose outcome was not retrieved yet.
 * @returns `EINPROGRESS`, 0 if it succeeded, `ECANCELED`, or the error number
 * that `read`, `write`, `fsync` or `fdatasync` would give.
 * @throws {AioError} `EINVAL` if the block has no request with a status.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_error.html
 *
 * @example
 * ```ts
 * import {
 *   aio_error,
 *   aio_read,
 *   aio_suspend,
 *   Aiocb,
 *   allocatePinned,
 *   EBADF,
 * } from "@posix/aio";
 *
 * using cb = new Aiocb({ aio_fildes: 999, aio_buf: allocatePinned(8) });
 * aio_read(cb);
 * await aio_suspend([cb]);
 * console.log(aio_error(cb) === EBADF); // true
 * ```
 *
 * @example Asking until it is done
 * ```ts
 * import {
 *   aio_error,
 *   aio_read,
 *   aio_return,
 *   Aiocb,
 *   allocatePinned,
 *   ECANCELED,
 *   EINPROGRESS,
 *   EINVAL,
 * } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 * import { setImmediate } from "node:timers/promises";
 *
 * const fd = openSync("deno.json", "r");
 * using cb = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(64) });
 * aio_read(cb);
 * while (aio_error(cb) === EINPROGRESS) await setImmediate();
 * if (aio_error(cb) === ECANCELED) console.log("canceled");
 * else if (aio_error(cb) === EINVAL) console.log("not valid");
 * else console.log(aio_return(cb)); // 64
 * closeSync(fd);
 * ```
 */
export function aio_error(cb: Aiocb): number {
  const request = requestOf(cb);
  request.assertSubmitted("aio_error");
  return request.check();
}
