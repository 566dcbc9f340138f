/**
 * Synchronizations of one file. One covers every write that was submitted
 * before it, whichever descriptor or lane serves those, and synchronizations
 * that wait at the same time share one native call.
 *
 * @module
 */
import { queueMicrotask } from "../ffi/event_loop.ts";
import { ECANCELED } from "./constants.ts";
import type { FileQueue } from "./file_queue.ts";
import { Request } from "./request.ts";

/**
 * Writes, and the synchronizations that were asked for behind them. They may be
 * issued when these writes and those of all groups before are done.
 */
export interface SyncGroup {
  writes: number;
  syncs: Request[];
}

/** See the module's documentation. */
export class GroupCommit {
  /** The last one is open: it takes new writes until a sync follows them. */
  readonly #groups: SyncGroup[] = [{ writes: 0, syncs: [] }];
  /** Those that the native synchronization in flight is for. */
  #sharing: Request[] = [];
  #carrier: Carrier | null = null;
  #isAdvanceDue = false;
  readonly #queue: FileQueue;

  /** @param queue Serves the one request that carries many. */
  constructor(queue: FileQueue) {
    this.#queue = queue;
  }

  /** A write was submitted. */
  writeSubmitted(write: Request): void {
    const last = this.#groups[this.#groups.length - 1];
    const group = last.syncs.length === 0 ? last : { writes: 0, syncs: [] };
    if (group !== last) this.#groups.push(group);
    group.writes++;
    write.group = group;
  }

  /** A write is done, whatever its outcome. */
  writeDone(write: Request): void {
    const { group } = write;
    if (group === null) return;
    write.group = null;
    group.writes--;
    if (group.writes === 0 && this.#hasSyncs) this.#advanceSoon();
  }

  /** A synchronization was submitted. */
  syncSubmitted(sync: Request): void {
    this.#groups[this.#groups.length - 1].syncs.push(sync);
    this.#advanceSoon();
  }

  /** Cancels one that has not begun. Returns whether it was possible. */
  cancel(sync: Request): boolean {
    const isTaken = this.#groups.some((group) => take(group.syncs, sync)) ||
      this.#takeFromCarrier(sync);
    if (isTaken) sync.fail(ECANCELED);
    return isTaken;
  }

  /** All that are not settled. */
  unsettled(): Request[] {
    return [
      ...this.#sharing,
      ...this.#groups.flatMap((group) => group.syncs),
    ];
  }

  /** The native synchronization is done: so are all that share it. */
  carrierSettled(error: Error | null): void {
    const sharing = this.#sharing;
    this.#sharing = [];
    this.#carrier = null;
    for (const sync of sharing) sync.settle(error);
    this.#advanceSoon();
  }

  /** Whether a synchronization waits; a group is closed by one. */
  get #hasSyncs(): boolean {
    return this.#groups.length > 1 || this.#groups[0].syncs.length > 0;
  }

  /**
   * Writers whose writes were done together ask for a synchronization one after
   * another, each from its own continuation: the first one waits for the others.
   */
  #advanceSoon(): void {
    if (this.#isAdvanceDue) return;
    this.#isAdvanceDue = true;
    queueMicrotask(this.#advance);
  }

  readonly #advance = (): void => {
    this.#isAdvanceDue = false;
    // One that arrives while another runs waits for the next: the running one
    // may have begun before its writes were done.
    if (this.#carrier !== null) return;
    const ready = this.#takeReady();
    if (ready.length === 0) return;
    this.#sharing = ready;
    const isFull = ready.some((sync) => sync.operation === "sync");
    const operation = isFull ? "sync" : "syncData";
    this.#carrier = new Carrier(this.#queue, operation, this);
    this.#queue.serveSync(this.#carrier);
  };

  /** One alone can be canceled as long as its carrier can be. */
  #takeFromCarrier(sync: Request): boolean {
    if (this.#carrier === null || !this.#sharing.includes(sync)) return false;
    const isAlone = this.#sharing.length === 1;
    if (this.#carrier.lane !== null && !isAlone) return false;
    take(this.#sharing, sync);
    if (!isAlone || this.#queue.cancel(this.#carrier)) return true;
    this.#sharing.push(sync);
    return false;
  }

  #takeReady(): Request[] {
    const ready: Request[] = [];
    while (this.#groups[0].writes === 0) {
      ready.push(...this.#groups[0].syncs);
      this.#groups[0].syncs = [];
      if (this.#groups.length === 1) break;
      this.#groups.shift();
    }
    return ready;
  }
}

function take(syncs: Request[], sync: Request): boolean {
  const at = syncs.indexOf(sync);
  if (at >= 0) syncs.splice(at, 1);
  return at >= 0;
}

/** The one native synchronization that serves all that share it. */
class Carrier extends Request {
  readonly #commits: GroupCommit;

  constructor(
    queue: FileQueue,
    operation: "sync" | "syncData",
    commits: GroupCommit,
  ) {
    super(queue, operation, null, 0, 0, 0);
    this.#commits = commits;
    queue.carrierMade();
  }

  override get isCarrier(): boolean {
    return true;
  }

  protected override handOver(error: Error | null): void {
    this.#commits.carrierSettled(error);
  }
}
