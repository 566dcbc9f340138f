/**
 * Reads that the page cache answers at once, on the caller's own core: it is asked
 * before any engine. `preadv2()` with `RWF_NOWAIT` reads what is cached, and says so
 * where it would have to wait.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import { HALF_PAGE_BYTES, isCopiedSlowly } from "../../ffi/bounce_buffer.ts";
import { IOV_MAX, iovecOf, iovecsOf } from "../../ffi/iovec.ts";
import { KeptMemory, type NativeMemory } from "../../ffi/memory.ts";
import type { NativeFunctions, Pointer } from "../../ffi/runtime.ts";
import {
  type BufferList,
  type Buffers,
  isList,
  scatter,
} from "../checks/buffers.ts";
import { bufferOf, byteOffsetOf } from "../checks/bytes.ts";
import { offsetAfter } from "../checks/offset.ts";
import { EAGAIN, ENOSYS, platform } from "../system/constants.ts";
import { counters } from "../system/counters.ts";
import { librt } from "../system/librt.ts";
import { arePinned, pinnedAddressOf } from "../system/pinned.ts";
import { isServedByFs, settings } from "../system/settings.ts";
import type { FileTraits } from "./engine.ts";
import { turn } from "./turn.ts";

/**
 * Longer reads are copied for long: into memory that the system uses in place, that
 * is another core's work.
 */
const PINNED_BYTES_MAX = 128 * 1024;
/** What another core reads for other memory, this one has to copy once more. */
const MOVABLE_BYTES_MAX = 1024 * 1024;
/**
 * Up to here bytes for memory that may move go through memory whose address is
 * known: to copy them takes less time than to ask for an address.
 */
const COPIED_BYTES_MAX = 16 * 1024;
/**
 * What is copied slowly straight to where it is wanted is read through other memory,
 * in pieces that stay in the cache of the core.
 */
const DETOUR_BYTES_MAX = 128 * 1024;
/**
 * After a miss so many reads go to the engine at once, at most. A miss costs ten
 * times what a hit saves: it takes two hits to make up for one, so that a file of
 * which half is cached is hardly asked.
 */
const SKIPPED_MAX = 255;
const SKIPPED_MORE = 4;
const SKIPPED_LESS = 2;

const { constants, errno: errnos } = platform;

const bounce = new KeptMemory(HALF_PAGE_BYTES + DETOUR_BYTES_MAX);
/** The last view of that: most reads have the same length. */
let bounced = new Uint8Array(0);

/** The reads of one file that the page cache answers. */
export class PageCache {
  /** How many bytes the last read had. */
  bytes = 0;
  /** Whether that was all: to the end of the buffer, or of the file. */
  isWhole = false;
  readonly #fd: number;
  readonly #preadv2: NonNullable<NativeFunctions["preadv2"]>;
  #flags: number = constants.RWF_NOWAIT;
  #isThere = true;
  /** How many reads are not asked for any more, because others missed. */
  #skip = 0;
  #skipNext = 0;

  /** @returns `null` where a file cannot be read like this. */
  static of(fd: number, file: FileTraits): PageCache | null {
    if (isServedByFs()) return null;
    const { preadv2 } = librt();
    const isThere = preadv2 !== null && constants.RWF_NOWAIT !== 0 &&
      file.isSeekable && !file.isDirect;
    return isThere ? new PageCache(fd, preadv2) : null;
  }

  private constructor(
    fd: number,
    preadv2: NonNullable<NativeFunctions["preadv2"]>,
  ) {
    this.#fd = fd;
    this.#preadv2 = preadv2;
  }

