/**
 * Reads that the page cache answers at once, on the caller's own core: asked for
 * before any engine. `preadv2()` with `RWF_NOWAIT` reads what is cached, and says
 * so where it would have to wait.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import { clock_ms, coalesced, setImmediate } from "../../ffi/event_loop.ts";
import { KeptMemory, type NativeMemory } from "../../ffi/memory.ts";
import { iovecOf } from "../../ffi/iovec.ts";
import type { NativeFunctions } from "../../ffi/runtime.ts";
import {
  bufferOf,
  byteLengthOf,
  byteOffsetOf,
  copyBytes,
} from "../checks/bytes.ts";
import { EAGAIN, ENOSYS, platform } from "../system/constants.ts";
import { counters } from "../system/counters.ts";
import { librt } from "../system/librt.ts";
import { pinnedAddressOf } from "../system/pinned.ts";
import { settings } from "../system/settings.ts";
import type { FileTraits } from "./engine.ts";

/** Longer reads are copied for long: that is another core's work. */
const READ_BYTES_MAX = 128 * 1024;
/**
 * Up to here the bytes of memory that may move go through memory whose address is
 * known: to copy them takes less time than to ask for an address.
 */
const BOUNCE_BYTES_MAX = 16 * 1024;
/** How many reads are answered in one turn of the event loop, and for how long. */
const TURN_READS_MAX = 64;
const TURN_MS_MAX = 0.25;
/** How often the time is asked for. */
const READS_PER_CLOCK = 8;
/** A file whose reads miss is asked again after so many of them, at most. */
const SKIPPED_MAX = 64;

const bounce = new KeptMemory(BOUNCE_BYTES_MAX);

/** What a read was answered with where the page cache does not have it. */
export const MISS = -1;

/**
 * The share of a turn of the event loop that reads may have: answers that need not
 * wait come in microtasks, and timers would have none of their own.
 */
class Turn {
  #reads = 0;
  #begin_ms = 0;
  readonly #waiting = new Set<() => void>();

  /** Whether one more read may be answered in this turn. */
  get hasRoom(): boolean {
    if (this.#reads === 0) this.#begin();
    if (this.#reads >= TURN_READS_MAX) return false;
    if (this.#reads % READS_PER_CLOCK !== 0) return true;
    return clock_ms() - this.#begin_ms < TURN_MS_MAX;
  }

  /** A read was answered. */
  count(): void {
    this.#reads++;
  }

  /** Calls `fn` in the next turn, once. */
  next(fn: () => void): void {
    this.#waiting.add(fn);
    this.#end();
  }

  #begin(): void {
    this.#begin_ms = clock_ms();
    this.#end();
  }

  readonly #end = coalesced(setImmediate, () => {
    this.#reads = 0;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const fn of waiting) fn();
  });
}

/** The last view of the bounce memory: most reads have the same length. */
let lastView = new Uint8Array(0);

function bytesOf({ bytes }: NativeMemory, byteLength: number): Uint8Array {
  const isSame = lastView.byteLength === byteLength &&
    lastView.buffer === bytes.buffer &&
    lastView.byteOffset === bytes.byteOffset;
  if (!isSame) lastView = bytes.subarray(0, byteLength);
  return lastView;
}

/** The turn of this isolate's event loop. */
export const turn: Turn = new Turn();

/** The reads of one file that the page cache answers. */
export class PageCache {
  readonly #fd: number;
  readonly #preadv2: NonNullable<NativeFunctions["preadv2"]>;
  readonly #flags: number = platform.constants.RWF_NOWAIT;
  #isThere = true;
  /** How many reads are not to be asked for, because others missed. */
  #skip = 0;
  #skipNext = 0;

  /** @returns `null` where a file cannot be read like this. */
  static of(fd: number, file: FileTraits): PageCache | null {
    const { preadv2 } = librt();
    const isThere = preadv2 !== null && platform.constants.RWF_NOWAIT !== 0 &&
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

  /** Whether a read of so many bytes is to be asked for. */
  isAsked(byteLength: number): boolean {
    return this.#isThere && byteLength <= READ_BYTES_MAX && settings.pageCache;
  }

  /**
   * Reads what is cached.
   *
   * @param view Where to put the bytes.
   * @param offset Where in the file.
   * @returns How many bytes were read: 0 at the end of the file, fewer than wanted
   * where the rest is not cached; {@linkcode MISS} if nothing is.
   */
  read(view: Uint8Array, offset: number | bigint): number {
    if (this.#skip > 0) {
      this.#skip--;
      return MISS;
    }
    const byteLength = byteLengthOf(view);
    const pinned = pinnedAddressOf(view);
    const isBounced = pinned === 0 && byteLength <= BOUNCE_BYTES_MAX;
    const memory = isBounced ? bounce.get() : null;
    if (isBounced && memory === null) return MISS;
    const address = memory !== null
      ? memory.address
      : pinned !== 0
      ? pinned
      : runtime.addressOfBuffer(bufferOf(view)) + byteOffsetOf(view);
    const bytes = this.#call(address, byteLength, offset);
    turn.count();
    if (bytes < 0) return this.#missed(-bytes);
    this.#skipNext = 0;
    if (memory !== null) copyBytes(view, bytesOf(memory, bytes), 0);
    counters.cacheHits++;
    return bytes;
  }

  #call(address: number, byteLength: number, offset: number | bigint): number {
    const iovec = iovecOf(address, byteLength);
    if (iovec === null) return -EAGAIN;
    const at = typeof offset === "bigint" ? offset : BigInt(offset);
    const bytes = this.#preadv2(this.#fd, iovec, 1, at, this.#flags);
    return bytes === -1 ? -runtime.errno() : bytes;
  }

  #missed(errno: number): number {
    counters.cacheMisses++;
    if (errno === platform.errno.EOPNOTSUPP || errno === ENOSYS) {
      this.#isThere = false;
    } else if (errno === EAGAIN) {
      this.#skip = this.#skipNext;
      this.#skipNext = Math.min(SKIPPED_MAX, this.#skipNext * 2 + 1);
    }
    return MISS;
  }
}
