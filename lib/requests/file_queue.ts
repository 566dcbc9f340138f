/** The requests of one descriptor that wait, in order, and what settles them. */
import { coalesced, queueMicrotask, setTimeout } from "../../ffi/event_loop.ts";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { assert } from "../checks/assert.ts";
import type {
  AskedRead,
  Channel,
  ChannelOwner,
  FileTraits,
} from "../engine/engine.ts";
import { PageCache } from "../engine/page_cache.ts";
import { engine } from "../engine/serving.ts";
import { EAGAIN, ECANCELED, EIO, platform } from "../system/constants.ts";
import { counters } from "../system/counters.ts";
import { AioError } from "../system/error.ts";
import { fileName } from "../system/hints.ts";
import { isServedByFs, settings } from "../system/settings.ts";
import { dissolve, takeAppends } from "./append_batch.ts";
import { canceledRequests } from "./canceled_requests.ts";
import type { CombinedRequest } from "./combined_request.ts";
import { dispatcher, type Source } from "./dispatcher.ts";
import { GroupCommit } from "./group_commit.ts";
import { isRefusal } from "./refusals.ts";
import type { Request } from "./request.ts";
import { RequestList } from "./request_list.ts";

/** A direct transfer that ends off this boundary has met the end of the file. */
const SECTOR_BYTES = 512;

/** After how long a request is made again that the system would not serve yet. */
const AGAIN_MS_MIN = 1;
const AGAIN_MS_MAX = 64;

/** See the module's documentation. */
export class FileQueue implements Source, ChannelOwner {
  readonly file: FileTraits;
  readonly channel: Channel;
  /** What answers reads without the engine, or `null`. */
  readonly cache: PageCache | null;
  /** The synchronizations of the file; shared by all of its queues. */
  readonly commits: GroupCommit;
  /** The first error that closing one of its descriptors reported. */
  closeError: AioError | null = null;
  /** Whether a write entered. */
  hasWritten = false;
  readonly #waiting = new RequestList();
  #unsettled = 0;
  /** Reads that are not settled. */
  #reads = 0;
  /** The most of them at once: before completions are handed over, and since. */
  #readsBefore = 0;
  #readsOfLate = 0;
  #isPausing = false;
  #pause_ms = AGAIN_MS_MIN;
  /** Requests with a lowered priority: the others can overtake them here only. */
  #prioritized = 0;
  #idleListeners: (() => void)[] = [];

  /**
   * @param fd The descriptor.
   * @param file What the file is like.
   * @param commits The synchronizations that cover writes of this queue.
   */
  constructor(fd: number, file: FileTraits, commits = new GroupCommit()) {
    this.file = file;
    this.commits = commits;
    this.channel = engine().open(fd, file, this);
    this.commits.join(this);
    this.cache = PageCache.of(fd, file);
  }

  get outstanding(): number {
    return this.#unsettled;
  }

  get isSorting(): boolean {
    return this.#prioritized > 0;
  }

