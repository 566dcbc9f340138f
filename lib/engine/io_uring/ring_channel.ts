/** The way of a file's requests into a ring. */
import {
  BOUNCE_BYTES_MAX,
  type BounceBuffer,
} from "../../../ffi/bounce_buffer.ts";
import { FSYNC_DATASYNC, IOSQE_ASYNC, OPCODE } from "../../../ffi/io_uring.ts";
import { IOV_MAX, type Vector } from "../../../ffi/iovec.ts";
import { assert } from "../../checks/assert.ts";
import { isList } from "../../checks/buffers.ts";
import { offsetAfter } from "../../checks/offset.ts";
import { type Linked, LinkedList } from "../../collections/linked_list.ts";
import { EAGAIN, ECANCELED, EINTR, platform } from "../../system/constants.ts";
import { isOpenFor } from "../../system/open_flags.ts";
import { addressInPlace } from "../../system/pinned.ts";
import type {
  AskedRead,
  Channel,
  ChannelOwner,
  Demand,
  EngineRequest,
  FileTraits,
} from "../engine.ts";
import { HARVEST_BYTES_MAX, HARVEST_MAX } from "../polling.ts";
import { takeTransfer, Transfer } from "../transfer.ts";
import type { ReadsTogether } from "./reads_together.ts";
import type { RingEntry } from "./ring.ts";
import type { RingWaiter } from "./ring_waiter.ts";

/**
 * Longer reads are served by a thread of the kernel's: the page cache may have
 * them, and to copy them would hold up the event loop.
 */
const READ_HERE_BYTES_MAX = 256 * 1024;

/**
 * What direct transfers of every device are aligned to, each buffer of a list for
 * itself.
 */
const DIRECT_ALIGNMENT_BYTES = 4096;

/** To copy more takes so long that one call for each hardly counts. */
const READS_TOGETHER_BYTES_MAX = 16 * 1024;

/** See the module's documentation. */
export class RingChannel implements Channel {
  readonly fd: number;
  readonly file: FileTraits;
  readonly #owner: ChannelOwner;
  readonly #waiter: RingWaiter;
  readonly #harvested: Set<ChannelOwner>;
  readonly #together: ReadsTogether;
  readonly #transfers = new LinkedList<RingTransfer>();
  #syncs = 0;
  /** Up to where direct writes were submitted. */
  #writtenEnd: number | bigint = 0;
  #canTry: boolean | null = null;
  #waitingWrites: boolean | null = null;
  #failsShortWrites: boolean | null = null;
  /** Whether the kernel may have had no thread for a transfer. */
  #lacksThread = false;

  /**
   * @param fd The descriptor.
   * @param file What the file is like.
   * @param owner Hears of what is done.
   * @param waiter Of the ring.
   * @param harvested Those who are to be told that there is room again.
   * @param together From how many reads at once on the page cache is slower.
   */
  constructor(
    fd: number,
    file: FileTraits,
    owner: ChannelOwner,
    waiter: RingWaiter,
    harvested: Set<ChannelOwner>,
    together: ReadsTogether,
  ) {
    this.fd = fd;
    this.file = file;
    this.#owner = owner;
    this.#waiter = waiter;
    this.#harvested = harvested;
    this.#together = together;
  }

