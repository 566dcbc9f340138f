/**
 * The functions of `aio(3)`, under their own names.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "../../ffi/event_loop.ts";
import { runtime } from "../../ffi/current.ts";
import { type Aiocb, requestOf } from "./aiocb.ts";
import { int32 } from "../checks/arguments.ts";
import { nameOf } from "../checks/bytes.ts";
import { cancelRequest } from "./cancellation.ts";
import {
  AIO_ALLDONE,
  EAGAIN,
  EBADF,
  EINPROGRESS,
  EINVAL,
  EIO,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  O_DSYNC,
  O_SYNC,
  platform,
} from "../system/constants.ts";
import type {
  ControlBlockRequest,
  Submission,
} from "./control_block_request.ts";
import { AioError } from "../system/error.ts";
import { librt } from "../system/librt.ts";
import { limits } from "../system/limits.ts";
import { callListio } from "../engine/librt/listio.ts";
import { Notification, type Sigevent } from "../engine/librt/sigevent.ts";

/** Longer time-outs than this (24 days) do not fit into a timer. */
const TIMEOUT_MS_MAX = 0x7fff_ffff;

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
  submit(cb, "aio_read");
}

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
  submit(cb, "aio_write");
}

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
  const operation = int32(op, "op");
  if (op !== O_SYNC && op !== O_DSYNC) {
    throw new AioError(`The op ${op} is neither O_SYNC nor O_DSYNC`, {
      errno: EINVAL,
      syscall: "aio_fsync",
      fd: requestOf(cb).fildes,
    });
  }
  submit(cb, "aio_fsync", operation);
}

function submit(
  cb: Aiocb,
  submission: Submission,
  syncOperation?: number,
): void {
  const request = requestOf(cb);
  request.prepare(submission, syncOperation);
  if (request.call() === 0) return request.submitted();
  const errno = runtime.errno();
  request.notSubmitted();
  throw request.error(errno);
}

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
 * no request, or the time is negative.
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
  for (const request of requests) request.assertSubmitted("aio_suspend");
  assertTimeout(timeout_ms);
  if (
    requests.length === 0 ||
    requests.some((request) => request.check() !== EINPROGRESS)
  ) return;
  const isDone = await untilDone(requests, 1, { timeout_ms });
  if (isDone) return;
  throw new AioError(`No request was done within ${timeout_ms} ms`, {
    errno: EAGAIN,
    syscall: "aio_suspend",
  });
}

/**
 * Cancels requests of a descriptor that have not begun.
 *
 * A canceled request has the status `ECANCELED` and no outcome, and is announced
 * as any other. POSIX leaves it to the system which requests can be canceled;
 * with glibc those that have not begun. A transfer that is running goes on.
 *
 * glibc forgets what is queued behind a descriptor's first request when that is
 * canceled before it has begun. Control blocks of this isolate are submitted
 * again then; requests that anything else has queued there, such as an
 * {@linkcode AioFile} of the same descriptor, stay in progress for ever.
 *
 * @param fd The file descriptor.
 * @param cb One request of it; without it, all of them, also those that other
 * parts of the program submitted for the descriptor.
 * @returns {@linkcode AIO_CANCELED}, {@linkcode AIO_NOTCANCELED} or
 * {@linkcode AIO_ALLDONE}.
 * @throws {AioError} `EBADF` if the descriptor is not open, `EINVAL` if it is
 * not the block's.
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
  const fail = (errno: number) => {
    const other = request !== null && errno === EINVAL
      ? ` with a control block of descriptor ${request.fildes}`
      : "";
    return new AioError(
      `Cannot cancel requests of descriptor ${fildes}${other}`,
      { errno, syscall: "aio_cancel", fd: fildes },
    );
  };
  if (request !== null && !request.isInProgress) {
    // The native block of an idle request holds nothing the system may look at.
    if (fcntl(fildes, platform.constants.F_GETFL, 0) === -1) throw fail(EBADF);
    if (request.fildes !== fildes) throw fail(EINVAL);
    return AIO_ALLDONE;
  }
  const outcome = request === null
    ? aio_cancel(fildes, null)
    : cancelRequest(request, fildes);
  if (outcome === -1) throw fail(runtime.errno());
  return outcome;
}

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
 * if some could not be queued (the rest go on, and the blocks tell which);
 * `EINVAL` if the mode is not valid or a block is in progress (then nothing is
 * queued).
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
 * const { promise: done, resolve } = Promise.withResolvers<number>();
 * await lio_listio(LIO_NOWAIT, blocks, {
 *   sigev_notify: SIGEV_THREAD,
 *   sigev_value: 7,
 *   sigev_notify_function: resolve,
 * });
 * console.log(await done); // 7
 * console.log(aio_return(blocks[0]), aio_return(blocks[2])); // 64 64
 * closeSync(fd);
 * rmSync(path);
 * ```
 */
