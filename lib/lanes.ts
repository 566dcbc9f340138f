import { runtime } from "../ffi/runtime_deno.ts";
import { platform } from "./constants.ts";
import { librt } from "./error.ts";
import type { FileQueue } from "./file_queue.ts";
import { Lane } from "./lane.ts";
import { laneBudget } from "./lane_budget.ts";
import { LaneCount } from "./lane_count.ts";
import type { Request } from "./request.ts";
import { settings } from "./settings.ts";

const { F_DUPFD_CLOEXEC } = platform.constants;
/**
 * How many requests of one lane the system has at once. glibc walks through them
 * to find the place of another one; more than this do not keep it busier.
 */
const DEPTH_MAX = 32;

/** Standard input, output and error stay what they are. */
const FIRST_FD = 3;

/**
 * The lanes of one file. The first one is the file's own descriptor, the others
 * are duplicates of it, opened when they are needed and closed when they are not.
 *
 * In a worker all of them are duplicates. When it is terminated, the runtime
 * closes the file's own descriptor, and requests that are still queued for its
 * number would be served on the next file that gets it.
 */
export class Lanes {
  readonly #queue: FileQueue;
  readonly #lanes: Lane[];
  readonly #depthMax: number;
  /** `null` where one lane is right. */
  readonly #count: LaneCount | null;
  /** Whether a lane beyond the first was used of late. */
  #isUsed = false;

  /**
   * @param queue The requests of the file.
   * @param isParallel Whether its requests may be served at the same time.
   */
  constructor(queue: FileQueue, isParallel: boolean) {
    this.#queue = queue;
    this.#lanes = runtime.isWorker ? [] : [new Lane(queue.fd, queue)];
    this.#depthMax = isParallel ? DEPTH_MAX : 1;
    this.#count = isParallel && platform.serialPerDescriptor
      ? new LaneCount(queue.traits.isDevice)
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

  /** Takes note of a transfer, which tells how many lanes to use. */
  observe(bytes: number, isRead: boolean): void {
    this.#count?.observe(bytes, isRead);
  }

  /** The requests that the system has. */
  requests(): Request[] {
    return this.#lanes.flatMap((lane) => lane.requests());
  }

  /** Closes the duplicates that have nothing to do, from the last one on. */
  closeIdle(): void {
    for (let lane = this.#lanes.at(-1); lane !== undefined;) {
      if (lane.fd === this.#queue.fd || lane.depth > 0) return;
      this.#lanes.pop();
      librt().close(lane.fd);
      lane = this.#lanes.at(-1);
      const isLast = lane === undefined || lane.fd === this.#queue.fd;
      laneBudget.giveBack(this, isLast);
    }
  }

  /** Closes them if nothing used one since the last call. */
  closeUnused(): void {
    if (!this.#isUsed) this.closeIdle();
    this.#isUsed = false;
  }

  get #wanted(): number {
    if (this.#count === null) return 1;
    return settings.lanes ?? this.#count.wanted(this.#queue.outstanding);
  }

  #open(): Lane | null {
    const fd = laneBudget.claim(this) ? this.#duplicate() : -1;
    // A request needs one lane at least, whatever there is too little of.
    if (fd === -1 && this.#lanes.length > 0) return null;
    const lane = new Lane(fd === -1 ? this.#queue.fd : fd, this.#queue);
    this.#lanes.push(lane);
    return lane;
  }

  #duplicate(): number {
    const fd = librt().fcntl(this.#queue.fd, F_DUPFD_CLOEXEC, FIRST_FD);
    if (fd === -1) laneBudget.giveBack(this, this.#lanes.length <= 1);
    return fd;
  }
}
