/**
 * The rings of `io_uring(7)` in memory that the kernel shares: entries go into one
 * of them, completions come out of the other.
 *
 * @module
 */
import { assert } from "../lib/checks/assert.ts";
import { runtime } from "./current.ts";
import { writeAddress, writeOffset, writeTimespec } from "./layout.ts";
import { librt } from "./librt.ts";
import { freeNative, type NativeMemory, tryAllocateNative } from "./memory.ts";
import type { NativeFunctions, Pointer } from "./runtime.ts";

// The same numbers on every architecture.
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;

/** What an entry asks for: `IORING_OP_*`. */
export const OPCODE = {
  NOP: 0,
  READV: 1,
  WRITEV: 2,
  FSYNC: 3,
  POLL_ADD: 6,
  ASYNC_CANCEL: 14,
  CLOSE: 19,
  READ: 22,
  WRITE: 23,
};
/** The next entry begins when it is done: `IOSQE_IO_LINK`. */
export const IOSQE_IO_LINK = 1 << 2;
/** Has a thread of the kernel's serve it: `IOSQE_ASYNC`. */
export const IOSQE_ASYNC = 1 << 4;
/** `IORING_FSYNC_DATASYNC` */
export const FSYNC_DATASYNC = 1;

const SETUP_CQSIZE = 1 << 3;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_COOP_TASKRUN = 1 << 8;
const SETUP_SINGLE_ISSUER = 1 << 12;

const ENTER_GETEVENTS = 1 << 0;
const ENTER_EXT_ARG = 1 << 3;

const FEAT_SINGLE_MMAP = 1 << 0;
const FEAT_NODROP = 1 << 1;
const FEAT_EXT_ARG = 1 << 8;
/** Both rings in one mapping, no completion is dropped, and waiting has an end. */
const FEATURES = FEAT_SINGLE_MMAP | FEAT_NODROP | FEAT_EXT_ARG;

/** The kernel keeps completions that the ring had no room for. */
const SQ_CQ_OVERFLOW = 1 << 1;

const OFF_RINGS = 0;
const OFF_ENTRIES = 0x1000_0000;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;

/**
 * Rings count against `RLIMIT_MEMLOCK` on some kernels: 8 MiB of it hold 289 of
 * this size.
 */
const ENTRIES = 256;
const ENTRIES_MIN = 16;
const COMPLETIONS_PER_ENTRY = 4;

/** `struct io_uring_params`; the same on every architecture, as all below. */
export const PARAMS = {
  size: 120,
  sq_entries: 0,
  cq_entries: 4,
  flags: 8,
  features: 20,
  sq_off: { head: 40, tail: 44, ring_mask: 48, flags: 56, array: 64 },
  cq_off: { head: 80, tail: 84, ring_mask: 88, cqes: 100 },
};
/** `struct io_uring_sqe`; several of its fields have more names. */
export const SQE = {
  size: 64,
  opcode: 0,
  flags: 1,
  fd: 4,
  off: 8,
  addr: 16,
  len: 24,
  rw_flags: 28,
  user_data: 32,
};
/** `struct io_uring_cqe`. */
export const CQE = { size: 16, user_data: 0, res: 8 };
/** `struct io_uring_getevents_arg`; the time-out stands behind it. */
export const WAIT = { ts: 16, size: 24 };

/** What goes into the ring of submissions. */
export interface Entry {
  /** One of {@linkcode OPCODE}. */
  readonly opcode: number;
  readonly entryFlags: number;
  readonly fd: number;
  readonly address: number;
  /** In bytes, or in entries of `struct iovec` where these lie at the address. */
  readonly length: number;
  readonly offset: number | bigint;
  /** Those of the operation itself. */
  readonly operationFlags: number;
}

/**
 * Hears of one completion: of the lower 32 bits of its key, and of a result, or a
 * negative error number.
 */
export type Completed = (key: number, result: number) => void;

/** See the module's documentation. */
export class Rings {
  readonly fd: number;
  readonly #enter: NativeFunctions["io_uring_enter"];
  readonly #words: Uint32Array;
  readonly #results: Int32Array;
  readonly #entries: DataView;
  readonly #wait: NativeMemory;
  readonly #arg: Pointer;
  /** Where the fields lie, in words of 32 bits. */
  readonly #at: ReturnType<typeof fieldsOf>;
  readonly #size: number;
  readonly #mask: number;
  readonly #completionMask: number;
  /** Both wrap around at 2 ** 32, as the kernel's own do. */
  #tail = 0;
  #completionHead = 0;

