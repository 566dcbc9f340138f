import { KeptMemory } from "../../../ffi/memory.ts";
import { platform } from "../../system/constants.ts";
import { librt } from "../../system/librt.ts";

const RUSAGE_SELF = 0;
/** What `ru_inblock` counts in, whatever the device's blocks are. */
const BLOCK_BYTES = 512;
const TWO_TO_32 = 2 ** 32;

const usage = new KeptMemory(platform.rusage?.size ?? 0);

/**
 * How many bytes the system has read from devices for this process so far, or
 * `null` where it does not tell. Bytes that the page cache had do not count.
 */
export function deviceBytesRead(): number | null {
  const { rusage } = platform;
  if (rusage === null) return null;
  const memory = usage.get();
  if (
    memory === null || librt().getrusage(RUSAGE_SELF, memory.pointer) !== 0
  ) return null;
  const low = memory.view.getUint32(rusage.ru_inblock, true);
  const high = memory.view.getUint32(rusage.ru_inblock + 4, true);
  return (high * TWO_TO_32 + low) * BLOCK_BYTES;
}
