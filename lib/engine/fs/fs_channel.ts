/** The way of a file's requests to the threads of `node:fs`. */
import { fdatasync, fsync, read, write } from "node:fs";
import type { BounceBuffer } from "../../../ffi/bounce_buffer.ts";
import { runtime } from "../../../ffi/current.ts";
import { setImmediate } from "../../../ffi/event_loop.ts";
import { assert } from "../../checks/assert.ts";
import { byteOffsetOf } from "../../checks/bytes.ts";
import { type Linked, LinkedList } from "../../collections/linked_list.ts";
import {
  EAGAIN,
  EBADF,
  EFBIG,
  EINTR,
  EINVAL,
  platform,
} from "../../system/constants.ts";
import { errnoOf } from "../../system/error.ts";
import { isOpenFor } from "../../system/open_flags.ts";
import { pinnedBytesOf } from "../../system/pinned.ts";
import type {
  Channel,
  ChannelOwner,
  Demand,
  EngineRequest,
  FileTraits,
} from "../engine.ts";
import { takeTransfer, Transfer } from "../transfer.ts";
import type { Call, Slots } from "./slots.ts";

/** See the module's documentation. */
export class FsChannel implements Channel {
  readonly #fd: number;
  readonly #file: FileTraits;
  readonly #owner: ChannelOwner;
  readonly #slots: Slots;
  readonly #readSlots: Slots;
  readonly #transfers = new LinkedList<FsTransfer>();
  /** Whether offsets mean something. Some devices have them: the first try tells. */
  #hasOffsets: boolean;
  #reads = 0;
  #writes = 0;
  #syncs = 0;

  /**
   * @param fd The descriptor.
   * @param file What the file is like.
   * @param owner Hears of what is done.
   * @param slots Of those which it shares the threads with.
   * @param readSlots Those of reads, where these must not hold up the others.
   * @param mayHaveOffsets Whether to try if it is none that is known to have them.
   */
  constructor(
    fd: number,
    file: FileTraits,
    owner: ChannelOwner,
    slots: Slots,
    readSlots: Slots = slots,
    mayHaveOffsets = false,
  ) {
    this.#fd = fd;
    this.#file = file;
    this.#owner = owner;
    this.#slots = slots;
    this.#readSlots = readSlots;
    this.#hasOffsets = file.isSeekable || mayHaveOffsets;
  }

  /**
   * The threads have no order: what needs one goes by itself. So does each write
   * that is a synchronization as well: Linux tells of an error once, and one that
   * asks first would have that of another one.
   */
  hasRoom(next: EngineRequest, { isSorting }: Demand): boolean {
    const { isWrite } = next;
    const { isAppending, isSeekable, isSynchronous } = this.#file;
    const isAlone = isSorting || isAppending || !isSeekable ||
      runtime.movesPosition;
    if (isAlone && this.#reads + this.#writes > 0) return false;
    if (isWrite && isSynchronous && this.#writes + this.#syncs > 0) {
      return false;
    }
    return this.#slotsOf(next).hasRoomFor(this.#owner);
  }

  #slotsOf({ operation }: EngineRequest): Slots {
    return operation === "read" ? this.#readSlots : this.#slots;
  }

