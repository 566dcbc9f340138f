import {
  packSigevent,
  type SigeventValues,
  writeAddress,
} from "../../../ffi/layout.ts";
import {
  freeNative,
  KeptMemory,
  tryAllocateNative,
} from "../../../ffi/memory.ts";
import type { ControlBlock } from "../../../ffi/control_block.ts";
import { runtime } from "../../../ffi/current.ts";
import { EAGAIN, LIO_NOWAIT, platform } from "../../system/constants.ts";
import { AioError } from "../../system/error.ts";
import { librt } from "../../system/librt.ts";

const ADDRESS_BYTES = 8;
const { ENOMEM } = platform.errno;

/** How many requests a list has at most without memory of its own. */
export const LISTIO_MAX = 512;

/** Reused, because the system copies lists before it returns. */
const shared = new KeptMemory(bytesFor(LISTIO_MAX));

/** How many bytes a list takes, with the notification behind it. */
function bytesFor(requests: number): number {
  return requests * ADDRESS_BYTES + platform.aiocb.sigeventLayout.size;
}

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
  const { sigeventLayout } = platform.aiocb;
  const sigeventAt = blocks.length * ADDRESS_BYTES;
  const { lio_listio } = librt("lio_listio");
  const isShared = blocks.length <= LISTIO_MAX;
  const memory = isShared
    ? shared.get()
    : tryAllocateNative(bytesFor(blocks.length));
  if (memory === null) {
    throw new AioError(`There is no memory for ${blocks.length} requests`, {
      errno: ENOMEM,
      syscall: "lio_listio",
    });
  }
  const { view } = memory;
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index];
    writeAddress(view, index * ADDRESS_BYTES, block.address);
    // glibc leaves the status as it is if it has no memory for a request: that
    // of an earlier request, which may have succeeded.
    block.writeStatus(EAGAIN);
  }
  if (sigevent !== null) {
    packSigevent(view, sigeventAt, sigeventLayout, sigevent);
  }
  const outcome = lio_listio(
    LIO_NOWAIT,
    memory.pointer,
    blocks.length,
    sigevent === null ? null : runtime.pointerTo(memory.address + sigeventAt),
  );
  const errno = outcome === 0 ? 0 : runtime.errno() || EAGAIN;
  if (!isShared) freeNative(memory);
  return errno;
}
