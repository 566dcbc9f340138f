import {
  packSigevent,
  type SigeventValues,
  writeAddress,
} from "../ffi/layout.ts";
import { allocateNative, freeNative } from "../ffi/memory.ts";
import { runtime } from "../ffi/runtime_deno.ts";
import { EAGAIN, LIO_NOWAIT, platform } from "./constants.ts";
import { fromNativeError, librt } from "./error.ts";

const ADDRESS_BYTES = 8;

/**
 * Calls `lio_listio(LIO_NOWAIT)`.
 *
 * @param addresses Of the control blocks.
 * @param sigevent How the end of the whole list is announced.
 * @returns 0, or an error number: then some were not queued, and the status of
 * those tells why.
 */
export function callListio(
  addresses: number[],
  sigevent: SigeventValues | null,
): number {
  const { sigeventLayout } = platform.aiocb;
  const sigeventAt = addresses.length * ADDRESS_BYTES;
  const { lio_listio } = librt("lio_listio");
  const memory = allocate(sigeventAt + sigeventLayout.size);
  const view = new DataView(memory.bytes.buffer);
  addresses.forEach((address, index) =>
    writeAddress(view, index * ADDRESS_BYTES, address)
  );
  if (sigevent !== null) {
    packSigevent(view, sigeventAt, sigeventLayout, sigevent);
  }
  const outcome = lio_listio(
    LIO_NOWAIT,
    memory.pointer,
    addresses.length,
    sigevent === null ? null : runtime.pointerTo(memory.address + sigeventAt),
  );
  const errno = outcome === 0 ? 0 : runtime.errno() || EAGAIN;
  // The system has copied the list and the notification.
  freeNative(memory);
  return errno;
}

function allocate(byteLength: number) {
  try {
    return allocateNative(byteLength);
  } catch (error) {
    throw fromNativeError(error, "lio_listio");
  }
}
