/**
 * The engine on the kernel's own asynchronous I/O, `io_uring(7)`.
 *
 * It has two rings: in one of them are the transfers of files, in the other what
 * waits for pipes and the like, so that nobody who waits for a file is woken for
 * them. Four kinds of requests are left to librt's engine; this is where that is
 * decided.
 *
 * @module
 */
import { Rings } from "../../../ffi/io_uring.ts";
import { isList } from "../../checks/buffers.ts";
import type {
  AskedRead,
  Channel,
  ChannelOwner,
  Demand,
  Engine,
  EngineCounts,
  EngineRequest,
  FileTraits,
} from "../engine.ts";
import { closeSecondsBy } from "../../system/close.ts";
import { librtEngine } from "../librt/librt_engine.ts";
import { NonblockingCalls } from "../streams/nonblocking_calls.ts";
import { StreamChannel } from "../streams/stream_channel.ts";
import { ReadsTogether } from "./reads_together.ts";
import { RingChannel } from "./ring_channel.ts";
import { RingReadiness } from "./ring_readiness.ts";
import { RingWaiter, waits } from "./ring_waiter.ts";

/**
 * Whether librt serves a file in the place of the ring: where each write is a
 * synchronization. Linux reports an error once for each open file, so that a write
 * that asks first would have the error of another one; librt's lanes are opened
 * separately.
 */
function isForLibrt({ isSynchronous, isSeekable }: FileTraits): boolean {
  return isSynchronous && isSeekable;
}

/** Whether that is what the request is to be noticed by. */
function byLibrt({ notify }: AskedRead): boolean {
  return notify === "thread" || notify === "suspend";
}

/** From where on a copy takes so long that it does not matter who makes it. */
const WRITTEN_BY_LIBRT_BYTES_MAX = 128 * 1024;

/**
 * Whether a request is a write that librt's threads make faster than the kernel's.
 *
 * @param ring The ring's part of the file.
 */
export function isFasterByLibrt(
  { operation, view, length }: EngineRequest,
  ring: RingChannel,
): boolean {
  const isShort = operation === "write" && !isList(view!) &&
    length <= WRITTEN_BY_LIBRT_BYTES_MAX;
  return isShort && !ring.file.isDirect && ring.writesWait;
}

/**
 * Whether a request is a write that can go on after it came short by librt only,
 * which waits for each call.
 *
 * @param ring The ring's part of the file.
 */
export function isGoneOnByLibrt(
  { isWrite }: EngineRequest,
  ring: RingChannel,
): boolean {
  return isWrite && ring.failsShortWrites;
}

/**
 * Makes the engine.
 *
 * @param rings For files.
 */
export function newIoUringEngine(rings: Rings): Engine {
  const harvested = new Set<ChannelOwner>();
  const files = new RingWaiter(rings, true, () => {
    for (const owner of harvested) {
      harvested.delete(owner);
      owner.roomAgain();
    }
  });
  closeSecondsBy((fd) => files.ring.close(fd));
  const together = new ReadsTogether(() => rings.callForNothing());
  let readiness: RingReadiness | null = null;
  return {
    name: "io_uring",
    readsWhileAppending: true,

    open(fd: number, file: FileTraits, owner: ChannelOwner): Channel {
      if (isForLibrt(file)) return librtEngine.open(fd, file, owner);
      const newChannel = () =>
        new RingChannel(fd, file, owner, files, harvested, together);
      if (file.isSeekable) {
        return new ByKind(
          newChannel(),
          () => librtEngine.open(fd, file, owner),
        );
      }
      readiness ??= newReadiness();
      if (readiness === null) return librtEngine.open(fd, file, owner);
      const calls = new NonblockingCalls(fd, file.flags);
      return new StreamChannel(fd, calls, owner, readiness, newChannel);
    },

    list: librtEngine.list,
    flushSoon: librtEngine.flushSoon,

    flush(): void {
      librtEngine.flush();
      files.ring.flush();
    },

    counts(): EngineCounts {
      const { lanes, suspends, polls } = librtEngine.counts();
      return {
        lanes,
        suspends: suspends + waits.waits,
        polls: polls + waits.polls,
      };
    },
  };
}

/** Returns `null` where the kernel has no memory for another ring. */
function newReadiness(): RingReadiness | null {
  const rings = Rings.open();
  if (typeof rings === "number") return null;
  return new RingReadiness(new RingWaiter(rings, false, () => {}));
}

/** The ring, and librt's lanes for what is noticed by those, faster, or right there. */
class ByKind implements Channel {
  readonly #ring: RingChannel;
  readonly #newLanes: () => Channel;
  #lanes: Channel | null = null;

  constructor(ring: RingChannel, newLanes: () => Channel) {
    this.#ring = ring;
    this.#newLanes = newLanes;
  }

  #channelOf(request: EngineRequest): Channel {
    // Of other requests no appends: lanes of reads have the same descriptor.
    const isForLanes = isGoneOnByLibrt(request, this.#ring) ||
      !this.#ring.file.isAppending &&
        (byLibrt(request) || isFasterByLibrt(request, this.#ring));
    return isForLanes ? this.#lanes ??= this.#newLanes() : this.#ring;
  }

  /** What has an order is in one of them at a time. */
  hasRoom(next: EngineRequest, demand: Demand): boolean {
    const channel = this.#channelOf(next);
    const other = channel === this.#ring ? this.#lanes : this.#ring;
    const hasOrder = demand.isSorting || this.#ring.file.isAppending;
    if (hasOrder && other?.requests().some(({ isSync }) => !isSync)) {
      return false;
    }
    return channel.hasRoom(next, demand);
  }

  isAheadOfCache(reads: number, read: AskedRead): boolean {
    return !byLibrt(read) && this.#ring.isAheadOfCache(reads, read);
  }

  submit(request: EngineRequest): boolean {
    return this.#channelOf(request).submit(request);
  }

  cancel(request: EngineRequest): boolean {
    const channel = this.#ring.has(request) ? this.#ring : this.#lanes!;
    return channel.cancel(request);
  }

  requests(): EngineRequest[] {
    return [...this.#lanes?.requests() ?? [], ...this.#ring.requests()];
  }

  rest(): void {
    this.#lanes?.rest?.();
  }

  close(): void | Promise<void> {
    this.#ring.close();
    return this.#lanes?.close();
  }
}
