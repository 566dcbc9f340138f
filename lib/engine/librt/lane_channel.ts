/**
 * The way of a file's requests to glibc's threads: by which descriptor each of
 * them goes, and whether with others or by itself.
 *
 * The first lane is the file's own descriptor, the others are duplicates of it,
 * opened when they are needed and closed when they are not.
 *
 * Where each write waits for the device, they are opened separately: Linux tells
 * of an error of write-back once for each open file, which duplicates share, so
 * that the write that asks first would have the error of another, which is lost
 * and succeeds.
 *
 * In an isolate that may end first none of them is the file's own. When it ends, the
 * runtime closes that, and requests that are still queued for its number would be
 * served on the next file that gets it. Others are closed by nobody if they have
 * requests then. So there the file is opened once more, and they are duplicates of
 * that: the locks of a file (`AioFile.lock()`) stay as long as any duplicate of its
 * descriptor is open.
 *
 * Linux tells none of an error that was opened since another one was told of it. So
 * in both cases one that is as old as the first change is what the file is synchronized
 * by, and what calls change it by that are no requests.
 *
 * @module
 */
import { mayEndFirst } from "../../../ffi/isolate.ts";
import { assert } from "../../checks/assert.ts";
import { platform } from "../../system/constants.ts";
import { closeSecond } from "../../system/close.ts";
import { duplicateDescriptor } from "../../system/descriptor.ts";
import { reopenDescriptor } from "../../system/reopen.ts";
import { settings } from "../../system/settings.ts";
import type {
  Channel,
  ChannelOwner,
  Demand,
  EngineRequest,
  FileTraits,
} from "../engine.ts";
import { Flight } from "./flight.ts";
import { takeTransfer } from "../transfer.ts";
import { Lane } from "./lane.ts";
import { laneBudget, type LaneUser } from "./lane_budget.ts";
import { lanesFor } from "./lane_count.ts";
import { submissions } from "./submission_list.ts";
import { waiter } from "./waiter.ts";

/** How many requests of one lane the system has at once. */
const DEPTH_MAX = 32;
/**
 * The same where others wait that can take the place of those that are done: glibc
 * walks through all of a lane to find the place of another one, and its threads
 * wait for the lock meanwhile.
 */
const DEPTH_MAX_OF_MANY = 16;

/** See the module's documentation. */
export class LaneChannel implements Channel, LaneUser {
  readonly #fd: number;
  readonly #file: FileTraits;
  readonly #owner: ChannelOwner;
  readonly #lanes: Lane[];
  /** The file, opened once more; -1 if it is not. */
  #openedFd = -1;
  /** Whether the file was changed by what it is synchronized by, or is to be. */
  #hasChanged = false;
  /** Those of descriptors that are being closed. */
  readonly #closings = new Set<Promise<void>>();
  /** How many descriptors it has of the budget. */
  #claimed = 0;
  /** Whether requests may be served at the same time. */
  readonly #isParallel: boolean;
  /** Whether that takes several lanes. */
  readonly #takesLanes: boolean;
  /** Whether the device is what writes wait for, rather than the page cache. */
  readonly #writesToDevice: boolean;
  /** The one that only synchronizes, so that nothing waits behind it. */
  #syncLane: Lane | null = null;
  /** The one that the next transfer goes to. */
  #next: Lane | null = null;
  /** Whether a lane beyond the first was used of late. */
  #isUsed = false;

  constructor(fd: number, file: FileTraits, owner: ChannelOwner) {
    this.#fd = fd;
    this.#file = file;
    this.#owner = owner;
    this.#isParallel = file.isSeekable && !file.isAppending;
    this.#takesLanes = this.#isParallel && platform.serialPerDescriptor;
    this.#writesToDevice = file.isDirect || file.isSynchronous;
    this.#lanes = mayEndFirst() ? [] : [this.#newLane(fd)];
  }

  hasRoom(next: EngineRequest, { outstanding, isSorting }: Demand): boolean {
    const lanes = this.#wanted(next, outstanding);
    this.#next = this.#pick(lanes, this.#depthMax(outstanding, isSorting));
    return this.#next !== null;
  }

  submit(request: EngineRequest): boolean {
    const lane = request.isSync ? this.#laneForSync() : this.#next;
    assert(lane !== null, "there is room for what is submitted");
    const flight = takeTransfer(
      request,
      this.#file,
      this.#owner,
      (_, memory) => new Flight(request, lane, memory, waiter.lookSoon),
    );
    if (typeof flight === "boolean") return flight;
    // Otherwise each tells of its own errors itself.
    if (request.isWrite && !this.#file.isSynchronous) this.#hasChanged = true;
    lane.add(flight);
    const isGathered = submissions.isGathering || this.#waitsForDevice(request);
    // A list has no synchronizations.
    if (request.isSync || !isGathered) return lane.call(flight);
    submissions.add(flight);
    return true;
  }

  /**
   * Whether many threads serve the file: those that wait for a device. A read that
   * the page cache has is not asked of an engine, and of writes into it the system
   * lets a file have one at a time.
   */
  #waitsForDevice({ isWrite }: EngineRequest): boolean {
    return this.#takesLanes && (!isWrite || this.#writesToDevice);
  }

  #wanted(next: EngineRequest, outstanding: number): number {
    if (!this.#takesLanes) return 1;
    if (settings.lanes !== null) return settings.lanes;
    return this.#waitsForDevice(next) ? lanesFor(outstanding) : 1;
  }