  /**
   * Whether a read is for the engine and the page cache is not asked: not if its
   * order matters, because the engine knows of none.
   */
  isForEngine(read: AskedRead): boolean {
    if (this.#prioritized > 0) return false;
    const together = Math.min(this.#readsOfLate, settings.maxInFlight);
    return this.channel.isAheadOfCache?.(together, read) === true;
  }

  get next(): Request | null {
    const { first } = this.#waiting;
    return first !== null && this.#isPausing && !first.isSync ? null : first;
  }

  submit(request: Request): void {
    counters.submitted++;
    this.#unsettled++;
    if (request.isSync) return this.commits.syncSubmitted(request);
    if (request.isWrite) {
      this.hasWritten = true;
      this.commits.writeSubmitted(request);
    }
    if (request.priority > 0) this.#prioritized++;
    if (request.operation === "read") {
      this.#readsOfLate = Math.max(this.#readsOfLate, ++this.#reads);
    }
    this.#waiting.add(request);
    if (this.file.isAppending) this.#dispatchSoon();
    else dispatcher.dispatch(this);
  }

  /**
   * Makes a call that changes the file and is no request: a synchronization covers it
   * as it covers a write.
   *
   * @param call Is given the descriptor by which to change it.
   */
  async changing<T>(call: (fd: number) => Promise<T>): Promise<T> {
    const write = { group: null };
    this.hasWritten = true;
    this.commits.writeSubmitted(write);
    try {
      return await call(this.channel.fdToChange?.() ?? this.file.knownFd);
    } finally {
      this.commits.writeDone(write, this, true);
    }
  }

  /** One append is on its way at a time: the first one waits for company. */
  readonly #dispatchSoon = coalesced(
    queueMicrotask,
    () => dispatcher.dispatch(this),
  );

  readonly dispatchNext = (): void => dispatcher.dispatch(this, true);

  take(): Request {
    if (!this.file.isAppending) return this.#waiting.shift();
    const { first } = this.#waiting;
    const request = takeAppends(this.#waiting);
    if (request !== first) this.#unsettled++; // A batch, made just now.
    return request;
  }

  returnFirst(request: Request): void {
    this.#waiting.addFirst(request);
  }

  /**
   * Serves a synchronization that leads those of callers. It does not wait behind
   * other requests, nor they behind it.
   */
  serveSync(leader: Request): void {
    this.#unsettled++;
    if (dispatcher.submitAtOnce(leader, this)) return;
    this.#waiting.addFirst(leader);
    dispatcher.dispatch(this);
  }

  putBack(request: Request): void {
    dispatcher.left(request);
    this.#waiting.addFirst(request);
    dispatcher.refused(this);
  }

  threw(request: Request, error: Error): void {
    dispatcher.left(request);
    this.settle(request, error);
  }

  lackedMemory(request: Request): void {
    dispatcher.left(request);
    request.isUnasked = true;
    this.fail(request, platform.errno.ENOMEM);
  }

  roomAgain(): void {
    // Those that were handed over are likely to be followed by as many.
    this.#readsOfLate = Math.max(this.#readsBefore, this.#reads);
    this.#readsBefore = 0;
    dispatcher.dispatch(this);
  }

  completed(request: Request, errno: number, bytes: number): void {
    dispatcher.left(request);
    this.#readsBefore = Math.max(this.#readsBefore, this.#reads);
    // Not a synchronization: its error may be that of a write that is lost, and
    // the system reports that only once.
    if (errno === EAGAIN && !request.isSync) return this.#again(request);
    dispatcher.served();
    if (errno !== 0) return this.#failed(request, errno);
    this.#pause_ms = AGAIN_MS_MIN;
    const isComplete = this.#isComplete(request, bytes);
    // What goes on is looked at again before it does.
    const isLast = isComplete || bytes === 0;
    const lost = isLast ? request.lostView() : null;
    if (lost !== null || isComplete) return this.settle(request, lost);
    if (request.isWrite && bytes === 0) return this.fail(request, EIO);
    // What comes short may have met the end of the file: the rest tells.
    const isBetween = request.isWrite || !request.isShort;
    if (isBetween && request.isCancelWanted) {
      return this.fail(request, ECANCELED);
    }
    // The rest keeps its place before everything that came later.
    this.#waiting.addFirst(request);
  }

  /** The system reports an error. */
  #failed(request: Request, errno: number): void {
    this.fail(request, errno);
    if (!request.isWrite || !this.file.isSynchronous) return;
    // Each write is a synchronization: what others wrote may be lost with it.
    if (!isRefusal(errno)) this.commits.lose(errno);
  }

  #isComplete(request: Request, bytes: number): boolean {
    if (request.transferred === request.length) return true;
    if (request.isWrite) return false;
    const { isSeekable, isDirect } = this.file;
    return bytes === 0 || !isSeekable ||
      isDirect && request.transferred % SECTOR_BYTES !== 0;
  }

  fail(request: Request, errno: number): void {
    this.settle(request, request.errorOf(errno));
  }