  /**
   * Whether the kernel can try a transfer before one of its threads has to serve it:
   * an empty one tells. Of a file for which it cannot, it asks `poll()` first, and
   * would wait for that here; the answer of FUSE's is up to a program.
   */
  get canTry(): boolean {
    if (this.#canTry !== null) return this.#canTry;
    const isReadable = isOpenFor(this.file.flags, false);
    const result = this.#try(isReadable ? OPCODE.READ : OPCODE.WRITE);
    if (result === null) return false;
    return this.#canTry = result !== -platform.errno.EOPNOTSUPP;
  }

  /**
   * Whether writes into the page cache are for a thread of the kernel's, which makes
   * them one after the other: some file systems, such as ext4, only write in calls
   * that may wait. Asked once, whatever the answer: no request may change its way.
   */
  get writesWait(): boolean {
    return this.#waitingWrites ??= this.canTry &&
      this.#try(OPCODE.WRITE) === -EAGAIN;
  }

  /**
   * Whether a write that comes short may fail: FUSE says `EIO` then to who does not
   * wait for it, and not how much is in the file. Asked once, as above.
   */
  get failsShortWrites(): boolean {
    return this.#failsShortWrites ??= !this.canTry;
  }

  /** What comes of an empty transfer that must not wait; `null` if there is no room. */
  #try(opcode: number): number | null {
    return this.#waiter.ring.ask({
      opcode,
      fd: this.fd,
      operationFlags: platform.constants.RWF_NOWAIT,
    });
  }

  /**
   * Whether a write may make the file longer: then it waits for locks of the file
   * system. Within what was written before it does not, or the kernel finds that out.
   *
   * @param end The offset behind it.
   */
  mayExtend(end: number | bigint): boolean {
    if (this.file.isAppending) return true;
    if (end <= this.#writtenEnd) return false;
    this.#writtenEnd = end;
    return true;
  }

  /** The kernel has no order among requests: those that need one go by themselves. */
  hasRoom(_next: EngineRequest, { isSorting }: Demand): boolean {
    if (!isSorting && !this.file.isAppending) return true;
    return this.#transfers.size === this.#syncs;
  }

  isAheadOfCache(reads: number, { length }: AskedRead): boolean {
    // To try takes a call: not before it matters.
    return length <= READS_TOGETHER_BYTES_MAX && this.#together.pay(reads) &&
      this.canTry;
  }

  readonly #newTransfer = (
    request: EngineRequest,
    memory: BounceBuffer | null,
    vectors: readonly Vector[] | null,
  ) => new RingTransfer(request, memory, vectors, this);

  submit(request: EngineRequest): boolean {
    const vectors = this.#vectorsOf(request);
    const transfer = takeTransfer(
      request,
      this.file,
      this.#owner,
      this.#newTransfer,
      vectors,
    );
    if (typeof transfer === "boolean") return transfer;
    if (request.isSync) this.#syncs++;
    this.#transfers.addLast(transfer);
    // A synchronization must not be made again for an error of the file system's.
    if (request.isSync || this.#lacksThread) this.#waiter.ring.askForThread();
    this.#waiter.ring.add(transfer);
    this.#waiter.ring.flushSoon();
    return true;
  }

  /** Where the next buffers of a list lie; `null` if they are not used in place. */
  #vectorsOf(request: EngineRequest): Vector[] | null {
    const { view, transferred, length, operation } = request;
    // Of a list that lies behind all that a file can have, no byte is asked for.
    if (view === null || !isList(view) || length === 0) return null;
    const vectors: Vector[] = [];
    let rest = length - transferred;
    const mayBeCopied = operation === "append" && rest <= BOUNCE_BYTES_MAX;
    for (const piece of view.pieces(transferred, rest, IOV_MAX)) {
      const { byteLength } = piece;
      const address = addressInPlace(piece.view);
      if (address === 0) return null;
      vectors.push({ address: address + piece.begin, byteLength });
      rest -= byteLength;
    }
    // In two calls an append would let those of others in between.
    if (mayBeCopied && rest > 0) return null;
    return this.file.isDirect && !vectors.every(isAligned) ? null : vectors;
  }

  /** Whether it has a request. */
  has({ entry }: EngineRequest): boolean {
    return entry instanceof RingTransfer;
  }

  cancel(request: EngineRequest): boolean {
    const transfer = request.entry;
    assert(transfer instanceof RingTransfer, "the ring has the request");
    // What is done already is ended by something else.
    transfer.isCancelAsked ||= transfer.key !== -1;
    if (!this.#waiter.ring.cancel(transfer)) return false;
    this.#remove(transfer);
    transfer.end();
    return true;
  }

  /** A transfer is done. */
  completed(transfer: RingTransfer, result: number): void {
    const { request } = transfer;
    const bytes = Math.max(result, 0);
    this.#remove(transfer);
    transfer.landed(bytes);
    // A signal came in between, or the kernel has not begun it: once more, later.
    const isRefused = result === -EINTR || this.#isUnbegun(transfer, result);
    const errno = isRefused ? EAGAIN : Math.max(-result, 0);
    if (isRefused && request.isSync) this.#owner.putBack(request);
    else this.#owner.completed(request, errno, bytes);
    this.#harvested.add(this.#owner);
  }

  /** Not if the file system itself says `ECANCELED`: that is its error. */
  #isUnbegun({ isCancelAsked }: RingTransfer, result: number): boolean {
    if (result !== -ECANCELED) return false;
    this.#lacksThread = !this.#waiter.ring.hasThread;
    return isCancelAsked || this.#lacksThread;
  }

  #remove(transfer: RingTransfer): void {
    const isThere = this.#transfers.remove(transfer);
    assert(isThere, "a channel has what it gives up");
    if (!transfer.request.isSync) return;
    assert(this.#syncs > 0, "a synchronization counts");
    this.#syncs--;
  }

  requests(): EngineRequest[] {
    return this.#transfers.toArray().map(({ request }) => request);
  }

  close(): void {
    assert(this.#transfers.size === 0, "what is closed has no requests");
  }
}