  readonly #newTransfer = (
    request: EngineRequest,
    bounce: BounceBuffer | null,
  ) => new FsTransfer(request, bounce, this.#begin);

  submit(request: EngineRequest): boolean {
    const { isSynchronous } = this.#file;
    if (request.isSync && isSynchronous && this.#writes > 0) return false;
    const transfer = takeTransfer(
      request,
      this.#file,
      this.#owner,
      this.#newTransfer,
    );
    if (typeof transfer === "boolean") return transfer;
    this.#transfers.addLast(transfer);
    this.#count(request, 1);
    this.#slotsOf(request).take(transfer);
    return true;
  }

  #count({ isSync, isWrite }: EngineRequest, by: number): void {
    if (isSync) this.#syncs += by;
    else if (isWrite) this.#writes += by;
    else this.#reads += by;
    const least = Math.min(this.#syncs, this.#writes, this.#reads);
    assert(least >= 0, "what is done was in flight");
  }

  readonly #begin = (transfer: FsTransfer): void => {
    const done = (error: unknown, bytes?: number) => {
      this.#completed(transfer, error, bytes ?? 0);
    };
    const { operation, isSync, isWrite } = transfer.request;
    // For nothing, node:fs does not ask the system.
    const isEmpty = !isSync && transfer.byteLength === 0;
    if (isEmpty && !isOpenFor(this.#file.flags, isWrite)) {
      return void setImmediate(done, NOT_OPEN_FOR_IT);
    }
    // It answers such a read before timers have their turn.
    if (isEmpty && !isWrite) return void setImmediate(done, null, 0);
    try {
      if (operation === "sync") fsync(this.#fd, done);
      else if (operation === "syncData") fdatasync(this.#fd, done);
      else if (isWrite) this.#write(transfer, done);
      else this.#read(transfer, done);
    } catch (error) {
      // What node:fs refuses is a failure as any other: not before this returns.
      setImmediate(done, error);
    }
  };

  #read(transfer: FsTransfer, done: Done): void {
    const { memory, start, byteLength, offset } = transfer;
    const at = this.#hasOffsets ? asNumber(offset) : null;
    // An old Deno reads somewhere else there, where no file has anything.
    if (typeof at === "bigint" && runtime.movesPosition) {
      return void setImmediate(done, null, 0);
    }
    read(this.#fd, memory, start, byteLength, at, done);
  }

  #write(transfer: FsTransfer, done: Done): void {
    const { memory, start, byteLength, offset } = transfer;
    const isAtOffset = this.#hasOffsets && !this.#file.isAppending;
    const at = isAtOffset ? asNumber(offset) : null;
    // It would take that for no position, and write somewhere else.
    if (typeof at === "bigint") return void setImmediate(done, TOO_FAR);
    write(this.#fd, memory, start, byteLength, at, done);
  }

  #completed(transfer: FsTransfer, error: unknown, bytes: number): void {
    const { request } = transfer;
    const errno = this.#errnoFor(request, error);
    if (errno === ESPIPE && this.#hasOffsets && !this.#file.isSeekable) {
      this.#hasOffsets = false;
      return this.#begin(transfer);
    }
    this.#remove(transfer);
    transfer.landed(bytes);
    this.#owner.completed(request, errno, bytes);
    this.#slotsOf(request).giveBack();
    this.#owner.roomAgain();
  }

  /** Why a call failed, or 0. Windows lacks a permission for what is not open for it. */
  #errnoFor(request: EngineRequest, error: unknown): number {
    const errno = errnoFor(request, error);
    const isRefused = !request.isSync && (errno === EPERM || errno === EACCES);
    const { flags } = this.#file;
    return isRefused && !isOpenFor(flags, request.isWrite) ? EBADF : errno;
  }

  #remove(transfer: FsTransfer): void {
    const isThere = this.#transfers.remove(transfer);
    assert(isThere, "a channel has what it gives up");
    this.#count(transfer.request, -1);
  }

  /** Once the runtime has it, nothing takes it back. */
  cancel(request: EngineRequest): boolean {
    const transfer = request.entry;
    assert(transfer instanceof FsTransfer, "the channel has the request");
    const slots = this.#slotsOf(request);
    if (!slots.takeBack(transfer)) return false;
    this.#remove(transfer);
    transfer.end();
    slots.giveBack();
    return true;
  }

  requests(): EngineRequest[] {
    return this.#transfers.toArray().map(({ request }) => request);
  }

  close(): void {
    assert(this.#transfers.size === 0, "what is closed has no requests");
  }
}

type Done = (error: unknown, bytes?: number) => void;

const { EACCES, EPERM, ESPIPE } = platform.errno;

/** A read of what is open for writing only, or a write the other way round. */
const NOT_OPEN_FOR_IT = { code: "EBADF", errno: EBADF };

/** A write at an offset that `node:fs` cannot express. */
const TOO_FAR = { code: "EFBIG", errno: EFBIG };

/** A request while a thread has it. */
class FsTransfer extends Transfer implements Call, Linked<FsTransfer> {
  /** What is transferred to or from, as a part of memory that nobody can detach. */
  readonly memory: Uint8Array;
  /** Where that part begins. */
  readonly start: number;
  list: object | null = null;
  previous: FsTransfer | null = null;
  next: FsTransfer | null = null;
  readonly #begin: (transfer: FsTransfer) => void;

  constructor(
    request: EngineRequest,
    bounce: BounceBuffer | null,
    begin: (transfer: FsTransfer) => void,
  ) {
    super(request, bounce);
    this.#begin = begin;
    const { view, transferred } = request;
    const isInView = bounce === null && this.byteLength > 0;
    // Several buffers are bounced: in place is a single one.
    const inPlace = isInView ? view as Uint8Array : null;
    this.memory = inPlace !== null
      ? pinnedBytesOf(inPlace)
      : bounce?.bytes ?? NOTHING;
    this.start = inPlace !== null ? byteOffsetOf(inPlace) + transferred : 0;
  }

  begin(): void {
    this.#begin(this);
  }
}

/** Node's, where `--permission` forbids a function. */
const FORBIDDEN = "ERR_ACCESS_DENIED";

const NOTHING = new Uint8Array(0);

/** As a number, which costs less, where that is exact. */
function asNumber(offset: number | bigint): number | bigint {
  return offset <= Number.MAX_SAFE_INTEGER ? Number(offset) : offset;
}

/** Why a call failed, or 0. */
function errnoFor({ isSync }: EngineRequest, error: unknown): number {
  if (!error) return 0;
  if ((error as { code?: string }).code === FORBIDDEN) {
    return EACCES;
  }
  // Without a number, it is an argument that node:fs refuses.
  const errno = errnoOf(error) ?? EINVAL;
  return errno === EINTR && !isSync ? EAGAIN : errno;
}
