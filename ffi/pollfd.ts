/**
 * `struct pollfd`, of which `poll(2)` takes a list.
 *
 * @module
 */
import type { NativeMemory } from "./memory.ts";

/** Offsets of `struct pollfd`, in bytes; the same on every system. */
export const POLLFD = { size: 8, fd: 0, events: 4, revents: 6 };

/**
 * Packs one entry of a list.
 *
 * @param list The memory of the list.
 * @param index Which entry.
 * @param fd The descriptor.
 * @param events What to wait for, such as `POLLIN`.
 */
export function packPollfd(
  { view }: NativeMemory,
  index: number,
  fd: number,
  events: number,
): void {
  const at = index * POLLFD.size;
  view.setInt32(at + POLLFD.fd, fd, true);
  view.setInt16(at + POLLFD.events, events, true);
  view.setInt16(at + POLLFD.revents, 0, true);
}

/** What has come of one entry of a list, such as `POLLIN`. */
export function returnedEvents({ view }: NativeMemory, index: number): number {
  return view.getInt16(index * POLLFD.size + POLLFD.revents, true);
}