function isAligned({ address, byteLength }: Vector): boolean {
  return address % DIRECT_ALIGNMENT_BYTES === 0 &&
    byteLength % DIRECT_ALIGNMENT_BYTES === 0;
}

/** A request while a ring has it. */
class RingTransfer extends Transfer implements RingEntry, Linked<RingTransfer> {
  readonly opcode: number;
  readonly entryFlags: number;
  readonly operationFlags: number;
  readonly fd: number;
  key = -1;
  result: number | null = null;
  submission = 0;
  hasWaited = false;
  /** Whether the kernel was asked to cancel it. */
  isCancelAsked = false;
  list: object | null = null;
  previous: RingTransfer | null = null;
  next: RingTransfer | null = null;
  readonly #channel: RingChannel;

  constructor(
    request: EngineRequest,
    memory: BounceBuffer | null,
    vectors: readonly Vector[] | null,
    channel: RingChannel,
  ) {
    super(request, memory, vectors);
    this.#channel = channel;
    this.fd = channel.fd;
    this.opcode = opcodeOf(request, vectors !== null);
    this.operationFlags = request.operation === "syncData" ? FSYNC_DATASYNC : 0;
    this.entryFlags = this.#isForThread(channel) ? IOSQE_ASYNC : 0;
  }

  /** Direct writes that extend a file wait for locks, large reads copy for long. */
  #isForThread(channel: RingChannel): boolean {
    const { isWrite, isSync } = this.request;
    if (isSync) return false;
    if (!channel.canTry) return true;
    return channel.file.isDirect
      ? isWrite && channel.mayExtend(offsetAfter(this.offset, this.byteLength))
      : !isWrite && this.byteLength > READ_HERE_BYTES_MAX;
  }

  get length(): number {
    return this.vectors === null ? this.byteLength : this.vectors.length;
  }

  shareOf(waitedMax: number): number {
    const copied = this.isInPlace ? 0 : this.byteLength / HARVEST_BYTES_MAX;
    return copied + 1 / (this.hasWaited ? waitedMax : HARVEST_MAX);
  }

  completed(result: number): void {
    this.#channel.completed(this, result);
  }
}

function opcodeOf(
  { isSync, isWrite }: EngineRequest,
  isVectored: boolean,
): number {
  if (isSync) return OPCODE.FSYNC;
  if (isVectored) return isWrite ? OPCODE.WRITEV : OPCODE.READV;
  return isWrite ? OPCODE.WRITE : OPCODE.READ;
}
