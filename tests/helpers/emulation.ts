/**
 * Where an emulated processor runs the tests (`deno task test:arm64`), they
 * take many times as long.
 *
 * @module
 */

/** Whether the processor is emulated; set by `scripts/test_arm64.ts`. */
export const isEmulated = Deno.env.get("POSIX_AIO_EMULATED") === "1";

/** A time limit in milliseconds, longer where the processor is emulated. */
export function timeLimit(limit_ms: number): number {
  return isEmulated ? 10 * limit_ms : limit_ms;
}
