/**
 * What `statx(2)` of Linux has about a file.
 *
 * @module
 */
import { runtime } from "./current.ts";
import { librt } from "./librt.ts";
import { freeNative, tryAllocateNative } from "./memory.ts";

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
  stx_dio_mem_align: 152,
  stx_dio_offset_align: 156,
};
const STATX_DIOALIGN = 0x2000;
const AT_EMPTY_PATH = 0x1000;

/**
 * The alignment that direct transfers of a file need.
 *
 * @returns `null` where nobody tells: Linux does since 6.1, for some file systems.
 */
export function directAlignmentOf(fd: number): DirectAlignment | null {
  const { statx } = librt();
  // The path is empty, and stands behind the structure.
  const memory = statx === null ? null : tryAllocateNative(STATX.size + 1);
  if (statx === null || memory === null) return null;
  const { address, pointer, view } = memory;
  memory.bytes.fill(0);
  const emptyPath = runtime.pointerTo(address + STATX.size);
  statx(fd, emptyPath, AT_EMPTY_PATH, STATX_DIOALIGN, pointer);
  const isTold = (view.getUint32(STATX.stx_mask, true) & STATX_DIOALIGN) !== 0;
  const told = {
    offset: view.getUint32(STATX.stx_dio_offset_align, true),
    address: view.getUint32(STATX.stx_dio_mem_align, true),
  };
  freeNative(memory);
  return isTold && told.offset > 0 && told.address > 0 ? told : null;
}
