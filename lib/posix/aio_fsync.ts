/** `aio_fsync()`: queues a synchronization. */
import { type Aiocb, requestOf } from "./aiocb.ts";
import { int32 } from "../checks/arguments.ts";
import { EINVAL, O_DSYNC, O_SYNC } from "../system/constants.ts";
import { AioError } from "../system/error.ts";

/**
 * Brings to disk what was queued for the descriptor before this call.
 *
 * POSIX: with `O_DSYNC`, all I/O operations that were queued for the descriptor
 * at the time of the call are completed as if by `fdatasync`, with `O_SYNC` as if
 * by `fsync`.
 *
 * glibc queues the synchronization with priority 0, so it overtakes writes on
 * the same descriptor whose `aio_reqprio` is greater: wait for those first.
 *
 * On macOS the data may stay in the drive's cache, `O_DSYNC` does not wait for
 * requests in flight, and the descriptor has to be open for writing (`EBADF`). To
 * flush the drive as well, call `fsync` of `node:fs` with the descriptor: on Node
 * and Deno it is `F_FULLFSYNC` there.
 *
 * @param op {@linkcode O_SYNC} or {@linkcode O_DSYNC}.
 * @param cb The control block; only `aio_fildes` and `aio_sigevent` are used.
 * @throws {AioError} `EINVAL` if `op` is neither or the block is in progress,
 * `EBADF` if the descriptor is not open, `EAGAIN` if the system has no resources
 * for the request.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_fsync.html
 *
 * @example
 * ```ts
 * import {
 *   aio_fsync,
 *   aio_return,
 *   aio_suspend,
 *   Aiocb,
 *   O_DSYNC,
 * } from "@posix/aio";
 * import { closeSync, openSync, rmSync } from "node:fs";
 *
 * const path = "aio_fsync.example";
 * const fd = openSync(path, "w");
 * using cb = new Aiocb({ aio_fildes: fd });
 * aio_fsync(O_DSYNC, cb);
 * await aio_suspend([cb]);
 * console.log(aio_return(cb)); // 0
 * closeSync(fd);
 * rmSync(path);
 * ```
 *
 * @example Metadata as well, such as the time of the last change
 * ```ts
 * import {
 *   aio_fsync,
 *   aio_return,
 *   aio_suspend,
 *   Aiocb,
 *   O_SYNC,
 * } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * using cb = new Aiocb({ aio_fildes: fd });
 * aio_fsync(O_SYNC, cb);
 * await aio_suspend([cb]);
 * console.log(aio_return(cb)); // 0
 * closeSync(fd);
 * ```
 */
export function aio_fsync(op: number, cb: Aiocb): void {
  int32(op, "op");
  const request = requestOf(cb);
  if (op === O_SYNC || op === O_DSYNC) return request.submit("aio_fsync", op);
  throw new AioError(`The op ${op} is neither O_SYNC nor O_DSYNC`, {
    errno: EINVAL,
    syscall: "aio_fsync",
    fd: request.fildes,
  });
}