  /** Whether it is worth to ask for a read of so many bytes. */
  isAskedFor(view: Buffers, byteLength: number): boolean {
    if (!this.#isThere || !settings.pageCache) return false;
    if (byteLength > PINNED_BYTES_MAX && !isShortOf(view, byteLength)) {
      return false;
    }
    if (this.#skip === 0) return true;
    this.#skip--;
    return false;
  }

  /**
   * Reads what is cached, {@linkcode bytes} says how much.
   *
   * @param view Where to put it.
   * @param byteLength How many bytes: shared memory may have grown meanwhile.
   * @param offset Where in the file.
   * @returns Whether that is all.
   */
  read(
    view: Buffers,
    byteLength: number,
    offset: number | bigint,
  ): boolean {
    turn.count(byteLength);
    this.bytes = 0;
    this.isWhole = false;
    for (;;) {
      const result = this.#readRest(view, byteLength - this.bytes, offset);
      if (result < 0) return this.#missed(-result);
      this.bytes += result;
      // Short at a page that is not cached, and at the end of the file.
      if (result === 0 || this.bytes === byteLength) return this.#hit();
    }
  }

  #hit(): true {
    this.isWhole = true;
    this.#skipNext = Math.floor(this.#skipNext / SKIPPED_LESS);
    counters.cacheHits++;
    return true;
  }

  #missed(errno: number): false {
    counters.cacheMisses++;
    if (errno === errnos.EOPNOTSUPP && this.#flags !== 0) {
      // It has no other place for its bytes: to read them waits for nothing.
      if (isInMemory(this.#fd)) this.#flags = 0;
      else this.#isThere = false;
    } else if (errno === ENOSYS) this.#isThere = false;
    else if (errno === EAGAIN) {
      this.#skip = this.#skipNext;
      this.#skipNext = Math.min(
        SKIPPED_MAX,
        this.#skipNext * SKIPPED_MORE + SKIPPED_MORE - 1,
      );
    }
    return false;
  }

  /** Returns bytes, or a negative error number. */
  #readRest(
    view: Buffers,
    byteLength: number,
    offset: number | bigint,
  ): number {
    const begin = this.bytes;
    const at = begin === 0 ? offset : offsetAfter(offset, begin);
    if (isList(view)) return this.#readList(view, begin, byteLength, at);
    const pinned = pinnedAddressOf(view);
    if (pinned === 0 && byteLength <= COPIED_BYTES_MAX) {
      return this.#readBounced(view, begin, byteLength, at);
    }
    const address = (pinned === 0 ? addressNowOf(view) : pinned) + begin;
    if (pinned === 0 && isCopiedSlowly(address, at)) {
      const piece = Math.min(byteLength, DETOUR_BYTES_MAX);
      return this.#readBounced(view, begin, piece, at);
    }
    return this.#call(iovecOf(address, byteLength), 1, at);
  }

  #readList(
    list: BufferList,
    begin: number,
    byteLength: number,
    offset: number | bigint,
  ): number {
    if (byteLength <= COPIED_BYTES_MAX && !arePinned(list)) {
      return this.#readBounced(list, begin, byteLength, offset);
    }
    const pieces = list.pieces(begin, byteLength, IOV_MAX);
    const vectors = pieces.map((piece) => ({
      address: addressNowOf(piece.view) + piece.begin,
      byteLength: piece.byteLength,
    }));
    return this.#call(iovecsOf(vectors), vectors.length, offset);
  }

  #readBounced(
    view: Buffers,
    begin: number,
    byteLength: number,
    offset: number | bigint,
  ): number {
    const memory = bounce.get();
    if (memory === null) return -EAGAIN;
    const iovec = iovecOf(memory.address + HALF_PAGE_BYTES, byteLength);
    const bytes = this.#call(iovec, 1, offset);
    if (bytes > 0) scatter(view, begin, bouncedBytes(memory, bytes));
    return bytes;
  }

  #call(
    iovecs: Pointer | null,
    count: number,
    offset: number | bigint,
  ): number {
    if (iovecs === null) return -EAGAIN;
    const at = runtime.prefersBigOffsets ? BigInt(offset) : offset;
    const bytes = this.#preadv2(this.#fd, iovecs, count, at, this.#flags);
    return bytes === -1 ? -runtime.errno() : bytes;
  }
}

/** Whether a read is short for memory that may move; for other memory none is. */
function isShortOf(view: Buffers, byteLength: number): boolean {
  return byteLength <= MOVABLE_BYTES_MAX && !arePinned(view);
}

/** Where memory is, also where it may move: it stays there during a call. */
function addressNowOf(view: Uint8Array): number {
  const pinned = pinnedAddressOf(view);
  if (pinned !== 0) return pinned;
  return runtime.addressOfBuffer(bufferOf(view)) + byteOffsetOf(view);
}

/** Asked of the kernel: statfs() would wait for a file system that is far away. */
function isInMemory(fd: number): boolean {
  return librt().fcntl(fd, constants.F_GET_SEALS, 0) !== -1;
}

function bouncedBytes({ bytes }: NativeMemory, byteLength: number): Uint8Array {
  const isSame = bounced.byteLength === byteLength &&
    bounced.buffer === bytes.buffer &&
    bounced.byteOffset === bytes.byteOffset + HALF_PAGE_BYTES;
  if (!isSame) {
    bounced = bytes.subarray(HALF_PAGE_BYTES, HALF_PAGE_BYTES + byteLength);
  }
  return bounced;
}
