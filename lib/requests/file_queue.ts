import { queueMicrotask, setTimeout } from "../../ffi/event_loop.ts";
import { runtime } from "../../ffi/current.ts";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { EAGAIN, ECANCELED, EIO } from "../system/constants.ts";
import { duplicateDescriptor } from "../system/descriptor.ts";
import { engine } from "../engine/engine.ts";
import { AioError, isCancellation, librt } from "../system/error.ts";
import { GroupCommit } from "./group_commit.ts";
import { fileName } from "../system/hints.ts";
import type { Lane } from "../engine/librt/lane.ts";
import { Lanes } from "../engine/librt/lanes.ts";
import { takeAppends } from "./append_batch.ts";
import { canceledRequests } from "./canceled_requests.ts";
import { counters } from "../system/counters.ts";
import type { Request } from "./request.ts";
import { RequestList } from "../collections/request_list.ts";
import { StreamTransfers } from "../engine/streams/stream_transfers.ts";
import { submission } from "../engine/librt/submission.ts";

/** A direct transfer that ends off this boundary has met the end of the file. */
const SECTOR_BYTES = 512;

/** After how long a request is made again that the system would not serve yet. */
const AGAIN_MS_MIN = 1;
const AGAIN_MS_MAX = 64;

/** What a queue has to know of its file. */
export interface FileTraits {
  readonly path?: string;
  /** The descriptor by which the program knows the file: errors name it. */
  readonly knownFd: number;
  /** The flags it was opened with, as `F_GETFL` has them. */
  readonly flags: number;
  /** Whether it has offsets; pipes, sockets and terminals have none. */
  readonly isSeekable: boolean;
  /** Whether writes go to the end of the file, wherever that is. */
  readonly isAppending: boolean;
  /**
   * Whether lanes stay until the file is closed. Closing any descriptor of a file
   * drops the record locks that the process has on it (`fcntl(F_SETLK)`): those of
   * a program that gave the descriptor, or that writes.
   */
  readonly keepsLanes: boolean;
  /** Whether transfers go past the page cache. */
  readonly isDirect: boolean;
  /** Whether a write is done when it is on the device. */
  readonly isSynchronous: boolean;
}

/** The requests of one file: those that wait, and the lanes for the others. */
export class FileQueue {
  readonly fd: number;
  readonly path: string | undefined;
  readonly traits: FileTraits;
  /** The synchronizations of the file; shared with its queue of appends. */
  readonly commits: GroupCommit;
  readonly #waiting = new RequestList();
  readonly #lanes: Lanes;
  /** What serves reads and writes without offsets. */
  readonly #stream: StreamTransfers | null;
  /** The first error that closing one of its descriptors told of. */
  closeError: AioError | null = null;
  #unsettled = 0;
  #hasWritten = false;
  #isPausing = false;
  #isDispatchDue = false;
  #pause_ms = AGAIN_MS_MIN;
  /** Requests with a lowered priority: the others can overtake them here only. */
  #prioritized = 0;
  #idleListeners: (() => void)[] = [];

  /**
   * @param fd The descriptor.
   * @param traits What the file is like.
   * @param commits The synchronizations that cover writes of this queue.
   */
  constructor(fd: number, traits: FileTraits, commits?: GroupCommit) {
    this.fd = fd;
    this.path = traits.path;
    this.traits = traits;
    this.commits = commits ?? new GroupCommit(this);
    // The rest of a short transfer has to come before the next transfer where
    // their order is what matters.
    const isOrdered = traits.isAppending || !traits.isSeekable;
    engine.files++;
    this.#lanes = new Lanes(this, !isOrdered);
    this.#stream = traits.isSeekable
      ? null
      : new StreamTransfers(fd, traits.flags);
  }

  /** How many requests are not settled. */
  get outstanding(): number {
    return this.#unsettled;
  }

  /** Whether requests that are made together should go to the system together. */
  get isGathering(): boolean {
    return this.#lanes.hasManyThreads;
  }

  /** Whether requests should wait here rather than in a lane. */
  get isSorting(): boolean {
    return this.#prioritized > 0;
  }