  /**
   * The lane to submit to next: the one with the least to do. Of lanes with
   * nothing to do the first, so that a thread that is still awake serves it.
   *
   * @param wanted How many to use.
   * @param depthMax How many requests each of them takes.
   * @returns `null` when all of them are full.
   */
  #pick(wanted: number, depthMax: number): Lane | null {
    const lanes = this.#lanes;
    const usable = wanted < lanes.length ? wanted : lanes.length;
    let best: Lane | null = null;
    let depth = depthMax;
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

  #depthMax(outstanding: number, isSorting: boolean): number {
    if (!this.#isParallel || isSorting) return 1;
    if (submissions.isList) return Infinity;
    return outstanding > DEPTH_MAX ? DEPTH_MAX_OF_MANY : DEPTH_MAX;
  }

  /** One that nothing waits behind, if the process may have its descriptor. */
  #laneForSync(): Lane {
    this.#isUsed = true;
    if (this.#syncLane === null) {
      const opened = this.#opened();
      // A transfer may have to go by that where the isolate may end first: no two lanes
      // have one descriptor.
      const isFree = opened >= 0 && !mayEndFirst();
      const fd = isFree
        ? opened
        : this.#claim(() => duplicateDescriptor(this.#ownOr(opened)));
      if (fd < 0) return this.#lanes[0] ?? this.#open()!;
      this.#syncLane = this.#newLane(fd);
    }
    return this.#syncLane;
  }

  #newLane(fd: number): Lane {
    return new Lane(fd, this.#owner);
  }

  #open(): Lane | null {
    const { flags, isSynchronous } = this.#file;
    const fd = this.#claim(() =>
      isSynchronous
        ? reopenDescriptor(this.#fd, flags)
        : duplicateDescriptor(this.#ownOr(this.#opened()))
    );
    // A request needs one lane at least, whatever there is too little of.
    if (fd < 0 && this.#lanes.length > 0) return null;
    const lane = this.#newLane(fd < 0 ? this.#ownOr(this.#opened()) : fd);
    this.#lanes.push(lane);
    return lane;
  }

  /** Makes a descriptor. Returns it, -1 if there are too many. */
  #claim(make: () => number): number {
    if (!laneBudget.claim(this)) return -1;
    this.#claimed++;
    try {
      const fd = make();
      if (fd >= 0) return fd;
    } catch {
      // As if there were none: the request that needs it can do without.
    }
    this.#giveBack();
    return -1;
  }

  #giveBack(): void {
    assert(this.#claimed > 0, "what is given back was claimed");
    this.#claimed--;
    laneBudget.giveBack(this, this.#claimed === 0);
  }

  fdToChange(): number {
    const fd = this.#ownOr(this.#opened());
    this.#hasChanged = true;
    return fd;
  }

  #ownOr(fd: number): number {
    return fd < 0 ? this.#fd : fd;
  }

  /**
   * What the file is synchronized by, and changed if that is to be synchronized; -1
   * if that is its own descriptor.
   */
  #opened(): number {
    const { flags, isSeekable, isSynchronous } = this.#file;
    // To open a FIFO again may wait for somebody at its other end.
    if (this.#openedFd >= 0 || this.#hasChanged || !isSeekable) {
      return this.#openedFd;
    }
    const open = () => reopenDescriptor(this.#fd, flags);
    // There it has to be, however many there are.
    if (mayEndFirst()) this.#openedFd = open();
    else if (isSynchronous) this.#openedFd = this.#claim(open);
    return this.#openedFd;
  }

  cancel(request: EngineRequest): boolean {
    const flight = request.entry;
    assert(flight instanceof Flight, "a lane has the request");
    return (flight.lane as Lane).cancel(flight);
  }

  requests(): EngineRequest[] {
    const lanes = this.#syncLane === null
      ? this.#lanes
      : [...this.#lanes, this.#syncLane];
    return lanes.flatMap((lane) => lane.requests());
  }

  whenUnused(): Promise<void> {
    return waiter.whenBack();
  }

  async close(): Promise<void> {
    this.rest();
    this.#closeOpened();
    await Promise.all(this.#closings);
    assert(this.#claimed === 0, "what is closed has no requests");
  }

  closeUnused(): void {
    if (!this.#isUsed) this.giveUpIdle();
    this.#isUsed = false;
  }

  giveUpIdle(): void {
    if (!this.#file.keepsLanes) this.rest();
  }

  /** Closes the lanes that have nothing to do, from the last one on. */
  rest(): void {
    if (this.#syncLane?.depth === 0) {
      this.#closeLane(this.#syncLane);
      this.#syncLane = null;
    }
    for (let at = this.#lanes.length - 1; at >= 0; at--) {
      const lane = this.#lanes[at];
      if (lane.fd === this.#fd || lane.depth > 0) break;
      this.#lanes.pop();
      this.#closeLane(lane);
    }
    const isNeeded = [this.#syncLane, ...this.#lanes]
      .some((lane) => lane?.fd === this.#openedFd);
    // With what was changed it knows of errors that no other one is told of.
    if (!this.#hasChanged && !isNeeded) this.#closeOpened();
  }

  #closeOpened(): void {
    if (this.#openedFd < 0) return;
    this.#closeFd(this.#openedFd, !mayEndFirst());
    this.#openedFd = -1;
  }

  #closeLane({ fd }: Lane): void {
    if (fd !== this.#openedFd) this.#closeFd(fd, true);
  }

  #closeFd(fd: number, isClaimed: boolean): void {
    // At once: whoever claims another one does not wait for the file system.
    if (isClaimed) this.#giveBack();
    const closing = closeSecond(fd).then((errno) => {
      this.#closings.delete(closing);
      if (errno !== 0) this.#owner.closeFailed(errno);
    });
    this.#closings.add(closing);
  }
}
