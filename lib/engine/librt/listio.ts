/**
 * Hands lists of requests to the system, `lio_listio(3)`.
 *
 * @module
 */
import type { ControlBlock } from "../../../ffi/control_block.ts";
import { runtime } from "../../../ffi/current.ts";
import type { SigeventValues } from "../../../ffi/layout.ts";
import { lioListBytes, packLioList } from "../../../ffi/lio_list.ts";
import {
  freeNative,
  KeptMemory,
  tryAllocateNative,
} from "../../../ffi/memory.ts";
import { EAGAIN, LIO_NOWAIT, platform } from "../../system/constants.ts";
import { AioError } from "../../system/error.ts";
import { librt } from "../../system/librt.ts";

const { ENOMEM } = platform.errno;

/** How many requests a list has at most without memory of its own. */
export const LISTIO_MAX = 512;

/** Reused, because the system copies lists before it returns. */
const shared = new KeptMemory(lioListBytes(LISTIO_MAX, platform));

/**
 * Calls `lio_listio(LIO_NOWAIT)`.
 *
 * @param blocks The control blocks.
 * @param sigevent How the end of the whole list is announced.
 * @returns 0, or an error number: then some were not queued, and the status of
 * those tells why.
 * @throws {AioError} `ENOMEM` if there is no memory for the list; then nothing
 * was called.
 */
export function callListio(
  blocks: readonly ControlBlock[],
  sigevent: SigeventValues | null,
): number {
  const { lio_listio } = librt("lio_listio");
  const isShared = blocks.length <= LISTIO_MAX;
  const memory = isShared
    ? shared.get()
    : tryAllocateNative(lioListBytes(blocks.length, platform));
  if (memory === null) {
    throw new AioError(`There is no memory for ${blocks.length} requests`, {
      errno: ENOMEM,
      syscall: "lio_listio",
    });
  }
  // glibc leaves the status as it is if it has no memory for a request: that of
  // an earlier request, which may have succeeded.
  for (const block of blocks) block.writeStatus(EAGAIN);
  const outcome = lio_listio(
    LIO_NOWAIT,
    memory.pointer,
    blocks.length,
    packLioList(memory, blocks, sigevent, platform),
  );
  const errno = outcome === 0 ? 0 : runtime.errno() || EAGAIN;
  if (!isShared) freeNative(memory);
  return errno;
}
