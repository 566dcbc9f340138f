/** Waits for requests of the C interface, with a time-out. */
import { clearTimeout, setTimeout } from "../../ffi/event_loop.ts";
import type { ControlBlockRequest } from "./control_block_request.ts";

/** Longer time-outs than this (24 days) do not fit into a timer. */
const TIMEOUT_MS_MAX = 0x7fff_ffff;

/** How to wait. */
interface WaitOptions {
  /** How long; without it, for ever. */
  timeout_ms?: number;
  /** Whether it is enough to learn of it when somebody else has noticed. */
  isUnattended?: boolean;
}

/** Resolves with whether `wanted` of the requests are done in time. */
export function untilDone(
  requests: ControlBlockRequest[],
  wanted: number,
  { timeout_ms, isUnattended = false }: WaitOptions = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    if (wanted === 0) return resolve(true);
    let done = 0;
    const timer = timeout_ms === undefined || timeout_ms > TIMEOUT_MS_MAX
      ? null
      : setTimeout(() => finish(false), timeout_ms);
    const finish = (isDone: boolean) => {
      if (timer !== null) clearTimeout(timer);
      for (const request of requests) request.unlisten(listener);
      resolve(isDone);
    };
    const listener = () => {
      done++;
      if (done === wanted) finish(true);
    };
    for (const request of requests) {
      if (isUnattended) request.listenUnattended(listener);
      else request.listen(listener);
    }
  });
}
