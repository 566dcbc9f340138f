/**
 * The request of a control block: its fields, its native block and its state.
 *
 * @module
 */
import { NBYTES_MAX } from "../../ffi/layout.ts";
import {
  type ControlBlock,
  takeControlBlock,
} from "../../ffi/control_block.ts";
import { freeNative, type NativeMemory } from "../../ffi/memory.ts";
import { runtime } from "../../ffi/current.ts";
import { byteLengthOf, copyBytes, sliceOf } from "../checks/bytes.ts";
import {
  AIO_CANCELED,
  EINPROGRESS,
  EINVAL,
  LIO_NOP,
  LIO_READ,
  SIGEV_NONE,
  SIGEV_SIGNAL,
} from "../system/constants.ts";
import type { Notification } from "../engine/librt/notification.ts";
import { type Waitable, waiter } from "../engine/librt/waiter.ts";
import { assert } from "../checks/assert.ts";
import { AioError } from "../system/error.ts";
import { allocateFor, fromNativeError, librt } from "../system/librt.ts";
import {
  controlBlockError,
  copyOf,
  type FailedRequest,
} from "./control_block_error.ts";
import { RequestsInProgress } from "./requests_in_progress.ts";
import { notificationFor, type Sigevent } from "./sigevent.ts";
import { addressInPlace } from "../system/pinned.ts";
import { settings } from "../system/settings.ts";
import { limitOnce } from "../system/threads.ts";
import { giveMemoryBack } from "../system/worker_memory.ts";

/** The functions that submit a request. */
export type SubmitFunction =
  | "aio_read"
  | "aio_write"
  | "aio_fsync"
  | "lio_listio";

/** Learns, once, that a request is done: its error number, or 0. */
type Listener = (errno: number) => void;

/** What is in progress in this isolate. */
export const inProgress: RequestsInProgress<ControlBlockRequest> =
  new RequestsInProgress();

/**
 * The native block of an `Aiocb`, as long as either needs it. It refers to nothing else:
 * the function of a `sigevent` may name the `Aiocb`, which is to be collected.
 */
export class BlockLife {
  block: ControlBlock = takeBlock();
  isInProgress = false;
  isDropped = false;

  /** The `Aiocb` is gone: gives the block back when that is safe. */
  drop(): void {
    if (this.isDropped) return;
    this.isDropped = true;
    if (this.isInProgress) return;
    this.block.release();
    giveMemoryBack();
  }
}

/**
 * What stands behind an `Aiocb`. It does not refer to that, so that the `Aiocb`
 * can be collected while its request is in flight.
 */
export class ControlBlockRequest implements Waitable {
  fildes = -1;
  offset: number | bigint = 0;
  buffer: Uint8Array | null = null;
  explicitNbytes: number | null = null;
  lioOpcode: number = LIO_NOP;
  reqprio = 0;
  sigevent: Sigevent = { sigev_notify: SIGEV_NONE };
  submittedBy: SubmitFunction = "aio_read";

  /** Nobody asked what its descriptor is: it may wait for a pipe. */
  readonly headNotify = "endless";
  position = -1;
  readonly life: BlockLife;
  /** Whether it is done, and its outcome was not taken. */
  #hasOutcome = false;
  /** Of a synchronization: `O_SYNC` or `O_DSYNC`. */
  #syncOperation = 0;
  #notification: Notification | null = null;
  /** That of the list it was submitted with. */
  #listNotification: Notification | null = null;
  /** Where the isolate may end first: native memory in the place of the buffer. */
  #shadow: NativeMemory | null = null;
  /** Whether it was the only one of its descriptor when it was submitted. */
  wasFirst = false;
  #errno = 0;
  #returned = 0;
  /** What was asked for, if it failed: its fields may be another request's soon. */
  #failed: FailedRequest | null = null;
  readonly #listeners = new Set<Listener>();

  constructor() {
    librt();
    this.life = new BlockLife();
  }

  get nbytes(): number {
    return this.explicitNbytes ??
      (this.buffer === null ? 0 : byteLengthOf(this.buffer));
  }

  /** How many bytes the system is asked for. */
  get nbytesAtOnce(): number {
    return Math.min(this.nbytes, NBYTES_MAX);
  }

  get isRead(): boolean {
    return this.submittedBy === "aio_read" ||
      this.submittedBy === "lio_listio" && this.lioOpcode === LIO_READ;
  }

  get block(): ControlBlock {
    return this.life.block;
  }

  get address(): number {
    return this.life.isDropped ? 0 : this.block.address;
  }

  get isInProgress(): boolean {
    return this.life.isInProgress;
  }

