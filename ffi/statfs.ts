/** What Linux tells of a file system by `fstatfs(2)`. */
import { librt } from "./librt.ts";
import { KeptMemory } from "./memory.ts";

/** `struct statfs` of 64-bit Linux; its first field is a `long`. */
export const STATFS = { size: 120, f_type: 0 };

/** `f_type` of a file system that has its files in memory. */
export const TMPFS_MAGIC = 0x0102_1994;

const kept = new KeptMemory(STATFS.size);

/** The type of the file system that a descriptor is on, or 0. */
export function fileSystemOf(fd: number): number {
  const { fstatfs, platform } = librt();
  if (fstatfs === null || platform.os !== "linux") return 0;
  const memory = kept.get();
  if (memory === null || fstatfs(fd, memory.pointer) !== 0) return 0;
  return memory.view.getUint32(STATFS.f_type, true);
}
