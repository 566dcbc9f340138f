/**
 * Synchronizations of one file. One covers every write that was submitted
 * before it, whichever descriptor or lane serves those, and synchronizations
 * that wait at the same time share one native call.
 *
 * @module
 */
import { coalesced, queueMicrotask } from "../../ffi/event_loop.ts";
import { assert } from "../checks/assert.ts";
import { AioError } from "../system/error.ts";
import { CombinedRequest } from "./combined_request.ts";
import {
  type Request,
  type RequestQueue,
  SyncGroup,
  type Write,
} from "./request.ts";

/**
 * So many microtasks after a synchronization has failed its caller goes on, one
 * more than this. What others write and synchronize until then has to fail as
 * well, because they cannot know.
 */
const TELLING_MICROTASKS = 5;

type SyncOperation = "sync" | "syncData";

/** Settles one that shares what has failed: with an error of its own. */
function settleAsWell(sync: Request, failure: Error): void {
  if (failure instanceof AioError) sync.queue.fail(sync, failure.errno);
  else sync.queue.settle(sync, failure);
}

/** Whether the system was asked, and failed. */
function tellsOfLoss(
  { isUnasked }: Request,
  failure: Error | null,
): failure is AioError {
  return failure instanceof AioError && !isUnasked;
}

/** See the module's documentation. */
export class GroupCommit {
  /** The last one takes new writes until a sync follows them. */
  readonly #groups: SyncGroup[] = [new SyncGroup()];
  /** Those that the native synchronizations in flight are for. */
  #sharing = new Set<Request>();
  /** The native synchronizations in flight. */
  #leaders: Request[] = [];
  /** Why the first of them failed. */
  #failure: Error | null = null;
  /** What the system told the first that it told of a loss, or 0. */
  #lossErrno = 0;
  /** How many times callers are being told of a loss, and what the system told. */
  #telling = 0;
  #tellingErrno = 0;
  /**
   * Those whose descriptors were written through since they were synchronized: a
   * descriptor that was opened by itself has errors of write-back of its own.
   */
  readonly #written = new Set<RequestQueue>();
  /** All of the file; the first one synchronizes when nothing was written. */
  readonly #queues = new Set<RequestQueue>();
  /** Those that the system has told of the loss, or is being asked to. */
  readonly #told = new Set<RequestQueue>();

  /** The file has this one as well. */
  join(queue: RequestQueue): void {
    this.#queues.add(queue);
  }

  /** A write was submitted. */
  writeSubmitted(write: Write): void {
    let group = this.#last;
    if (group.isClosed) {
      group = new SyncGroup();
      group.lossErrno = this.#tellingErrno;
      group.isTold = true; // Of what is lost by now.
      this.#groups.push(group);
    }
    group.writes++;
    group.isUncovered = true;
    write.group = group;
  }

  /**
   * A write is done.
   *
   * @param write The write.
   * @param queue What it went through.
   * @param hasBegun Whether it may have written anything.
   */
  writeDone(write: Write, queue: RequestQueue, hasBegun: boolean): void {
    const { group } = write;
    if (group === null) return;
    assert(group.writes > 0, "a write that is done was not");
    write.group = null;
    group.writes--;
    if (hasBegun) this.#written.add(queue);
    if (group.writes === 0 && this.#hasSyncs) this.#advanceSoon();
  }

  /** A synchronization was submitted. */
  syncSubmitted(sync: Request): void {
    const group = this.#last;
    group.isClosed = true;
    group.syncs.add(sync);
    sync.group = group;
    this.#advanceSoon();
  }

  /**
   * The system told that it lost what was written, which it tells only once: what
   * was written until now is not going to be on disk, and what is in flight may
   * have been written. So each synchronization fails that covers some of it and
   * is the first one to do so, and each that covers nothing else.
   *
   * @param errno What the system told.
   * @param isTold Whether somebody learns of it who knows all that is covered.
   */
  lose(errno: number, isTold = false): void {
    for (const group of this.#groups) {
      group.lossErrno = errno;
      group.isTold = isTold && !group.isUncovered;
      group.isUncovered = false;
    }
    this.#advanceSoon();
  }

  /** Takes one out that has not begun. Returns whether it was possible. */
  cancel(sync: Request): boolean {
    return sync.group?.syncs.delete(sync) || this.#takeFromLeaders(sync);
  }

  /** All that are not settled. */
  unsettled(): Request[] {
    return [
      ...this.#sharing,
      ...this.#groups.flatMap(({ syncs }) => [...syncs]),
    ];
  }

  /** A native synchronization is done: with the last one, all that share it. */
  readonly #leaderDone = (leader: Request, failure: Error | null): void => {
    assert(this.#leaders.includes(leader), "a leader that is done was issued");
    this.#leaders = this.#leaders.filter((other) => other !== leader);
    this.#failure ??= failure;
    if (tellsOfLoss(leader, failure)) {
      this.#lossErrno ||= failure.errno;
      this.#told.add(leader.queue);
    }
    // Another try has to go the same way.
    if (failure !== null) this.#written.add(leader.queue);
    if (this.#leaders.length > 0) return;
    // The system tells each of an error: not later, of what was told already.
    const untold = this.#lossErrno === 0 ? [] : this.#takeUntold();
    if (untold.length > 0) {
      return this.#issue(leader.operation as SyncOperation, untold);
    }
    const sharing = this.#sharing;
    const first = this.#failure;
    const lossErrno = this.#lossErrno;
    this.#sharing = new Set();
    this.#failure = null;
    this.#lossErrno = 0;
    if (lossErrno !== 0) {
      this.lose(lossErrno, sharing.size > 0);
      this.#tell(lossErrno);
      for (const sync of sharing) sync.queue.fail(sync, lossErrno);
    } else if (first === null) this.#succeed(sharing);
    else {
      this.#groups[0].isUncovered = true;
      for (const sync of sharing) settleAsWell(sync, first);
    }
    this.#advanceSoon();
  };

  /** A write that has failed is on its way to its caller, and comes first. */
  async #succeed(syncs: Set<Request>): Promise<void> {
    for (let count = 0; count < TELLING_MICROTASKS; count++) await null;
    for (const sync of syncs) sync.queue.settle(sync, null);
  }

  get #last(): SyncGroup {
    return this.#groups[this.#groups.length - 1];
  }

