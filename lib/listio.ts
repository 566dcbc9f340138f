import {
  packSigevent,
  type SigeventValues,
  writeAddress,
} from "../ffi/layout.ts";
import {
  allocateNative,
  freeNative,
  type NativeMemory,
} from "../ffi/memory.ts";
import { runtime } from "../ffi/current.ts";
import { EAGAIN, LIO_NOWAIT, platform } from "./constants.ts";
import { fromNativeError, librt } from "./error.ts";

const ADDRESS_BYTES = 8;

/** How many requests a list has at most without memory of its own. */
export const LISTIO_MAX = 512;

/** Reused, because the system copies lists before it returns. */
let shared: NativeMemory | null = null;

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
  const memory = memoryFor(addresses.length);
  const { view } = memory;
  for (let index = 0; index < addresses.length; index++) {
    writeAddress(view, index * ADDRESS_BYTES, addresses[index]);
  }
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
  if (memory !== shared) freeNative(memory);
  return errno;
}

function memoryFor(requests: number): NativeMemory {
  const { sigeventLayout } = platform.aiocb;
  const bytes = (count: number) => count * ADDRESS_BYTES + sigeventLayout.size;
  try {
    if (requests > LISTIO_MAX) return allocateNative(bytes(requests));
    return shared ??= allocateNative(bytes(LISTIO_MAX));
  } catch (error) {
    throw fromNativeError(error, "lio_listio");
  }
}
