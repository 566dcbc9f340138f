/** `lio_listio()`: queues a list of requests with one call. */
import { type Aiocb, requestOf, requestsOf } from "./aiocb.ts";
import { nameOf } from "../checks/bytes.ts";
import {
  EAGAIN,
  EINPROGRESS,
  EINVAL,
  EIO,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
} from "../system/constants.ts";
import { callListio } from "../engine/librt/listio.ts";
import type { ControlBlockRequest } from "./control_block_request.ts";
import { AioError } from "../system/error.ts";
import { librt } from "../system/librt.ts";
import { systemLimits } from "../system/limits.ts";
import type { Notification } from "../engine/librt/notification.ts";
import { waiter } from "../engine/librt/waiter.ts";
import { notificationFor, type Sigevent } from "./sigevent.ts";
import { untilDone } from "./until_done.ts";

/**
 * Submits a list of requests with one call.
 *
 * POSIX: "The lio_listio() function shall initiate a list of I/O requests with a
 * single function call."
 *
 * @param mode With {@linkcode LIO_WAIT} the promise resolves when all requests
 * are done; with {@linkcode LIO_NOWAIT} all of them are queued when the call
 * returns.
 * @param list Control blocks with `aio_lio_opcode` set; `null` and `LIO_NOP`
 * entries are skipped.
 * @param sigevent With `LIO_NOWAIT`: how to announce, once, that the whole list
 * is done.
 * @returns When the requests are done or queued, as `mode` says.
 * @throws {AioError} `EIO` if `LIO_WAIT` found that a request failed; `EAGAIN`
 * if some could not be queued (the rest go on, and the blocks tell which).
 * With `EINVAL` nothing is queued: if the mode is not valid, a block is in progress
 * or twice in the list, or `aio_nbytes` of one is more than its buffer has.
 * @throws {TypeError} If `sigevent` is to call a function, and has none.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/functions/lio_listio.html
 *
 * @example Two reads with one call
 * ```ts
 * import {
 *   aio_return,
 *   Aiocb,
 *   allocatePinned,
 *   lio_listio,
 *   LIO_READ,
 *   LIO_WAIT,
 * } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * const blocks = [0, 64].map((aio_offset) =>
 *   new Aiocb({
 *     aio_fildes: fd,
 *     aio_offset,
 *     aio_buf: allocatePinned(64),
 *     aio_lio_opcode: LIO_READ,
 *   })
 * );
 * await lio_listio(LIO_WAIT, blocks);
 * console.log(blocks.map(aio_return)); // [64, 64]
 * closeSync(fd);
 * ```
 *
 * @example Writes, and a function that is called when all are done
 * ```ts
 * import {
 *   aio_return,
 *   Aiocb,
 *   allocatePinned,
 *   lio_listio,
 *   LIO_NOP,
 *   LIO_NOWAIT,
 *   LIO_WRITE,
 *   SIGEV_THREAD,
 * } from "@posix/aio";
 * import { closeSync, openSync, rmSync } from "node:fs";
 *
 * const path = "lio_listio.example";
 * const fd = openSync(path, "w");
 * const blocks = [LIO_WRITE, LIO_NOP, LIO_WRITE].map((opcode, index) =>
 *   new Aiocb({
 *     aio_fildes: fd,
 *     aio_offset: index * 64,
 *     aio_buf: allocatePinned(64),
 *     aio_lio_opcode: opcode,
 *   })
 * );
 * const value = await new Promise<number>((resolve, reject) => {
 *   lio_listio(LIO_NOWAIT, blocks, {
 *     sigev_notify: SIGEV_THREAD,
 *     sigev_value: 7,
 *     sigev_notify_function: resolve,
 *   }).catch(reject);
 * });
 * console.log(value); // 7
 * console.log(aio_return(blocks[0]), aio_return(blocks[2])); // 64 64
 * closeSync(fd);
 * rmSync(path);
 * ```
 */
