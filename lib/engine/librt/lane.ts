import { NBYTES_MAX } from "../../../ffi/layout.ts";
import type { Librt } from "../../../ffi/librt.ts";
import {
  BOUNCE_BYTES_MAX,
  takeBounceBuffer,
} from "../../../ffi/bounce_buffer.ts";
import {
  type ControlBlock,
  takeControlBlock,
} from "../../../ffi/control_block.ts";
import { runtime } from "../../../ffi/current.ts";
import {
  AIO_CANCELED,
  EAGAIN,
  EINPROGRESS,
  LIO_READ,
  LIO_WRITE,
  O_DSYNC,
  O_SYNC,
  SIGEV_THREAD,
} from "../../system/constants.ts";
import { canceledRequests } from "../../requests/canceled_requests.ts";
import { engine } from "../engine.ts";
import { fromNativeError, librt } from "../../system/error.ts";
import type { FileQueue } from "../../requests/file_queue.ts";
import { hasRoomForCallback } from "./callbacks.ts";
import { offsetAfter } from "../../checks/offset.ts";
import type { Notify, Request } from "../../requests/request.ts";
import { RequestList } from "../../collections/request_list.ts";
import { Notification } from "./notification.ts";
import { submission } from "./submission.ts";
import { type Waitable, waiter } from "./waiter.ts";

/**
 * How many completions of a lane, and bytes copied for them, one look hands over
 * before the event loop gets its turn.
 */
const HARVEST_MAX = 256;
const HARVEST_BYTES_MAX = 1024 * 1024;

/**
 * How many notifications are due at once. Each one costs the system a thread, and
 * all of those compete with the event loop for the processors: reads at depth 32
 * are twice as fast with one as with four. Other requests are noticed as with
 * `"auto"`, so that the loop is awake while threads compete.
 */
const NOTIFICATIONS_MAX = 1;

/**
 * A descriptor on which the system serves requests, one after another, while it
 * serves those of other lanes at the same time. The requests of a lane are done
 * in order, so only the first one needs to be looked at.
 */
export class Lane implements Waitable {
  readonly fd: number;
  readonly queue: FileQueue;
  position = -1;
  readonly #requests = new RequestList();
  readonly #native: Librt;

  constructor(fd: number, queue: FileQueue) {
    this.fd = fd;
    this.queue = queue;
    this.#native = librt();
  }

  /** How many requests the system has of this lane. */
  get depth(): number {
    return this.#requests.size;
  }

  get head(): ControlBlock | null {
    const { first } = this.#requests;
    return first === null ? null : first.block;
  }

  /** How the completion of the first request is to be noticed. */
  get headNotify(): Notify {
    return this.#requests.first!.notify;
  }

  /**
   * Takes a request, for the next native call.
   *
   * @returns Whether it was taken, or settled because it can't be: `false`
   * means that resources are missing until another request is done.
   */
  take(request: Request): boolean {
    try {
      if (!this.#findMemory(request)) return false;
      request.block = takeControlBlock();
      this.#pack(request.block, request);
    } catch (error) {
      request.settle(fromNativeError(error, request.syscall) as Error);
      return true;
    }
    request.lane = this;
    engine.inFlight++;
    this.#requests.addLast(request);
    waiter.add(this);
    const isGathered = submission.isGathering || this.queue.isGathering;
    if (request.isSync || !isGathered) return this.#call(request);
    submission.add(request);
    return true;
  }

  /** Hands a request that the lane has taken to the system, by itself. */
  call(request: Request): void {
    if (!this.#call(request)) this.#waitAgain(request);
  }

  /** The system has no resources for a request: it waits again. */
  putBack(request: Request): void {
    this.#giveUp(request);
    this.#waitAgain(request);
  }

  /** Returns whether the system took it, or failed it: not for want of resources. */
  #call(request: Request): boolean {
    request.isSubmitted = true;
    if (this.#callFor(request) === 0) return true;
    const errno = runtime.errno();
    this.#giveUp(request);
    if (errno === EAGAIN) return false;
    request.fail(errno);
    return true;
  }

  #giveUp(request: Request): void {
    request.notification?.forget();
    this.#requests.remove(request);
    this.#leave(request);
  }

  #waitAgain(request: Request): void {
    this.queue.putBack(request);
    engine.waitForRoom(this.queue);
  }

