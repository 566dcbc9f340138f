/**
 * The bounce buffers of requests of files: of native memory, or where nothing native
 * may be called, of pinned memory, which nobody can detach and `O_DIRECT` takes.
 *
 * @module
 */
import { BouncePool, nativeBounces } from "../../ffi/bounce_buffer.ts";
import { allocatePinned, placeOf } from "./pinned.ts";
import { isServedByFs } from "./settings.ts";

/** The garbage collector gives it back. */
const pinnedBounces = new BouncePool((byteLength) => {
  try {
    const bytes = allocatePinned(byteLength);
    return { address: placeOf(bytes), bytes, free() {} };
  } catch {
    return null;
  }
});

/** Where requests of files take them. */
export function bounces(): BouncePool {
  return isServedByFs() ? pinnedBounces : nativeBounces;
}
