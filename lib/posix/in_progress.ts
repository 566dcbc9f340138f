/**
 * The requests of the C interface that are in progress. In C such a request
 * needs nobody; here somebody has to hold its block and buffer, notice that it
 * is done although nobody asks, and keep the process alive until then.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "../../ffi/event_loop.ts";
import type { ControlBlockRequest } from "./control_block_request.ts";

const LOOK_MS_MIN = 1;
const LOOK_MS_MAX = 100;

/** By descriptor, in the order in which they were submitted. */
const inProgress = new Map<number, Set<ControlBlockRequest>>();
let timer: ReturnType<typeof setTimeout> | null = null;
let delay_ms = LOOK_MS_MIN;

/**
 * Holds a request until it is done.
 *
 * @returns Whether it is the only one of its descriptor.
 */
export function watchOver(request: ControlBlockRequest): boolean {
  const others = inProgress.get(request.fildes);
  if (others === undefined) inProgress.set(request.fildes, new Set([request]));
  else others.add(request);
  delay_ms = LOOK_MS_MIN;
  timer ??= setTimeout(look, delay_ms);
  return others === undefined;
}

/** A request is done. */
export function watchOverNoMore(request: ControlBlockRequest): void {
  const requests = inProgress.get(request.fildes)!;
  requests.delete(request);
  if (requests.size === 0) inProgress.delete(request.fildes);
  if (inProgress.size > 0 || timer === null) return;
  clearTimeout(timer);
  timer = null;
}

/** Those of a descriptor, in the order in which they were submitted. */
export function inProgressOf(fildes: number): ControlBlockRequest[] {
  return [...inProgress.get(fildes) ?? []];
}

function look(): void {
  timer = null;
  for (const requests of inProgress.values()) {
    for (const request of requests) request.check();
  }
  if (inProgress.size === 0) return;
  delay_ms = Math.min(delay_ms * 2, LOOK_MS_MAX);
  timer ??= setTimeout(look, delay_ms);
}
