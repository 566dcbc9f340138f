/**
 * The bounce buffers of requests of files: of native memory, or where nothing native
 * may be called, of the library's own memory, which `O_DIRECT` takes where it is pinned.
 *
 * @module
 */
import { BouncePool, nativeBounces } from "../../ffi/bounce_buffer.ts";
import { allocateOwn, placeOf } from "./pinned.ts";
import { isServedByFs } from "./settings.ts";

/** The garbage collector gives it back. */
const ownBounces = new BouncePool((byteLength) => {
  try {
    const bytes = allocateOwn(byteLength);
    return { address: placeOf(bytes), bytes, free() {} };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return null;
  }
});

/** Where requests of files take them. */
export function bounces(): BouncePool {
  return isServedByFs() ? ownBounces : nativeBounces;
}