  /** What the waiter waits for: the block, while it is in progress. */
  get head(): ControlBlock | null {
    return this.isInProgress ? this.block : null;
  }

  /** By how much its priority is lowered; glibc does not of synchronizations. */
  get priority(): number {
    return this.submittedBy === "aio_fsync" ? 0 : this.reqprio;
  }

  /**
   * Queues the request by itself.
   *
   * @param fn The function that does.
   * @param syncOperation With `aio_fsync`: its `op`.
   * @throws {AioError} `EINVAL` for what POSIX leaves undefined, and what the
   * function says.
   */
  submit(
    fn: Exclude<SubmitFunction, "lio_listio">,
    syncOperation = 0,
  ): void {
    this.prepare(fn, syncOperation);
    if (this.#call() === 0) return this.submitted();
    const errno = runtime.errno();
    this.notSubmitted();
    throw controlBlockError(this, errno);
  }

  /**
   * Checks and packs everything for a submission.
   *
   * @param fn The function that submits.
   * @param syncOperation With `aio_fsync`: its `op`.
   * @throws {AioError} `EINVAL` for what POSIX leaves undefined.
   */
  prepare(fn: SubmitFunction, syncOperation = 0): void {
    this.assertSubmittable(fn);
    limitOnce(settings.threads);
    const transfers = fn !== "aio_fsync";
    if (transfers) this.#assertBuffer(fn);
    this.#renewBlock();
    this.#notification = notificationFor(this.sigevent, fn);
    this.submittedBy = fn;
    this.#syncOperation = syncOperation;
    this.block.pack({
      fildes: this.fildes,
      lio_opcode: this.lioOpcode,
      reqprio: this.reqprio,
      buf: transfers ? this.#bufferAddress() : 0,
      nbytes: transfers ? this.nbytesAtOnce : 0,
      offset: this.offset,
      sigevent: this.#notification.native,
    });
  }

  /** A block that an `aio_suspend` call still names must not be reused. */
  #renewBlock(): void {
    const held = this.block;
    if (held.holds === 0) return;
    this.life.block = takeBlock();
    held.release();
  }

