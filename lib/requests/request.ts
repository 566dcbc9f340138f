/**
 * A request of the file level: from the call that makes it to the moment at
 * which its outcome is handed over.
 *
 * @module
 */
import {
  type BounceBuffer,
  releaseBounceBuffer,
} from "../../ffi/bounce_buffer.ts";
import type { ControlBlock } from "../../ffi/control_block.ts";
import { byteLengthOf, copyBytes, sliceOf } from "../checks/bytes.ts";
import { AioError } from "../system/error.ts";
import type { FileQueue } from "./file_queue.ts";
import { type Asked, fileName, hintOn } from "../system/hints.ts";
import type { Lane } from "../engine/librt/lane.ts";
import { offsetAfter } from "../checks/offset.ts";
import type { RequestList } from "../collections/request_list.ts";
import type { Notification } from "../engine/librt/notification.ts";
import type { SyncGroup } from "./group_commit.ts";

/** What a request does. */
export type Operation = "read" | "write" | "append" | "sync" | "syncData";

/**
 * How a completion is noticed: by polling from the event loop and then in
 * `aio_suspend` (`"auto"`), by only one of them, or by `SIGEV_THREAD`.
 */
export type Notify = "auto" | "suspend" | "thread" | "poll";

/** See the module's documentation. */
export abstract class Request {
  readonly queue: FileQueue;
  readonly operation: Operation;
  /** The caller's buffer; `null` for a synchronization. */
  readonly view: Uint8Array | null;
  /** The native address of the buffer, or 0 where it may move. */
  readonly address: number;
  readonly offset: number | bigint;
  /** Bytes to transfer. */
  readonly length: number;
  /** By how much the priority is lowered, as `aio_reqprio`. */
  readonly priority: number;

  notify: Notify = "auto";
  /** With `"thread"`: what the system is going to call. */
  notification: Notification | null = null;
  /** Bytes transferred so far. */
  transferred = 0;
  /** Bytes asked of the system in the transfer that is in flight. */
  piece = 0;
  /** Native memory in the place of a buffer that may move. */
  buffer: BounceBuffer | null = null;
  block: ControlBlock | null = null;
  lane: Lane | null = null;
  /** The list that it is in, and its neighbours there. */
  list: RequestList | null = null;
  previous: Request | null = null;
  next: Request | null = null;
  /** For appends: the request that carries it with others. */
  batch: Request | null = null;
  /** For writes and synchronizations: which of those have to wait for which. */
  group: SyncGroup | null = null;
  /**
   * Whether the system has it: its lane takes it a little before that, and until
   * then its control block tells of an earlier request.
   */
  isSubmitted = false;
  /** Whether somebody tried to cancel it. */
  isCancelWanted = false;

  constructor(
    queue: FileQueue,
    operation: Operation,
    view: Uint8Array | null,
    address: number,
    offset: number | bigint,
    priority: number,
  ) {
    this.queue = queue;
    this.operation = operation;
    this.view = view;
    this.address = address;
    this.offset = offset;
    this.length = view === null ? 0 : byteLengthOf(view);
    this.priority = priority;
  }

  /** Whether it stands for requests of the caller rather than being one. */
  get isCarrier(): boolean {
    return false;
  }

  /** The appends that it stands for. */
  get appends(): readonly Request[] {
    return [];
  }

  get isWrite(): boolean {
    return this.operation === "write" || this.operation === "append";
  }

  get isSync(): boolean {
    return this.operation === "sync" || this.operation === "syncData";
  }

  /** The function of the C library that serves it. */
  get syscall(): string {
    return syscallOf(this.operation);
  }

  /** Copies what is to be written next into the transfer buffer. */
  fillBuffer(): void {
    this.assertViewIsThere();
    const { transferred, piece } = this;
    copyBytes(
      this.buffer!.bytes,
      sliceOf(this.view!, transferred, transferred + piece),
      0,
    );
  }

  /** Copies what was read from the transfer buffer to the caller. */
  emptyBuffer(bytes: number): void {
    this.assertViewIsThere();
    const { bytes: source } = this.buffer!;
    copyBytes(
      this.view!,
      bytes === source.byteLength ? source : source.subarray(0, bytes),
      this.transferred,
    );
  }

  /** @throws {TypeError} If the caller's buffer is gone or became smaller. */
  assertViewIsThere(): void {
    const error = this.#lostView();
    if (error !== null) throw error;
  }

  #lostView(): TypeError | null {
    if (byteLengthOf(this.view!) === this.length) return null;
    return new TypeError(
      `The buffer was detached or resized while a ${this.operation} of ` +
        `${this.length} bytes was in progress`,
    );
  }

  /** Hands the outcome over. */
  settle(error: Error | null): void {
    if (this.buffer !== null) releaseBounceBuffer(this.buffer);
    this.buffer = null;
    this.queue.requestSettled(this, error);
    this.handOver(error);
  }

  /** Tells whoever asked for it. Called once for each request. */
  protected abstract handOver(error: Error | null): void;

  /** Ends a carrier without an outcome for those that it stood for. */
  dissolve(): void {}

  /** Hands over that it succeeded, unless its buffer was taken away. */
  finish(): void {
    const isViewUsed = this.view !== null && this.address === 0;
    this.settle(isViewUsed ? this.#lostView() : null);
  }

  /** Hands over that it failed with an error number of the system. */
  fail(errno: number): void {
    this.settle(requestError(this, errno));
  }
}

/** The function of the C library that serves an operation. */
export function syscallOf(operation: Operation): string {
  switch (operation) {
    case "read":
      return "aio_read";
    case "write":
    case "append":
      return "aio_write";
    default:
      return "aio_fsync";
  }
}

function requestError(request: Request, errno: number): AioError {
  const { queue } = request;
  const { knownFd } = queue.traits;
  return new AioError(describe(request, errno), {
    errno,
    syscall: request.syscall,
    fd: knownFd,
    offset: request.isSync || request.operation === "append"
      ? undefined
      : request.offset,
    bytesTransferred: request.isSync ? undefined : request.transferred,
    path: queue.path,
  });
}

function describe(request: Request, errno: number): string {
  const { operation, length, offset, transferred, queue } = request;
  const asked = request.isSync ? null : restOf(request);
  const soFar = transferred > 0 ? ` (after ${transferred} bytes)` : "";
  const fd = queue.traits.knownFd;
  const file = fileName({ fd, path: queue.path }) + hintOn(errno, fd, asked) +
    soFar;
  if (asked === null) return `Cannot synchronize ${file}`;
  return operation === "append"
    ? `Cannot append ${length} bytes to ${file}`
    : `Cannot ${operation} ${length} bytes at offset ${offset} of ${file}`;
}

/** What the system was asked for last. */
function restOf(request: Request): Asked {
  const { isWrite, operation, offset, length, address, transferred } = request;
  return {
    isWrite,
    offset: operation === "append" ? null : offsetAfter(offset, transferred),
    length: length - transferred,
    address: address === 0 ? 0 : address + transferred,
  };
}