  /** Hands over what is done, and fills the lane again. */
  harvest(): number {
    const { aio_error, aio_return } = this.#native;
    let known = 0;
    let done = 0;
    let copied = 0;
    while (done < HARVEST_MAX && copied < HARVEST_BYTES_MAX) {
      if (done === known) known += this.#countDone();
      if (done === known) break;
      const request = this.#requests.shift();
      const block = request.block!;
      const errno = block.status ?? aio_error(block.pointer);
      const bytes = aio_return(block.pointer);
      this.#leave(request);
      done++;
      if (request.buffer !== null) copied += bytes;
      this.queue.completed(request, errno, bytes);
    }
    if (done > 0) this.queue.dispatch();
    return done;
  }

  /**
   * How many requests, from the first one on, the system is done with.
   *
   * glibc writes the status of a request while it holds its lock, and gives the
   * lock back when it needs the control block no more. So one `aio_error`, which
   * takes that lock, speaks for all whose status was seen before it.
   */
  #countDone(): number {
    let done = 0;
    let last: ControlBlock | null = null;
    for (
      let request = this.#requests.first;
      request !== null && request.isSubmitted && done < HARVEST_MAX;
      request = request.next
    ) {
      const block = request.block!;
      const status = block.status;
      if (status === EINPROGRESS) break;
      last = block;
      done++;
      // Without a view of the status, each one has to be asked for.
      if (status === null) break;
    }
    if (last === null) return 0;
    return this.#native.aio_error(last.pointer) === EINPROGRESS ? 0 : done;
  }

  /**
   * Takes a request back from the system. Returns whether it was possible.
   *
   * Those behind it are taken back too, and submitted again: when the first one
   * of a descriptor is canceled before a thread serves it, glibc forgets what
   * stands behind it.
   */
  cancel(request: Request): boolean {
    const requests = this.requests();
    const behind = requests.slice(requests.indexOf(request) + 1).reverse();
    const takenBack: Request[] = [];
    for (const other of behind) {
      if (!this.takeBack(other)) break;
      takenBack.push(other);
    }
    const isCanceled = takenBack.length === behind.length &&
      this.takeBack(request);
    for (const other of takenBack) this.queue.putBack(other);
    if (isCanceled) canceledRequests.settle(request);
    return isCanceled;
  }

  /** Takes the last one back from the system, if that has not begun it. */
  takeBack(request: Request): boolean {
    const { pointer } = request.block!;
    const { aio_cancel, aio_return } = this.#native;
    if (aio_cancel(this.fd, pointer) !== AIO_CANCELED) return false;
    aio_return(pointer);
    this.#requests.remove(request);
    this.#leave(request);
    return true;
  }

  /** The requests that the system has. */
  requests(): Request[] {
    return this.#requests.toArray();
  }

  #leave(request: Request): void {
    request.block!.release();
    request.block = null;
    request.lane = null;
    request.isSubmitted = false;
    request.notification?.due();
    request.notification = null;
    engine.inFlight--;
  }

  /** Decides what to transfer next, and finds memory for it. */
  #findMemory(request: Request): boolean {
    if (request.isSync) return true;
    const rest = request.length - request.transferred;
    const isInPlace = request.address !== 0 || request.length === 0;
    request.piece = Math.min(
      rest,
      isInPlace ? NBYTES_MAX : BOUNCE_BYTES_MAX,
    );
    if (isInPlace) return true;
    request.assertViewIsThere();
    request.buffer ??= takeBounceBuffer(request.piece);
    if (request.buffer === null) return false;
    if (request.isWrite) request.fillBuffer();
    return true;
  }

  #pack(block: ControlBlock, request: Request): void {
    const { address, buffer, transferred, offset } = request;
    const from = buffer === null ? address + transferred : buffer.address;
    block.packTransfer(
      this.fd,
      request.isWrite ? LIO_WRITE : LIO_READ,
      request.isSync ? 0 : from,
      request.piece,
      offsetAfter(offset, transferred),
    );
    if (request.notify === "thread") this.#packNotification(block, request);
  }

  #packNotification(block: ControlBlock, request: Request): void {
    if (!hasRoomForCallback(NOTIFICATIONS_MAX)) {
      request.notify = "auto";
      return;
    }
    const notification = new Notification({
      notify: SIGEV_THREAD,
      signo: 0,
      value: 0,
      fn: waiter.lookSoon,
    });
    request.notification = notification;
    block.packSigevent(notification.native);
  }

  #callFor(request: Request): number {
    const native = this.#native;
    const { pointer } = request.block!;
    switch (request.operation) {
      case "read":
        return native.aio_read(pointer);
      case "write":
      case "append":
        return native.aio_write(pointer);
      case "sync":
        return native.aio_fsync(O_SYNC, pointer);
      case "syncData":
        return native.aio_fsync(O_DSYNC, pointer);
    }
  }
}