  /** A request enters. */
  submit(request: Request): void {
    counters.submitted++;
    this.#unsettled++;
    if (request.isSync) return this.commits.syncSubmitted(request);
    if (request.isWrite) {
      this.#hasWritten = true;
      this.commits.writeSubmitted(request);
    }
    if (request.priority > 0) this.#prioritized++;
    if (this.#stream !== null) return this.#stream.submit(request);
    this.#waiting.add(request);
    if (this.traits.isAppending) this.#dispatchSoon();
    else this.dispatch();
  }

  /** A request that a lane had waits again, before the others. */
  putBack(request: Request): void {
    this.#waiting.addFirst(request);
  }

  /** A request was made that carries those of callers. */
  carrierMade(): void {
    this.#unsettled++;
  }

  /**
   * A synchronization enters that carries those of callers. In a file with
   * offsets it does not wait behind other requests, nor they behind it.
   */
  serveSync(carrier: Request): void {
    const lane = this.traits.isSeekable && engine.hasRoom
      ? this.#lanes.forSync()
      : null;
    if (lane?.take(carrier)) return;
    this.#waiting.addFirst(carrier);
    this.dispatch();
  }

  /** Everything is settled: resolves when nothing uses the descriptor. */
  async whenUnused(): Promise<void> {
    await this.#stream?.whenForgotten();
  }

  /** Closes the lanes. Everything is settled. */
  close(): void {
    engine.files--;
    this.#closeIdle();
  }

  /** Closing one of its descriptors told of an error: of a write that is lost. */
  closeFailed(errno: number): void {
    const { knownFd, path } = this.traits;
    const file = { fd: knownFd, path };
    this.closeError ??= new AioError(`Cannot close ${fileName(file)}`, {
      ...file,
      errno,
      syscall: "close",
    });
    this.commits.lose(errno);
  }

  /**
   * Asks the file system for what it tells of when a descriptor is closed (NFS,
   * FUSE): the functions of some runtimes keep that to themselves.
   */
  flush(): void {
    if (!this.#hasWritten) return;
    const fd = duplicateDescriptor(this.fd);
    if (fd === -1 || librt().close(fd) === 0) return;
    this.closeFailed(runtime.errno());
  }

  /** Hands requests to the system, as far as it takes them. */
  dispatch(): void {
    if (engine.isFree) {
      for (
        let lane = this.nextLane();
        lane !== null;
        lane = this.nextLane()
      ) {
        if (engine.hasRoom && this.submitTo(lane)) continue;
        engine.waitForRoom(this);
        break;
      }
    } else {
      if (this.nextLane() !== null) engine.waitForRoom(this);
      engine.feed();
    }
    // Each call takes the lock that glibc's threads need to come to an end.
    if (engine.isBusy) submission.flushLater();
    else submission.flushSoon();
  }

  /** One append is on its way at a time: the first one waits for company. */
  #dispatchSoon(): void {
    if (this.#isDispatchDue) return;
    this.#isDispatchDue = true;
    queueMicrotask(this.#dispatchDue);
  }

  readonly #dispatchDue = (): void => {
    this.#isDispatchDue = false;
    this.dispatch();
  };

  /** The lane for the first request, or `null` if the system may have none now. */
  nextLane(): Lane | null {
    const { first } = this.#waiting;
    if (first === null || !this.#mayEnter(first)) return null;
    return this.#lanes.pick();
  }

  /** Hands the first request to the system. Returns whether that took it. */
  submitTo(lane: Lane): boolean {
    const request = this.traits.isAppending
      ? takeAppends(this.#waiting)
      : this.#waiting.shift();
    const isTaken = lane.take(request);
    if (!isTaken) this.#waiting.addFirst(request);
    return isTaken;
  }

  /** The system is done with a request, or with a part of it. */
  completed(request: Request, errno: number, bytes: number): void {
    // Not a synchronization: its error may be that of a write that is lost, and
    // the system tells of that only once.
    if (errno === EAGAIN && !request.isSync) return this.#again(request);
    if (errno !== 0) return this.#failed(request, errno);
    this.#pause_ms = AGAIN_MS_MIN;
    if (request.isSync) return request.settle(null);
    const isRead = request.operation === "read";
    const isInPlace = request.buffer === null;
    if (isRead && !isInPlace) {
      try {
        request.emptyBuffer(bytes);
      } catch (error) {
        return request.settle(error as Error);
      }
    }
    request.transferred += bytes;
    this.#lanes.observe(bytes, isRead, isInPlace);
    if (this.#isComplete(request, bytes)) return request.finish();
    if (request.isWrite && bytes === 0) return request.fail(EIO);
    if (request.isCancelWanted) return request.fail(ECANCELED);
    // The rest keeps its place before everything that came later.
    this.#waiting.addFirst(request);
  }

  /** The system reports an error. */
  #failed(request: Request, errno: number): void {
    request.fail(errno);
    if (!request.isWrite || !this.traits.isSynchronous) return;
    // Each write is a synchronization: what others wrote may be lost with it.
    this.commits.lose(errno);
  }

  /** Cancels a request that has not begun. Returns whether it was possible. */
  cancel(request: Request): boolean {
    const isCanceled = this.#withdraw(request);
    // What it stood before, or had the room of, may be submitted now.
    this.dispatch();
    return isCanceled;
  }

  #withdraw(request: Request): boolean {
    submission.flush();
    request.isCancelWanted = true;
    if (request.batch !== null && !this.#dissolve(request.batch)) return false;
    if (request.lane !== null) return request.lane.cancel(request);
    const isTaken = this.#waiting.remove(request) ||
      !request.isSync && this.#stream?.remove(request) === true;
    if (!isTaken) return request.isSync && this.commits.cancel(request);
    canceledRequests.settle(request);
    return true;
  }

  /** Takes a batch of appends apart that has not begun. */
  #dissolve(batch: Request): boolean {
    const isTaken = batch.lane === null
      ? batch.transferred === 0 && this.#waiting.remove(batch)
      : batch.transferred === 0 && batch.lane.takeBack(batch);
    if (!isTaken) return false;
    for (const append of [...batch.appends].reverse()) this.putBack(append);
    batch.dissolve();
    return true;
  }

  /** Cancels everything that has not begun. Returns how many that were. */
  cancelAll(): number {
    // Backwards: those behind a running one are the ones that can be canceled.
    const requests = [
      ...this.#lanes.requests(),
      ...this.#waiting.toArray(),
      ...this.#stream?.requests() ?? [],
      ...this.commits.unsettled(),
    ].flatMap((request) => request.isCarrier ? request.appends : request)
      .reverse();
    let canceled = 0;
    for (const request of requests) if (this.#withdraw(request)) canceled++;
    this.dispatch();
    return canceled;
  }

  /** Resolves when every request is settled. */
  whenIdle(): Promise<void> {
    if (this.#unsettled === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  /** A request was settled, whatever its outcome. */
  requestSettled(request: Request, error: Error | null): void {
    this.#unsettled--;
    if (!request.isCarrier) counters.settled(error);
    if (!request.isSync && request.priority > 0) this.#prioritized--;
    if (request.isWrite) {
      this.commits.writeDone(request, !isUnbegun(request, error));
    }
    if (this.#unsettled > 0) return;
    // An isolate leaves open what it has open when it ends.
    if (mayEndFirst()) this.#closeIdle();
    for (const listener of this.#idleListeners) listener();
    this.#idleListeners = [];
  }

  #mayEnter(request: Request): boolean {
    return request.isSync || !this.#isPausing;
  }

  #closeIdle(): void {
    this.#lanes.closeIdle();
    this.#stream?.close();
  }

  /** The system would not serve a request yet. */
  #again(request: Request): void {
    if (request.isCancelWanted) return request.fail(ECANCELED);
    this.#waiting.addFirst(request);
    this.#pause();
  }

  #pause(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    setTimeout(() => {
      this.#isPausing = false;
      this.dispatch();
    }, this.#pause_ms);
    this.#pause_ms = Math.min(this.#pause_ms * 2, AGAIN_MS_MAX);
  }

  #isComplete(request: Request, bytes: number): boolean {
    if (request.transferred === request.length) return true;
    if (request.isWrite) return false;
    return bytes === 0 ||
      this.traits.isDirect && request.transferred % SECTOR_BYTES !== 0;
  }
}

/** Whether the system never had a part of a request. */
function isUnbegun(request: Request, error: Error | null): boolean {
  return error !== null && isCancellation(error) && request.transferred === 0;
}
