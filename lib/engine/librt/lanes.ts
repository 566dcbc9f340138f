import { runtime } from "../../../ffi/current.ts";
import { mayEndFirst } from "../../../ffi/isolate.ts";
import { platform } from "../../system/constants.ts";
import {
  duplicateDescriptor,
  reopenDescriptor,
} from "../../system/descriptor.ts";
import { librt } from "../../system/error.ts";
import type { FileQueue } from "../../requests/file_queue.ts";
import { Lane } from "./lane.ts";
import { laneBudget } from "./lane_budget.ts";
import { LaneCount } from "./lane_count.ts";
import type { Request } from "../../requests/request.ts";
import { settings } from "../../system/settings.ts";
import { submission } from "./submission.ts";

/** How many requests of one lane the system has at once. */
const DEPTH_MAX = 32;
/**
 * The same where others wait that can take the place of those that are done: glibc
 * walks through all of a lane to find the place of another one, and its threads
 * wait for the lock meanwhile.
 */
const DEPTH_MAX_OF_MANY = 16;

/**
 * The lanes of one file. The first one is the file's own descriptor, the others
 * are duplicates of it, opened when they are needed and closed when they are not.
 *
 * Where each write waits for the device, they are opened separately: Linux tells
 * of an error of write-back once for each open file, which duplicates share, so
 * that the write that asks first would have the error of another, which is lost
 * and succeeds.
 *
 * In an isolate that may end first all of them are duplicates. When it ends, the
 * runtime closes the file's own descriptor, and requests that are still queued for its
 * number would be served on the next file that gets it.
 */
export class Lanes {
  readonly #queue: FileQueue;
  readonly #lanes: Lane[];
  #duplicates = 0;
  readonly #isParallel: boolean;
  /** `null` where one lane is right. */
  readonly #count: LaneCount | null;
  /** The one that only synchronizes, so that nothing waits behind it. */
  #syncLane: Lane | null = null;
  /** Whether a lane beyond the first was used of late. */
  #isUsed = false;

  /**
   * @param queue The requests of the file.
   * @param isParallel Whether its requests may be served at the same time.
   */
  constructor(queue: FileQueue, isParallel: boolean) {
    this.#queue = queue;
    this.#lanes = mayEndFirst() ? [] : [new Lane(queue.fd, queue)];
    this.#isParallel = isParallel;
    this.#count = isParallel && platform.serialPerDescriptor
      ? new LaneCount(queue.traits.isDirect || queue.traits.isSynchronous)
      : null;
  }

  /**
   * The lane to submit to next: the one with the least to do. Of lanes with
   * nothing to do the first, so that a thread that is still awake serves it.
   *
   * @returns `null` when all of them are full.
   */
  pick(): Lane | null {
    const lanes = this.#lanes;
    const wanted = this.#wanted;
    const usable = wanted < lanes.length ? wanted : lanes.length;
    let best: Lane | null = null;
    let depth = this.#depthMax;
    for (let index = 0; index < usable; index++) {
      const lane = lanes[index];
      if (lane.depth === 0) return lane;
      if (lane.depth >= depth) continue;
      best = lane;
      depth = lane.depth;
    }
    if (usable > 1) this.#isUsed = true;
    return usable < wanted ? this.#open() ?? best : best;
  }

  /** The lane for a synchronization, or `null` if it has to take any. */
  forSync(): Lane | null {
    this.#isUsed = true;
    if (this.#syncLane !== null) return this.#syncLane;
    const fd = this.#duplicate();
    if (fd >= 0) this.#syncLane = new Lane(fd, this.#queue);
    return this.#syncLane;
  }

  /** Whether many threads serve the file, all of which need glibc's lock. */
  get hasManyThreads(): boolean {
    return this.#count !== null && this.#count.isDevice;
  }

  /** Takes note of a transfer, which tells how many lanes to use. */
  observe(bytes: number, isRead: boolean, isInPlace: boolean): void {
    this.#count?.observe(bytes, isRead, isInPlace);
  }

  /** The requests that the system has. */
  requests(): Request[] {
    const lanes = this.#syncLane === null
      ? this.#lanes
      : [...this.#lanes, this.#syncLane];
    return lanes.flatMap((lane) => lane.requests());
  }

  /** Closes the duplicates that have nothing to do, from the last one on. */
  closeIdle(): void {
    if (this.#syncLane?.depth === 0) {
      this.#closeLane(this.#syncLane);
      this.#syncLane = null;
    }
    for (let at = this.#lanes.length - 1; at >= 0; at--) {
      const lane = this.#lanes[at];
      if (lane.fd === this.#queue.fd || lane.depth > 0) return;
      this.#lanes.pop();
      this.#closeLane(lane);
    }
  }

  #closeLane(lane: Lane): void {
    if (librt().close(lane.fd) === -1) this.#queue.closeFailed(runtime.errno());
    this.#duplicates--;
    laneBudget.giveBack(this, this.#duplicates === 0);
  }

  /** Closes them if nothing used one since the last call. */
  closeUnused(): void {
    if (!this.#isUsed) this.giveUpIdle();
    this.#isUsed = false;
  }

  /** Closes them while the file is open, if it does not keep them. */
  giveUpIdle(): void {
    if (!this.#queue.traits.keepsLanes) this.closeIdle();
  }

  get #depthMax(): number {
    if (!this.#isParallel || this.#queue.isSorting) return 1;
    if (submission.isList) return Infinity;
    return this.#queue.outstanding > DEPTH_MAX ? DEPTH_MAX_OF_MANY : DEPTH_MAX;
  }

  get #wanted(): number {
    if (this.#count === null) return 1;
    return settings.lanes ?? this.#count.wanted(this.#queue.outstanding);
  }

  #open(): Lane | null {
    const fd = this.#duplicate();
    // A request needs one lane at least, whatever there is too little of.
    if (fd < 0 && this.#lanes.length > 0) return null;
    const lane = new Lane(fd < 0 ? this.#queue.fd : fd, this.#queue);
    this.#lanes.push(lane);
    return lane;
  }

  #duplicate(): number {
    if (!laneBudget.claim(this)) return -1;
    const { fd, traits } = this.#queue;
    const duplicate = traits.isSynchronous
      ? reopenDescriptor(fd, traits.flags)
      : duplicateDescriptor(fd);
    if (duplicate < 0) laneBudget.giveBack(this, this.#duplicates === 0);
    else this.#duplicates++;
    return duplicate;
  }
}