  settle(request: Request, error: Error | null): void {
    assert(this.#unsettled > 0, "what is settled was not");
    this.#unsettled--;
    if (request.followers === null) {
      counters.settled(error, request.isCancelWanted);
    }
    if (!request.isSync && request.priority > 0) {
      assert(this.#prioritized > 0, "a lowered priority counts");
      this.#prioritized--;
    }
    if (request.operation === "read") {
      assert(this.#reads > 0, "a read that is settled was not");
      this.#reads--;
    }
    if (request.isWrite) {
      const isUnbegun = request.isUnasked && request.transferred === 0;
      this.commits.writeDone(request, this, !isUnbegun);
    }
    if (this.#unsettled === 0) this.#nowIdle();
    request.handOver(error);
  }

  #nowIdle(): void {
    // An isolate leaves open what it has open when it ends.
    if (!isServedByFs() && mayEndFirst()) this.channel.rest?.();
    for (const listener of this.#idleListeners) listener();
    this.#idleListeners = [];
  }

  /** The system would not serve a request yet. */
  #again(request: Request): void {
    if (request.isCancelWanted) return this.fail(request, ECANCELED);
    this.#waiting.addFirst(request);
    this.#pause();
  }

  #pause(): void {
    if (this.#isPausing) return;
    this.#isPausing = true;
    setTimeout(() => {
      this.#isPausing = false;
      dispatcher.dispatch(this);
    }, this.#pause_ms);
    this.#pause_ms = Math.min(this.#pause_ms * 2, AGAIN_MS_MAX);
  }

  cancel(request: Request): boolean {
    const isCanceled = this.#withdraw(request);
    // What it stood before, or had the room of, may be submitted now.
    dispatcher.dispatch(this);
    return isCanceled;
  }

  /** Cancels everything that has not begun. Returns how many that were. */
  cancelAll(): number {
    // Backwards: those behind a running one are the ones that can be canceled.
    const requests = [
      ...this.channel.requests() as Request[],
      ...this.#waiting.toArray(),
      ...this.commits.unsettled(),
    ].flatMap(requestsOfCallers).reverse();
    let canceled = 0;
    for (const request of requests) if (this.#withdraw(request)) canceled++;
    dispatcher.dispatch(this);
    return canceled;
  }

  #withdraw(request: Request): boolean {
    engine().flush();
    request.isCancelWanted = true;
    if (request.leader !== null && !this.#dissolve(request.leader)) {
      return false;
    }
    const isTaken = this.#takeBack(request) ||
      request.isSync && this.commits.cancel(request);
    if (isTaken) canceledRequests.settle(request);
    return isTaken;
  }

  /** Takes a request out that waits, or that the system has not begun. */
  #takeBack(request: Request): boolean {
    if (request.entry === null) return this.#waiting.remove(request);
    if (!this.channel.cancel(request)) return false;
    dispatcher.left(request);
    return true;
  }

  /** Takes a batch of appends apart that has not begun. */
  #dissolve(batch: Request): boolean {
    if (batch.transferred > 0 || !this.#takeBack(batch)) return false;
    assert(this.#unsettled > 0, "a batch counts while it is there");
    this.#unsettled--;
    for (const append of dissolve(batch as CombinedRequest).reverse()) {
      this.#waiting.addFirst(append);
    }
    return true;
  }

  /** Resolves when every request is settled. */
  whenIdle(): Promise<void> {
    if (this.#unsettled === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleListeners.push(resolve));
  }

  /** Closing one of its descriptors reported an error: that of a lost write. */
  closeFailed(errno: number): void {
    const { knownFd: fd, path } = this.file;
    const particulars = { fd, path, errno, syscall: "close" };
    const what = `Cannot close ${fileName({ fd, path })}`;
    this.closeError ??= new AioError(what, particulars);
    this.commits.lose(errno);
  }
}

/** Those that a request stands for; those of a synchronization come by themselves. */
function requestsOfCallers(request: Request): Request[] {
  if (request.followers === null) return [request];
  return request.isSync ? [] : [...request.followers];
}
