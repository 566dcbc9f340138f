/**
 * With which errors the system refuses a write before anything of it is written.
 *
 * @module
 */
import { EBADF, platform } from "../system/constants.ts";

/**
 * Not the others: NFS takes the bytes of a write, and then reports with it that there
 * was no room for an earlier one. A synchronous file finds that out as late. EFBIG is
 * one of those, although most often it is a limit that is looked at before: NFS has
 * forgotten the earlier error then, and no synchronization would tell of it.
 */
const REFUSALS = [EBADF, platform.errno.EINVAL];

/**
 * Whether nothing is written, nor lost.
 *
 * @param errno What a write failed with that had transferred nothing.
 */
export function isRefusal(errno: number): boolean {
  return REFUSALS.includes(errno);
}
