/**
 * With which errors the system refuses a write before anything of it is written.
 *
 * @module
 */
import { EBADF, platform } from "../system/constants.ts";

const { EDQUOT, EFBIG, EINVAL, ENOSPC } = platform.errno;

const OF_ARGUMENTS = [EBADF, EFBIG, EINVAL];
/** A synchronous file may find out that there is no room when all is written. */
const OF_ROOM = [EDQUOT, ENOSPC];

/**
 * Whether nothing is written, nor lost.
 *
 * @param errno What a write failed with that had transferred nothing.
 * @param isSynchronous Whether each write is a synchronization.
 */
export function isRefusal(errno: number, isSynchronous: boolean): boolean {
  return OF_ARGUMENTS.includes(errno) ||
    !isSynchronous && OF_ROOM.includes(errno);
}