  /**
   * The native call has queued the request.
   *
   * @param listNotification How the end of its list is announced.
   */
  submitted(listNotification: Notification | null = null): void {
    assert(!this.isInProgress, "a request in progress is queued again");
    this.#hasOutcome = false;
    this.life.isInProgress = true;
    this.#listNotification = listNotification;
    this.wasFirst = inProgress.add(this);
    if (this.#notification!.isEmulated) waiter.add(this);
  }

  /** The native call did not queue the request: undoes {@linkcode prepare}. */
  notSubmitted(): void {
    this.#notification?.forget();
    this.#notification = null;
    this.#freeShadow();
  }

  /** `lio_listio` did not queue it, and its status says why. */
  failed(errno: number): void {
    this.notSubmitted();
    this.submittedBy = "lio_listio";
    this.#failed = copyOf(this);
    this.#hasOutcome = true;
    this.#errno = errno;
    this.#returned = -1;
  }

  /** The same of one that C would have queued: its own end is announced. */
  failedAsIfQueued(errno: number): void {
    const notification = this.#notification!;
    this.#notification = null;
    this.failed(errno);
    notification.takeOver();
    notification.due();
  }

  /**
   * Takes it back from the system, if no thread has it, to submit it again. The
   * system announces that it is canceled, unless its block asks for silence.
   *
   * @param isCertain Whether no thread can have it. If one may be done with it in
   * this moment, a signal too many is better than none; a function that was not
   * called the library calls later.
   * @returns Whether it was possible.
   */
  takeBack(isCertain: boolean): boolean {
    const { native } = this.#notification!;
    const isSilent = isCertain || native.notify !== SIGEV_SIGNAL;
    if (isSilent) this.block.writeNotify(SIGEV_NONE);
    const { pointer } = this.block;
    const isTaken = librt().aio_cancel(this.fildes, pointer) === AIO_CANCELED;
    // A thread that is done with it may be reading how to announce it: if the
    // function were taken away meanwhile, it would call none.
    this.block.writeNotify(native.notify);
    // Its list counts it as done.
    if (isTaken) this.#listNotification?.takeOver();
    return isTaken;
  }

  /** Submits what was taken back. */
  submitAgain(): void {
    if (this.#call() !== 0) this.#done(runtime.errno(), -1);
  }

  /** Makes the native call for what is packed, by itself. Returns 0 or -1. */
  #call(): number {
    const { aio_read, aio_write, aio_fsync } = librt();
    const { pointer } = this.block;
    if (this.submittedBy === "aio_fsync") {
      return aio_fsync(this.#syncOperation, pointer);
    }
    return this.isRead ? aio_read(pointer) : aio_write(pointer);
  }

  /** Asks for the status: `EINPROGRESS`, 0, or an error number. */
  check(): number {
    if (!this.isInProgress) return this.#errno;
    const { aio_error, aio_return } = librt();
    const errno = aio_error(this.block.pointer);
    if (errno === EINPROGRESS) return errno;
    this.#done(errno, aio_return(this.block.pointer));
    return errno;
  }

  /** Looks whether it is done, for the waiter. */
  harvest(): number {
    return this.isInProgress && this.check() !== EINPROGRESS ? 1 : 0;
  }

  /**
   * Hands the outcome over, once.
   *
   * @throws {AioError} `EINPROGRESS` before it is done, and the request's own
   * error number if it failed.
   */
  takeOutcome(): number {
    const errno = this.check();
    if (this.isInProgress) {
      throw new AioError(
        `Cannot take the outcome of a request of descriptor ${this.fildes}`,
        { errno, syscall: "aio_return", fd: this.fildes },
      );
    }
    this.#hasOutcome = false;
    const failed = this.#failed;
    if (failed === null) return this.#returned;
    this.#failed = null;
    throw controlBlockError(failed, errno);
  }

  /** Calls `listener` when it is done. */
  listen(listener: Listener): void {
    this.#listeners.add(listener);
    waiter.add(this);
  }

  /** The same, but nobody hurries to notice that it is. */
  listenUnattended(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Takes a listener back. */
  unlisten(listener: Listener): void {
    this.#listeners.delete(listener);
    const isWanted = this.#listeners.size > 0 ||
      this.#notification?.isEmulated === true;
    if (!isWanted) waiter.remove(this);
  }

  /** @throws {AioError} `EINVAL` unless a request can be submitted. */
  assertSubmittable(fn: SubmitFunction): void {
    if (this.life.isDropped) {
      throw this.#invalid(fn, "The control block is disposed of");
    }
    // What announces that it is done is faster than the library.
    if (this.check() === EINPROGRESS) {
      throw this.#invalid(
        fn,
        `The control block of descriptor ${this.fildes} is in progress`,
      );
    }
  }

  /** @throws {AioError} `EINVAL` unless it has a status to retrieve. */
  assertSubmitted(syscall: string): void {
    if (this.isInProgress || this.#hasOutcome) return;
    throw this.#invalid(
      syscall,
      "The control block was not submitted, or its outcome was retrieved",
    );
  }

  #done(errno: number, returned: number): void {
    assert(this.isInProgress, "a request ends that is not in progress");
    const { life } = this;
    const isDropped = life.isDropped;
    life.isInProgress = false;
    this.#hasOutcome = true;
    this.#errno = errno;
    this.#returned = returned;
    this.#failed = errno === 0 ? null : copyOf(this);
    if (this.#shadow !== null && this.isRead && returned > 0) {
      copyBytes(this.buffer!, this.#shadow.bytes.subarray(0, returned), 0);
    }
    this.#freeShadow();
    inProgress.delete(this);
    this.#notification!.due();
    this.#notification = null;
    this.#listNotification = null;
    for (const listener of this.#listeners) {
      // The next request of the block is none of its business.
      this.#listeners.delete(listener);
      listener(errno);
    }
    // Who drops it from now on gives the block back.
    if (isDropped) life.block.release();
  }

  #assertBuffer(fn: SubmitFunction): void {
    const { buffer, nbytes } = this;
    const available = buffer === null ? 0 : byteLengthOf(buffer);
    if (nbytes <= available) return;
    throw this.#invalid(
      fn,
      `aio_nbytes is ${nbytes}, but aio_buf has ${available} bytes`,
    );
  }

  #bufferAddress(): number {
    const { buffer } = this;
    const nbytes = this.nbytesAtOnce;
    if (buffer === null || nbytes === 0) return 0;
    const address = addressInPlace(buffer);
    if (address !== 0) return address;
    try {
      this.#shadow = allocateFor(this.submittedBy, nbytes);
    } catch (error) {
      this.notSubmitted();
      throw error;
    }
    if (!this.isRead) {
      copyBytes(this.#shadow.bytes, sliceOf(buffer, 0, nbytes), 0);
    }
    return this.#shadow.address;
  }

  #freeShadow(): void {
    if (this.#shadow !== null) freeNative(this.#shadow);
    this.#shadow = null;
  }

  #invalid(syscall: string, what: string): AioError {
    return new AioError(what, { errno: EINVAL, syscall, fd: this.fildes });
  }
}

function takeBlock(): ControlBlock {
  try {
    return takeControlBlock();
  } catch (error) {
    throw fromNativeError(error, "aio_init");
  }
}
