/** `aio_cancel()`: cancels requests that have not begun. */
import { runtime } from "../../ffi/current.ts";
import { type Aiocb, requestOf } from "./aiocb.ts";
import type { ControlBlockRequest } from "./control_block_request.ts";
import { cancelRequest } from "./cancel_request.ts";
import { int32 } from "../checks/arguments.ts";
import { AIO_ALLDONE, EBADF, EINVAL, platform } from "../system/constants.ts";
import { AioError } from "../system/error.ts";
import { librt } from "../system/librt.ts";

/**
 * Cancels requests of a descriptor that have not begun.
 *
 * A canceled request has the status `ECANCELED` and no outcome, and is announced
 * as any other. POSIX leaves it to the system which requests can be canceled;
 * with glibc those that have not begun. A transfer that is running goes on.
 *
 * glibc forgets what is queued behind a descriptor's first request when that is
 * canceled before it has begun. Control blocks of this isolate are submitted
 * again then. While an {@linkcode AioFile} of the same descriptor has something
 * queued there, no single one is canceled; requests that another isolate or a native
 * module has queued stay in progress for ever.
 *
 * @param fd The file descriptor.
 * @param cb One request of it; without it, all of them, also those that other
 * parts of the program submitted for the descriptor.
 * @returns {@linkcode AIO_CANCELED}, {@linkcode AIO_NOTCANCELED} or
 * {@linkcode AIO_ALLDONE}.
 * @throws {AioError} `EBADF` if the descriptor is not open, `EINVAL` if it is
 * not the block's.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_cancel.html
 *
 * @example
 * ```ts
 * import { AIO_ALLDONE, aio_cancel } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * console.log(aio_cancel(fd) === AIO_ALLDONE); // true: nothing was queued
 * closeSync(fd);
 * ```
 *
 * @example Canceling one request
 * ```ts
 * import {
 *   AIO_ALLDONE,
 *   aio_cancel,
 *   AIO_CANCELED,
 *   AIO_NOTCANCELED,
 *   aio_read,
 *   aio_suspend,
 *   Aiocb,
 *   allocatePinned,
 * } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * using cb = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(64) });
 * aio_read(cb);
 * const outcome = aio_cancel(fd, cb);
 * if (outcome === AIO_CANCELED) console.log("it had not begun");
 * if (outcome === AIO_NOTCANCELED) console.log("it runs, and goes on");
 * if (outcome === AIO_ALLDONE) console.log("it was done already");
 * await aio_suspend([cb]);
 * closeSync(fd);
 * ```
 */
export function aio_cancel(fd: number, cb?: Aiocb): number {
  const fildes = int32(fd, "fd");
  const request = cb === undefined || cb === null ? null : requestOf(cb);
  const { fcntl, aio_cancel } = librt("aio_cancel");
  if (request !== null && !request.isInProgress) {
    // The native block of an idle request holds nothing the system may look at.
    if (fcntl(fildes, platform.constants.F_GETFL, 0) === -1) {
      throw cancelError(EBADF, fildes, request);
    }
    if (request.fildes !== fildes) throw cancelError(EINVAL, fildes, request);
    return AIO_ALLDONE;
  }
  const outcome = request === null
    ? aio_cancel(fildes, null)
    : cancelRequest(request, fildes);
  if (outcome === -1) throw cancelError(runtime.errno(), fildes, request);
  return outcome;
}

function cancelError(
  errno: number,
  fildes: number,
  request: ControlBlockRequest | null,
): AioError {
  const other = request !== null && errno === EINVAL
    ? ` with a control block of descriptor ${request.fildes}`
    : "";
  return new AioError(
    `Cannot cancel requests of descriptor ${fildes}${other}`,
    { errno, syscall: "aio_cancel", fd: fildes },
  );
}
