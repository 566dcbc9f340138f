/**
 * What `lio_listio(3)` takes: the addresses of control blocks, and behind them how
 * the end of the whole list is announced.
 *
 * @module
 */
import {
  ADDRESS_BYTES,
  type ControlBlock,
  packBlockList,
} from "./control_block.ts";
import { packSigevent, type SigeventValues } from "./layout.ts";
import { runtime } from "./current.ts";
import type { NativeMemory } from "./memory.ts";
import type { Platform } from "./platform.ts";
import type { Pointer } from "./runtime.ts";

/** How many bytes a list takes, with the notification behind it. */
export function lioListBytes(requests: number, { aiocb }: Platform): number {
  return requests * ADDRESS_BYTES + aiocb.sigeventLayout.size;
}

/**
 * Packs a list.
 *
 * @param memory At least {@linkcode lioListBytes}.
 * @param blocks The control blocks.
 * @param sigevent How the end of the whole list is announced.
 * @param platform Whose list it is.
 * @returns Where the notification lies; `null` if there is none.
 */
export function packLioList(
  { address, view }: NativeMemory,
  blocks: readonly ControlBlock[],
  sigevent: SigeventValues | null,
  { aiocb }: Platform,
): Pointer | null {
  packBlockList(view, blocks);
  if (sigevent === null) return null;
  const sigeventAt = blocks.length * ADDRESS_BYTES;
  packSigevent(view, sigeventAt, aiocb.sigeventLayout, sigevent);
  return runtime.pointerTo(address + sigeventAt);
}
