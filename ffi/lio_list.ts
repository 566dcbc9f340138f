/**
 * What `lio_listio(3)` takes: the addresses of control blocks, and behind them how
 * the end of the whole list is announced.
 *
 * @module
 */
import { packSigevent, type SigeventValues, writeAddress } from "./layout.ts";
import type { ControlBlock } from "./control_block.ts";
import { runtime } from "./current.ts";
import type { NativeMemory } from "./memory.ts";
import type { Platform } from "./platform.ts";
import type { Pointer } from "./runtime.ts";

const ADDRESS_BYTES = 8;

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
  for (let index = 0; index < blocks.length; index++) {
    writeAddress(view, index * ADDRESS_BYTES, blocks[index].address);
  }
  if (sigevent === null) return null;
  const sigeventAt = blocks.length * ADDRESS_BYTES;
  packSigevent(view, sigeventAt, aiocb.sigeventLayout, sigevent);
  return runtime.pointerTo(address + sigeventAt);
}