  /**
   * Makes rings of a size that the kernel grants.
   *
   * @returns The error number where it grants none.
   */
  static open(): Rings | number {
    const wait = tryAllocateNative(PARAMS.size);
    if (wait === null) return librt().platform.errno.ENOMEM;
    const mapped = setUp(wait);
    if (typeof mapped === "object") return new Rings(wait, mapped);
    freeNative(wait);
    return mapped;
  }

  private constructor(memory: NativeMemory, { fd, rings, entries }: Mapped) {
    const { view } = memory;
    this.fd = fd;
    this.#enter = librt().io_uring_enter;
    this.#words = new Uint32Array(rings);
    this.#results = new Int32Array(rings);
    this.#entries = new DataView(entries);
    this.#at = fieldsOf(view);
    this.#size = view.getUint32(PARAMS.sq_entries, true);
    this.#mask = this.#words[this.#at.mask];
    this.#completionMask = this.#words[this.#at.completionMask];
    // An entry goes where its number says.
    for (let entry = 0; entry < this.#size; entry++) {
      this.#words[this.#at.array + entry] = entry;
    }
    this.#wait = memory;
    memory.bytes.fill(0);
    writeAddress(view, WAIT.ts, memory.address + WAIT.size);
    this.#arg = memory.pointer;
  }

