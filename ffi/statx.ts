/**
 * What `statx(2)` of Linux has about a file.
 *
 * @module
 */
import { runtime } from "./current.ts";
import { librt } from "./librt.ts";
import { freeNative, type NativeMemory, tryAllocateNative } from "./memory.ts";
import type { Pointer } from "./runtime.ts";

/** What direct transfers of a file have to be a multiple of, in bytes. */
export interface DirectAlignment {
  /** Of offsets and lengths. */
  readonly offset: number;
  readonly address: number;
}

/**
 * Offsets of `struct statx`, in bytes. It is the kernel's own: the same on every
 * Linux.
 */
export const STATX = {
  size: 256,
  stx_mask: 0,
  stx_mode: 28,
  stx_size: 40,
  stx_blocks: 48,
  stx_atime: 64,
  stx_btime: 80,
  stx_ctime: 96,
  stx_mtime: 112,
  stx_dio_mem_align: 152,
  stx_dio_offset_align: 156,
};
const STATX_DIOALIGN = 0x2000;
const STATX_TYPE = 0x1;
const STATX_SIZE = 0x200;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const AT_EMPTY_PATH = 0x1000;
/** A file system of a network is not asked once more. */
const AT_STATX_DONT_SYNC = 0x4000;
/** Of `struct statx_timestamp`, behind 64 bits of seconds. */
const TV_NSEC = 8;
const NS_PER_S = 1_000_000_000n;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/**
 * The alignment that direct transfers of a file need.
 *
 * @returns `null` where nobody tells: Linux does since 6.1, for some file systems.
 */
export function directAlignmentOf(fd: number): DirectAlignment | null {
  const asked = ask(fd, AT_EMPTY_PATH, STATX_DIOALIGN);
  if (asked === null) return null;
  const { view, mask } = asked;
  const told = {
    offset: view.getUint32(STATX.stx_dio_offset_align, true),
    address: view.getUint32(STATX.stx_dio_mem_align, true),
  };
  const isTold = (mask & STATX_DIOALIGN) !== 0;
  return isTold && told.offset > 0 && told.address > 0 ? told : null;
}

/** Numbers of a file, and times in nanoseconds after 1970, exactly. */
export interface ExactStatus {
  readonly size: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** `null` where the file system keeps none. */
  readonly birthtimeNs: bigint | null;
}

/**
 * What changes of a file.
 *
 * @returns `null` where nobody tells.
 */
export function exactStatusOf(fd: number): ExactStatus | null {
  const wanted = STATX_BASIC_STATS | STATX_BTIME;
  const asked = ask(fd, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted);
  if (asked === null) return null;
  const { view, mask } = asked;
  const time = (at: number) =>
    view.getBigInt64(at, true) * NS_PER_S +
    BigInt(view.getUint32(at + TV_NSEC, true));
  if ((mask & STATX_BASIC_STATS) !== STATX_BASIC_STATS) return null;
  return {
    size: view.getBigUint64(STATX.stx_size, true),
    blocks: view.getBigUint64(STATX.stx_blocks, true),
    atimeNs: time(STATX.stx_atime),
    mtimeNs: time(STATX.stx_mtime),
    ctimeNs: time(STATX.stx_ctime),
    birthtimeNs: (mask & STATX_BTIME) !== 0 ? time(STATX.stx_btime) : null,
  };
}

/**
 * The size of a regular file, by a call on a thread beside the event loop.
 *
 * @returns `null` where nobody tells.
 */
export async function sizeOfRegular(fd: number): Promise<number | null> {
  const { statx_nonblocking: statx } = librt();
  const wanted = STATX_TYPE | STATX_SIZE;
  const memory = statx === null ? null : newStatus();
  if (statx === null || memory === null) return null;
  const { pointer } = memory;
  await statx(fd, emptyPathBehind(memory), AT_EMPTY_PATH, wanted, pointer);
  return sizeIn(copyOf(memory), [S_IFREG]);
}

/**
 * The size of a regular file or a directory.
 *
 * @returns `null` where it is none, or nobody tells.
 */
export function sizeNowOf(fd: number): number | null {
  const asked = ask(fd, AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE);
  return asked === null ? null : sizeIn(asked, [S_IFREG, S_IFDIR]);
}

/** Returns `null` where the system tells none, or of another type. */
function sizeIn({ view, mask }: Status, types: number[]): number | null {
  const wanted = STATX_TYPE | STATX_SIZE;
  const type = view.getUint16(STATX.stx_mode, true) & S_IFMT;
  if ((mask & wanted) !== wanted || !types.includes(type)) return null;
  return Number(view.getBigUint64(STATX.stx_size, true));
}

function ask(fd: number, flags: number, wanted: number): Status | null {
  const { statx } = librt();
  const memory = statx === null ? null : newStatus();
  if (statx === null || memory === null) return null;
  statx(fd, emptyPathBehind(memory), flags, wanted, memory.pointer);
  return copyOf(memory);
}

/** A copy of the structure, and which of its fields are there. */
interface Status {
  readonly view: DataView;
  readonly mask: number;
}

/** Memory for the structure, with the empty path behind it. */
function newStatus(): NativeMemory | null {
  const memory = tryAllocateNative(STATX.size + 1);
  memory?.bytes.fill(0);
  return memory;
}

function emptyPathBehind({ address }: NativeMemory): Pointer {
  return runtime.pointerTo(address + STATX.size);
}

function copyOf(memory: NativeMemory): Status {
  const view = new DataView(memory.bytes.slice().buffer);
  freeNative(memory);
  return { view, mask: view.getUint32(STATX.stx_mask, true) };
}
