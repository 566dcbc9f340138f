/** Has Node's event loop look at a descriptor, without a thread. */
import { setImmediate } from "../event_loop.ts";
import type { Runtime, Watch } from "../runtime.ts";
import { isBun } from "./bun.ts";
import { isDeno } from "./deno.ts";
import { koffi, type KoffiPoll } from "./koffi.ts";

const READABLE = { readable: true };

/**
 * Bun ends with a panic where koffi asks for this, and Deno does not tell of what is
 * there already.
 */
export function watcher(): Runtime["watch"] {
  if (isBun || isDeno) return null;
  const { poll } = koffi().node;
  return (ring: number, ready: () => void): Watch => {
    let handle: KoffiPoll | null = null;
    let isOn = false;
    // What koffi calls is followed by no microtasks.
    const fn = () => void setImmediate(ready);
    return {
      start(): boolean {
        if (isOn) return true;
        isOn = true;
        if (handle === null) handle = poll(ring, READABLE, fn);
        else handle.start(READABLE, fn);
        return true;
      },
      stop(): void {
        if (!isOn) return;
        isOn = false;
        handle?.stop();
      },
    };
  };
}