export function lio_listio(
  mode: number,
  list: (Aiocb | null)[],
  sigevent?: Sigevent,
): Promise<void> {
  try {
    return listio(mode, list, sigevent);
  } catch (error) {
    return Promise.reject(error);
  }
}

function listio(
  mode: number,
  list: (Aiocb | null)[],
  sigevent: Sigevent | undefined,
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
    ? new Notification(sigevent, "lio_listio")
    : null;
  const errno = queueList(requests, notification);
  const queued = requests.filter((request) => request.isInProgress);
  if (notification !== null) {
    untilDone(queued, queued.length, { isIdle: !notification.isEmulated })
      .then(() => notification.due());
  }
  if (mode === LIO_WAIT) return untilListIsDone(requests, queued, errno);
  return queued.length === requests.length
    ? Promise.resolve()
    : Promise.reject(notAllQueued(requests, queued));
}

async function untilListIsDone(
  requests: ControlBlockRequest[],
  queued: ControlBlockRequest[],
  errno: number,
): Promise<void> {
  await untilDone(queued, queued.length);
  if (errno === EAGAIN && queued.length < requests.length) {
    throw notAllQueued(requests, queued);
  }
  const failed = requests.filter((request) => request.check() !== 0).length;
  if (failed > 0) {
    throw listioError(
      `${failed} of ${requests.length} requests of the list failed, and ` +
        "aio_error() says why",
      EIO,
    );
  }
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
  const [valid, invalid] = partition(requests, isValidInList);
  const prepared: ControlBlockRequest[] = [];
  try {
    for (const request of valid) {
      request.prepare("lio_listio");
      prepared.push(request);
    }
    const errno = callListio(
      valid.map((request) => request.block),
      notification?.native ?? null,
    );
    for (const request of valid) {
      settleSubmission(request, errno, notification);
    }
    for (const request of invalid) request.failed(EINVAL);
    return errno;
  } catch (error) {
    for (const request of prepared) request.notSubmitted();
    notification?.forget();
    throw error;
  }
}

/** An entry that C would refuse by itself, and leave `EINVAL` as its status. */
function isValidInList({ lioOpcode, reqprio }: ControlBlockRequest): boolean {
  const { AIO_PRIO_DELTA_MAX } = limits();
  return (lioOpcode === LIO_READ || lioOpcode === LIO_WRITE) && reqprio >= 0 &&
    (AIO_PRIO_DELTA_MAX < 0 || reqprio <= AIO_PRIO_DELTA_MAX);
}

function partition<T>(items: T[], test: (item: T) => boolean): [T[], T[]] {
  const passed: T[] = [], failed: T[] = [];
  for (const item of items) (test(item) ? passed : failed).push(item);
  return [passed, failed];
}

/** After a call that failed for some, each block tells whether it was queued. */
function settleSubmission(
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
  const { AIO_LISTIO_MAX } = limits();
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

/**
 * Resolves with whether `wanted` of the requests are done in time; if `isIdle`,
 * when somebody else has noticed that they are.
 */
function untilDone(
  requests: ControlBlockRequest[],
  wanted: number,
  { timeout_ms, isIdle }: { timeout_ms?: number; isIdle?: boolean } = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    if (wanted === 0) return resolve(true);
    let done = 0;
    const timer = timeout_ms === undefined || timeout_ms > TIMEOUT_MS_MAX
      ? null
      : setTimeout(() => finish(false), timeout_ms);
    const finish = (isDone: boolean) => {
      if (timer !== null) clearTimeout(timer);
      for (const request of requests) request.unlisten(listener);
      resolve(isDone);
    };
    const listener = () => {
      done++;
      if (done === wanted) finish(true);
    };
    for (const request of requests) {
      if (isIdle) request.listenIdly(listener);
      else request.listen(listener);
    }
  });
}

function requestsOf(list: (Aiocb | null)[]): ControlBlockRequest[] {
  if (!Array.isArray(list)) {
    throw new TypeError(
      `The list must be an array of control blocks, but is ${nameOf(list)}`,
    );
  }
  const requests: ControlBlockRequest[] = [];
  for (const cb of list) if (cb !== null) requests.push(requestOf(cb));
  return requests;
}

function assertTimeout(timeout_ms: number | undefined): void {
  if (timeout_ms === undefined) return;
  if (typeof timeout_ms !== "number") {
    throw new TypeError(
      `timeout_ms must be a number, but is ${nameOf(timeout_ms)}`,
    );
  }
  if (!(timeout_ms >= 0)) {
    throw new AioError(
      `timeout_ms is ${timeout_ms}, which is negative`,
      { errno: EINVAL, syscall: "aio_suspend" },
    );
  }
}