  /** How many entries the kernel has not taken. */
  get pending(): number {
    return (this.#tail - Atomics.load(this.#words, this.#at.head)) >>> 0;
  }

  /** Whether there is no room for one more entry. */
  get isFull(): boolean {
    return this.pending === this.#size;
  }

  /**
   * Puts an entry into the ring.
   *
   * @param entry What is asked for.
   * @param key By what others may name it, a safe integer; its lower 32 bits come
   * back with the completion.
   */
  add(entry: Entry, key: number): void {
    assert(!this.isFull, "an entry has a place in the ring");
    const at = (this.#tail & this.#mask) * SQE.size;
    const view = this.#entries;
    // Everything that another entry may have left there.
    view.setUint32(at + SQE.opcode, entry.opcode | entry.entryFlags << 8, true);
    view.setInt32(at + SQE.fd, entry.fd, true);
    writeOffset(view, at + SQE.off, entry.offset);
    writeAddress(view, at + SQE.addr, entry.address);
    view.setUint32(at + SQE.len, entry.length, true);
    view.setUint32(at + SQE.rw_flags, entry.operationFlags, true);
    writeAddress(view, at + SQE.user_data, key);
    this.#tail = (this.#tail + 1) >>> 0;
    Atomics.store(this.#words, this.#at.tail, this.#tail);
  }

  /**
   * Has the kernel take the entries that are in the ring.
   *
   * @returns 0, or the number of the error that kept it from that.
   */
  submit(): number {
    return this.#call(this.pending, 0);
  }

  /**
   * The same; then what is done by now has its completion in the ring.
   *
   * @returns 0, or the number of an error.
   */
  submitAndComplete(): number {
    return this.#call(this.pending, ENTER_GETEVENTS);
  }

  /** A call that has the kernel do nothing. */
  callForNothing(): void {
    this.#call(0, 0);
  }

  #call(count: number, flags: number): number {
    const result = this.#enter(
      SYS_IO_URING_ENTER,
      this.fd,
      count,
      0,
      flags,
      null,
      0,
    );
    return result === -1 ? runtime.errno() : 0;
  }

  /** Takes the completions out that are in the ring. Returns how many. */
  harvest(completed: Completed): number {
    const words = this.#words;
    const { completionTail, completionHead, completions, flags } = this.#at;
    if ((Atomics.load(words, flags) & SQ_CQ_OVERFLOW) !== 0) {
      this.submitAndComplete();
    }
    const tail = Atomics.load(words, completionTail);
    let count = 0;
    while (this.#completionHead !== tail) {
      const index = this.#completionHead & this.#completionMask;
      const at = completions + index * (CQE.size / 4);
      const key = words[at + CQE.user_data / 4];
      const result = this.#results[at + CQE.res / 4];
      this.#completionHead = (this.#completionHead + 1) >>> 0;
      count++;
      completed(key, result);
    }
    if (count > 0) Atomics.store(words, completionHead, tail);
    return count;
  }

  /**
   * Waits on a thread beside the event loop until the ring has a completion that
   * it does not have now, or has one already. One call is out at a time.
   *
   * @param timeout_ms How long at most.
   */
  async wait(timeout_ms: number): Promise<void> {
    writeTimespec(this.#wait.view, WAIT.size, timeout_ms);
    await librt().io_uring_wait(
      SYS_IO_URING_ENTER,
      this.fd,
      0,
      1,
      ENTER_GETEVENTS | ENTER_EXT_ARG,
      this.#arg,
      WAIT.size,
    );
  }
}

/** What the kernel made, and where this process sees it. */
interface Mapped {
  readonly fd: number;
  readonly rings: ArrayBuffer;
  readonly entries: ArrayBuffer;
}

/** Asks for what is best, and then for less. Returns an error number. */
function setUp(memory: NativeMemory): Mapped | number {
  const { EINVAL, ENOMEM } = librt().platform.errno;
  let flags = SETUP_COOP_TASKRUN | SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER;
  for (let entries = ENTRIES;;) {
    const made = tryToSetUp(memory, entries, flags | SETUP_CQSIZE);
    if (made === EINVAL && (flags & SETUP_SINGLE_ISSUER) !== 0) {
      flags &= ~SETUP_SINGLE_ISSUER;
    } else if (made === ENOMEM && entries > ENTRIES_MIN) entries /= 2;
    else return made;
  }
}

function tryToSetUp(
  memory: NativeMemory,
  entries: number,
  flags: number,
): Mapped | number {
  const { bytes, view, pointer } = memory;
  bytes.fill(0);
  view.setUint32(PARAMS.flags, flags, true);
  view.setUint32(PARAMS.cq_entries, entries * COMPLETIONS_PER_ENTRY, true);
  const { io_uring_setup, close, platform } = librt();
  const fd = io_uring_setup(SYS_IO_URING_SETUP, entries, pointer);
  if (fd === -1) return runtime.errno();
  const features = view.getUint32(PARAMS.features, true);
  const mapped = (features & FEATURES) === FEATURES
    ? map(fd, view)
    : platform.errno.ENOSYS;
  if (typeof mapped === "number") close(fd);
  return mapped;
}

function map(fd: number, params: DataView): Mapped | number {
  const entries = params.getUint32(PARAMS.sq_entries, true);
  const completions = params.getUint32(PARAMS.cq_entries, true);
  const { array } = PARAMS.sq_off;
  const { cqes } = PARAMS.cq_off;
  const ringBytes = Math.max(
    params.getUint32(array, true) + entries * 4,
    params.getUint32(cqes, true) + completions * CQE.size,
  );
  const rings = mapPart(fd, OFF_RINGS, ringBytes);
  if (typeof rings === "number") return rings;
  const entriesBytes = entries * SQE.size;
  const entriesMapped = mapPart(fd, OFF_ENTRIES, entriesBytes);
  if (typeof entriesMapped === "object") {
    return { fd, rings: rings.buffer, entries: entriesMapped.buffer };
  }
  librt().munmap(rings.address, ringBytes);
  return entriesMapped;
}

/** Returns a buffer on it, or an error number. */
function mapPart(
  fd: number,
  offset: number,
  byteLength: number,
): { buffer: ArrayBuffer; address: number } | number {
  const address = librt().mmap(
    null,
    byteLength,
    PROT_READ_WRITE,
    MAP_SHARED_POPULATE,
    fd,
    offset,
  );
  if (address === -1) return runtime.errno();
  const { buffer } = runtime.view(runtime.pointerTo(address), byteLength);
  return { buffer, address };
}

function fieldsOf(params: DataView) {
  const word = (at: number) => params.getUint32(at, true) / 4;
  const { sq_off, cq_off } = PARAMS;
  return {
    head: word(sq_off.head),
    tail: word(sq_off.tail),
    mask: word(sq_off.ring_mask),
    flags: word(sq_off.flags),
    array: word(sq_off.array),
    completionHead: word(cq_off.head),
    completionTail: word(cq_off.tail),
    completionMask: word(cq_off.ring_mask),
    completions: word(cq_off.cqes),
  };
}
