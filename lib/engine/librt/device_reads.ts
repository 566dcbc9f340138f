/**
 * How much this process has read from devices.
 *
 * @module
 */
import { blocksRead } from "../../../ffi/rusage.ts";

/** What `ru_inblock` counts in, whatever the device's blocks are. */
const BLOCK_BYTES = 512;

/**
 * How many bytes the system has read from devices for this process so far, or
 * `null` where it does not tell. Bytes that the page cache had do not count.
 */
export function deviceBytesRead(): number | null {
  const blocks = blocksRead();
  return blocks === null ? null : blocks * BLOCK_BYTES;
}
