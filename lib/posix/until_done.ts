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

/**
 * Waits until `wanted` of the requests are done. A control block may be submitted
 * again meanwhile; what becomes of that request does not count.
 *
 * @returns How many of them failed, or `null` if the time has passed.
 */
export function untilDone(
  requests: ControlBlockRequest[],
  wanted: number,
  { timeout_ms, isUnattended = false }: WaitOptions = {},
): Promise<number | null> {
  return new Promise((resolve) => {
    if (wanted === 0) return resolve(0);
    let done = 0;
    let failed = 0;
    const timer = timeout_ms === undefined || timeout_ms > TIMEOUT_MS_MAX
      ? null
      : setTimeout(() => timedOut(), timeout_ms);
    const finish = (outcome: number | null) => {
      if (timer !== null) clearTimeout(timer);
      for (const request of requests) request.unlisten(listener);
      resolve(outcome);
    };
    const timedOut = () => {
      // The program may have computed for longer than they took.
      for (const request of requests) request.check();
      if (done < wanted) finish(null);
    };
    const listener = (errno: number) => {
      done++;
      if (errno !== 0) failed++;
      if (done === wanted) finish(failed);
    };
    for (const request of requests) {
      if (isUnattended) request.listenUnattended(listener);
      else request.listen(listener);
    }
  });
}
