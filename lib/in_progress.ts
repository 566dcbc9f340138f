/**
 * The requests of the C interface that are in progress. In C such a request
 * needs nobody; here somebody has to hold its block and buffer, notice that it
 * is done although nobody asks, and keep the process alive until then.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "../ffi/event_loop.ts";
import type { ControlBlockRequest } from "./control_block_request.ts";

const LOOK_MS_MIN = 1;
const LOOK_MS_MAX = 100;

const inProgress = new Set<ControlBlockRequest>();
let timer: ReturnType<typeof setTimeout> | null = null;
let delay_ms = LOOK_MS_MIN;

/** Holds a request until it is done. */
export function watchOver(request: ControlBlockRequest): void {
  inProgress.add(request);
  delay_ms = LOOK_MS_MIN;
  timer ??= setTimeout(look, delay_ms);
}

/** A request is done. */
export function watchOverNoMore(request: ControlBlockRequest): void {
  inProgress.delete(request);
  if (inProgress.size > 0 || timer === null) return;
  clearTimeout(timer);
  timer = null;
}

function look(): void {
  timer = null;
  for (const request of inProgress) request.check();
  if (inProgress.size === 0) return;
  delay_ms = Math.min(delay_ms * 2, LOOK_MS_MAX);
  timer ??= setTimeout(look, delay_ms);
}
