/** `aio_suspend()`: waits for requests. */
import { type Aiocb, requestsOf } from "./aiocb.ts";
import { nameOf } from "../checks/bytes.ts";
import { waiter } from "../engine/librt/waiter.ts";
import { EAGAIN, EINPROGRESS, EINVAL } from "../system/constants.ts";
import { AioError } from "../system/error.ts";
import { librt } from "../system/librt.ts";
import { untilDone } from "./until_done.ts";

/**
 * Waits until at least one of the requests is done, beside the event loop.
 *
 * POSIX: "The aio_suspend() function shall suspend the calling thread until at
 * least one of the asynchronous I/O operations referenced by the list argument
 * has completed ... or, if timeout is not NULL, until the time interval
 * specified by timeout has passed."
 *
 * @param list Control blocks of submitted requests; `null` entries are ignored.
 * @param timeout_ms How long to wait, in milliseconds; without it, for ever.
 * @returns Once one is done; at once if one already is, or none is given.
 * @throws {AioError} `EAGAIN` when the time has passed; `EINVAL` if a block has
 * no request, or the time is negative or NaN; `ENOSYS` where the system has no
 * asynchronous I/O.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/aio_suspend.html
 *
 * @example A read that gives up waiting
 * ```ts
 * import { aio_read, aio_suspend, Aiocb, allocatePinned } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * using cb = new Aiocb({ aio_fildes: fd, aio_buf: allocatePinned(64) });
 * aio_read(cb);
 * await aio_suspend([cb, null], 5_000);
 * closeSync(fd);
 * ```
 */
export async function aio_suspend(
  list: (Aiocb | null)[],
  timeout_ms?: number,
): Promise<void> {
  const requests = requestsOf(list);
  // A control block takes the C library, an empty list does not.
  librt("aio_suspend");
  for (const request of requests) request.assertSubmitted("aio_suspend");
  assertTimeout(timeout_ms);
  const isDone = requests.length === 0 ||
    requests.some((request) => request.check() !== EINPROGRESS);
  if (isDone || await untilDone(requests, 1, { timeout_ms }) !== null) {
    return waiter.whenBack();
  }
  throw new AioError(`No request was done within ${timeout_ms} ms`, {
    errno: EAGAIN,
    syscall: "aio_suspend",
  });
}

function assertTimeout(timeout_ms: number | undefined): void {
  if (timeout_ms === undefined) return;
  if (typeof timeout_ms !== "number") {
    throw new TypeError(
      `timeout_ms must be a number, but is ${nameOf(timeout_ms)}`,
    );
  }
  if (!(timeout_ms >= 0)) {
    const what = Number.isNaN(timeout_ms) ? "no time" : "negative";
    throw new AioError(
      `timeout_ms is ${timeout_ms}, which is ${what}`,
      { errno: EINVAL, syscall: "aio_suspend" },
    );
  }
}
