/**
 * What the descriptors of this process lead to, as Linux tells it.
 *
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";

/** The descriptors that lead to a file. */
export function descriptorsOf(path: string): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // The one that lists the others.
    }
  });
}