  /** Whether a synchronization waits. */
  get #hasSyncs(): boolean {
    return this.#groups.some(({ syncs }) => syncs.size > 0);
  }

  /**
   * Writers whose writes were done together ask for a synchronization one after
   * another, each from its own continuation: the first one waits for the others.
   */
  readonly #advanceSoon = coalesced(queueMicrotask, () => this.#advance());

  #advance(): void {
    this.#failLost();
    // One that arrives while another runs waits for the next: the running one
    // may have begun before its writes were done.
    if (this.#leaders.length > 0) return;
    const ready = this.#takeReady();
    if (ready.size === 0) return;
    this.#sharing = ready;
    let operation: SyncOperation = "syncData";
    for (const sync of ready) if (sync.operation === "sync") operation = "sync";
    const [first] = this.#queues;
    const queues = this.#written.size > 0 ? [...this.#written] : [first];
    this.#written.clear();
    this.#told.clear();
    this.#issue(operation, queues);
  }

  /** Those whose descriptors may tell of it once more: also that were asked before. */
  #takeUntold(): RequestQueue[] {
    const untold = [...this.#queues].filter((queue) => !this.#told.has(queue));
    for (const queue of untold) this.#told.add(queue);
    return untold;
  }

  #issue(operation: SyncOperation, queues: RequestQueue[]): void {
    const fields = {
      operation,
      view: null,
      address: 0,
      offset: 0,
      priority: 0,
    };
    this.#leaders = queues.map((queue) =>
      new CombinedRequest(queue, fields, this.#sharing, this.#leaderDone)
    );
    // A leader that fails at once leaves the list.
    for (const leader of [...this.#leaders]) leader.queue.serveSync(leader);
  }

  /**
   * Fails the synchronizations of writes that are lost. Where those of a group
   * were canceled, the next one is the first to cover its writes.
   */
  #failLost(): void {
    let untoldErrno = 0;
    for (const group of this.#groups) {
      if (untoldErrno !== 0) {
        group.lossErrno = untoldErrno;
        group.isTold = false;
        untoldErrno = 0;
      }
      if (group.lossErrno === 0) continue;
      const lost = [...group.syncs];
      group.syncs.clear();
      if (lost.length > 0 && !group.isTold) {
        group.isTold = true;
        this.#tell(group.lossErrno);
      }
      for (const sync of lost) sync.queue.fail(sync, group.lossErrno);
      if (!group.isTold && group !== this.#last) {
        untoldErrno = group.lossErrno;
        group.isTold = true;
      }
    }
  }

  /** Nobody knows of a loss until those who are told have had their turn. */
  async #tell(errno: number): Promise<void> {
    this.#tellingErrno = errno;
    this.#telling++;
    for (let count = 0; count < TELLING_MICROTASKS; count++) await null;
    assert(this.#telling > 0, "what ends telling has begun");
    this.#telling--;
    if (this.#telling === 0) this.#tellingErrno = 0;
  }

  /** One alone can be canceled as long as its leaders can be. */
  #takeFromLeaders(sync: Request): boolean {
    if (!this.#sharing.has(sync)) return false;
    const [leader, ...others] = this.#leaders;
    const isAlone = this.#sharing.size === 1 && others.length === 0;
    const isIssued = this.#leaders.some(({ entry }) => entry !== null);
    if (isIssued && !isAlone) return false;
    this.#sharing.delete(sync);
    if (!isAlone || leader.queue.cancel(leader)) return true;
    this.#sharing.add(sync);
    return false;
  }

  #takeReady(): Set<Request> {
    const ready = new Set<Request>();
    for (;;) {
      const [group] = this.#groups;
      if (group.writes > 0) return ready;
      for (const sync of group.syncs) {
        sync.group = null;
        ready.add(sync);
      }
      group.syncs.clear();
      group.isUncovered = false;
      if (this.#groups.length === 1) return ready;
      this.#groups.shift();
    }
  }
}
