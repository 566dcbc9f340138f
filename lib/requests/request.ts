/**
 * A request of the file level: from the call that makes it to the moment at
 * which its outcome is handed over.
 *
 * @module
 */
import { type Buffers, isList, lengthOf } from "../checks/buffers.ts";
import { byteLengthOf } from "../checks/bytes.ts";
import { bytesOfFile } from "../checks/offset.ts";
import type {
  EngineRequest,
  FileTraits,
  Notify,
  Operation,
} from "../engine/engine.ts";
import type { Linked } from "../collections/linked_list.ts";
import { arePinned } from "../system/pinned.ts";
import { requestError } from "./request_error.ts";

/** What is asked for. */
export interface RequestFields {
  readonly operation: Operation;
  /** The caller's buffer, or several; `null` for a synchronization. */
  readonly view: Buffers | null;
  /** The native address of the buffer; 0 where it may move, and for several. */
  readonly address: number;
  readonly offset: number | bigint;
  /** By how much the priority is lowered, as `aio_reqprio`. */
  readonly priority: number;
}

/** Where a request waits and is settled. */
export interface RequestQueue {
  readonly file: FileTraits;
  /** A request enters. */
  submit(request: Request): void;
  /** Cancels a request that has not begun. Returns whether it was possible. */
  cancel(request: Request): boolean;
  /** Serves a synchronization that leads those of callers. */
  serveSync(leader: Request): void;
  /** A request that was taken waits again, before the others. */
  returnFirst(request: Request): void;
  /** Settles a request: with `null`, it has succeeded. */
  settle(request: Request, error: Error | null): void;
  /** Settles a request that failed with an error number of the system. */
  fail(request: Request, errno: number): void;
}

/** Writes, and the synchronizations that were asked for behind them. */
export class SyncGroup {
  /** Writes that are not done. */
  writes = 0;
  /** Whether there is one that no native synchronization has covered. */
  isUncovered = false;
  readonly syncs: Set<Request> = new Set();
  /** Whether a synchronization was asked for: the next write begins a group. */
  isClosed = false;
  /** Why its writes may be lost, 0 if they are not: an error number. */
  lossErrno = 0;
  /** Whether a synchronization was told of that. */
  isTold = false;
}

/** What a synchronization covers: a request, or a call that changes a file. */
export interface Write {
  /** Which of the synchronizations have to wait for it. */
  group: SyncGroup | null;
}

/** See the module's documentation. */
export abstract class Request implements EngineRequest, Linked<Request> {
  readonly queue: RequestQueue;
  readonly operation: Operation;
  readonly view: Buffers | null;
  readonly address: number;
  readonly offset: number | bigint;
  readonly length: number;
  readonly priority: number;
  readonly isWrite: boolean;
  readonly isSync: boolean;
  readonly notify: Notify;

  transferred = 0;
  isShort = false;
  entry: object | null = null;
  list: object | null = null;
  previous: Request | null = null;
  next: Request | null = null;
  /** For appends: the combined request that they go to the system with. */
  leader: Request | null = null;
  /** For writes and synchronizations: which of those have to wait for which. */
  group: SyncGroup | null = null;
  /** Whether the page cache was asked for it, or is not to be. */
  isCacheAsked = false;
  /** Whether it counts among those that the system has. */
  isInFlight = false;
  /** Whether somebody tried to cancel it. */
  isCancelWanted = false;
  /** Whether it ends before the system was asked, or has begun with it. */
  isUnasked = false;
  /** Whether it goes to the system by itself, because a batch with it was refused. */
  isAlone = false;

  constructor(
    queue: RequestQueue,
    { operation, view, address, offset, priority }: RequestFields,
    notify: Notify,
  ) {
    this.queue = queue;
    this.operation = operation;
    this.view = view;
    this.address = address;
    this.offset = offset;
    const length = view === null ? 0 : lengthOf(view);
    this.length = operation === "read" && queue.file.isSeekable
      ? bytesOfFile(offset, length)
      : length;
    this.priority = priority;
    this.isWrite = operation === "write" || operation === "append";
    this.isSync = operation === "sync" || operation === "syncData";
    this.notify = notify;
  }

  /** Those that it leads, if it stands for requests of callers. */
  get followers(): ReadonlySet<Request> | null {
    return null;
  }

  /**
   * Whether a buffer was detached or became shorter meanwhile.
   *
   * @param nextBytes How many bytes are transferred next: of a list that has begun,
   * others are not looked at. A list may be long, and goes to the system in many
   * transfers. Without it, all of the list is.
   */
  isViewLost(nextBytes?: number): boolean {
    const { address, view, length, transferred } = this;
    if (address !== 0 || view === null) return false;
    if (!isList(view)) return byteLengthOf(view) < length;
    if (nextBytes === undefined || transferred === 0) return view.isLost();
    // Small buffers that are used in place are far fewer in a transfer than this.
    return !arePinned(view) && view.isLost(transferred, nextBytes);
  }

  /** What to settle it with where that is so. */
  lostView(nextBytes?: number): TypeError | null {
    if (!this.isViewLost(nextBytes)) return null;
    const article = this.operation === "append" ? "an" : "a";
    return new TypeError(
      `The buffer was detached or became shorter while ${article} ` +
        `${this.operation} of ${this.length} bytes was in progress`,
    );
  }

  /** What to settle it with where the system reports an error number. */
  errorOf(errno: number): Error {
    return requestError(this, errno);
  }

  /** Tells whoever asked for it. Called once for each request. */
  abstract handOver(error: Error | null): void;
}
