/**
 * Synchronizations of one file. One covers every write that was submitted
 * before it, whichever descriptor or lane serves those, and synchronizations
 * that wait at the same time share one native call.
 *
 * @module
 */
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
  #isRunning = false;
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
    if (group.writes === 0) this.#advance();
  }

  /** A synchronization was submitted. */
  syncSubmitted(sync: Request): void {
    this.#groups[this.#groups.length - 1].syncs.push(sync);
    this.#advance();
  }

  /** Takes back one that no native call is for yet. */
  remove(sync: Request): boolean {
    for (const group of this.#groups) {
      const at = group.syncs.indexOf(sync);
      if (at < 0) continue;
      group.syncs.splice(at, 1);
      return true;
    }
    return false;
  }

  /** Those that no native call is for yet. */
  waiting(): Request[] {
    return this.#groups.flatMap((group) => group.syncs);
  }

  /** The native synchronization is done: so are all that share it. */
  carrierSettled(error: Error | null): void {
    const sharing = this.#sharing;
    this.#sharing = [];
    this.#isRunning = false;
    for (const sync of sharing) sync.settle(error);
    this.#advance();
  }

  #advance(): void {
    // One that arrives while another runs waits for the next: the running one
    // may have begun before its writes were done.
    if (this.#isRunning) return;
    const ready = this.#takeReady();
    if (ready.length === 0) return;
    this.#sharing = ready;
    this.#isRunning = true;
    const isFull = ready.some((sync) => sync.operation === "sync");
    const operation = isFull ? "sync" : "syncData";
    this.#queue.serveFirst(new Carrier(this.#queue, operation, this));
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
  }

  override get isCarrier(): boolean {
    return true;
  }

  protected override handOver(error: Error | null): void {
    this.#commits.carrierSettled(error);
  }
}
