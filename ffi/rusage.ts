/**
 * What this process has used, as `getrusage(2)` tells.
 *
 * @module
 */
import { assert } from "../lib/checks/assert.ts";
import { readSize } from "./layout.ts";
import { librt } from "./librt.ts";
import { KeptMemory } from "./memory.ts";

const RUSAGE_SELF = 0;

const USAGE_BYTES_MAX = 256;

const usage = new KeptMemory(USAGE_BYTES_MAX);

/**
 * `ru_inblock`: how many blocks of 512 bytes the system has read from devices for
 * this process, or `null` where it does not tell.
 */
export function blocksRead(): number | null {
  const { getrusage, platform: { rusage } } = librt();
  const memory = rusage === null ? null : usage.get();
  if (rusage === null || memory === null) return null;
  assert(rusage.size <= USAGE_BYTES_MAX, "struct rusage has room");
  if (getrusage(RUSAGE_SELF, memory.pointer) !== 0) return null;
  return readSize(memory.view, rusage.ru_inblock);
}