export async function lio_listio(
  mode: number,
  list: (Aiocb | null)[],
  sigevent?: Sigevent,
): Promise<void> {
  if (mode !== LIO_WAIT && mode !== LIO_NOWAIT) {
    throw listioError(
      `The mode ${nameOf(mode)} is neither LIO_WAIT nor LIO_NOWAIT`,
      EINVAL,
    );
  }
  const requests = requestsOf(list).filter((request) =>
    request.lioOpcode !== LIO_NOP
  );
  assertList(list, requests);
  // POSIX: "If mode has the value LIO_WAIT, the sig argument shall be ignored."
  const notification = mode === LIO_NOWAIT && sigevent != null
    ? notificationFor(sigevent, "lio_listio")
    : null;
  const errno = queueList(requests, notification);
  const queued = requests.filter((request) => request.isInProgress);
  if (notification !== null) {
    untilDone(queued, queued.length, {
      isUnattended: !notification.isEmulated,
    }).then(() => notification.due());
  }
  const isPart = queued.length < requests.length;
  if (mode === LIO_NOWAIT) {
    if (isPart) throw notAllQueued(requests, queued);
    return;
  }
  const failedLater = await untilDone(queued, queued.length);
  await waiter.whenBack();
  if (isPart && errno === EAGAIN) throw notAllQueued(requests, queued);
  const failed = requests.length - queued.length + failedLater!;
  if (failed === 0) return;
  throw listioError(
    `${failed} of ${requests.length} requests of the list failed, and ` +
      "aio_error() says why",
    EIO,
  );
}

/**
 * Submits everything that is valid, or throws having submitted nothing.
 *
 * @returns 0, or the error number of a call that did not queue all of that.
 */
function queueList(
  requests: ControlBlockRequest[],
  notification: Notification | null,
): number {
  const accepted = requests.filter(hasValidPriority);
  const valid = accepted.filter(hasValidOpcode);
  const prepared: ControlBlockRequest[] = [];
  try {
    for (const request of accepted) {
      request.prepare("lio_listio");
      prepared.push(request);
    }
    const errno = callListio(
      valid.map((request) => request.block),
      notification?.native ?? null,
    );
    for (const request of valid) {
      noteSubmission(request, errno, notification);
    }
    for (const request of requests) {
      if (!hasValidPriority(request)) request.failed(EINVAL);
      else if (!hasValidOpcode(request)) request.failedAsIfQueued(EINVAL);
    }
    return errno;
  } catch (error) {
    for (const request of prepared) request.notSubmitted();
    notification?.forget();
    throw error;
  }
}

/** Whether C would queue it: if not, the status of the entry is `EINVAL`. */
function hasValidPriority({ reqprio }: ControlBlockRequest): boolean {
  const { AIO_PRIO_DELTA_MAX } = systemLimits();
  return reqprio >= 0 &&
    (AIO_PRIO_DELTA_MAX < 0 || reqprio <= AIO_PRIO_DELTA_MAX);
}

/**
 * Whether it is not done with `EINVAL` as soon as C has queued it. It does not go
 * there: glibc would do what some other opcodes stand for.
 */
function hasValidOpcode({ lioOpcode }: ControlBlockRequest): boolean {
  return lioOpcode === LIO_READ || lioOpcode === LIO_WRITE;
}

/** After a call that failed for some, each block tells whether it was queued. */
function noteSubmission(
  request: ControlBlockRequest,
  errno: number,
  notification: Notification | null,
): void {
  const status = errno === 0
    ? EINPROGRESS
    : librt().aio_error(request.block.pointer);
  if (status === EAGAIN) request.failed(status);
  else request.submitted(notification);
}

function assertList(
  list: (Aiocb | null)[],
  requests: ControlBlockRequest[],
): void {
  const { AIO_LISTIO_MAX } = systemLimits();
  if (AIO_LISTIO_MAX >= 0 && list.length > AIO_LISTIO_MAX) {
    throw listioError(
      `A list of ${list.length} requests is longer than AIO_LISTIO_MAX, ` +
        `which is ${AIO_LISTIO_MAX}`,
      EINVAL,
    );
  }
  for (const request of requests) request.assertSubmittable("lio_listio");
  assertDistinct(list);
}

/** @throws {AioError} `EINVAL` if a control block would be submitted twice. */
function assertDistinct(list: (Aiocb | null)[]): void {
  const entries = new Map<Aiocb, number>();
  for (const [entry, block] of list.entries()) {
    if (block == null || requestOf(block).lioOpcode === LIO_NOP) continue;
    const first = entries.get(block);
    if (first !== undefined) {
      throw listioError(
        `The entries ${first} and ${entry} of the list are the same control ` +
          "block",
        EINVAL,
      );
    }
    entries.set(block, entry);
  }
}

function notAllQueued(
  requests: ControlBlockRequest[],
  queued: ControlBlockRequest[],
): AioError {
  return listioError(
    `Only ${queued.length} of ${requests.length} requests of the list were ` +
      "queued, and aio_error() says which",
    EAGAIN,
  );
}

function listioError(what: string, errno: number): AioError {
  return new AioError(what, { errno, syscall: "lio_listio" });
}
