/** Gives back what native memory nobody uses. */
import { alignedBounces, halfPageBounces } from "./bounce_buffer.ts";
import { freeUnusedSlabs } from "./control_block.ts";
import { freeKept } from "./memory.ts";
import { freeSuspendLists } from "./suspend_list.ts";

/**
 * Gives everything back that is not in use. Nobody else does when a worker is
 * terminated.
 */
export function freeUnused(): void {
  alignedBounces.trim(0);
  halfPageBounces.trim(0);
  freeUnusedSlabs();
  freeKept();
  freeSuspendLists();
}
