/**
 * How far the torture tests go: a few seconds each with `deno task test`,
 * minutes with `deno task test:torture`, which sets `TORTURE=long`.
 *
 * @module
 */

/** Whether the tests take the time that they need to find rare failures. */
export const isLong: boolean = Deno.env.get("TORTURE") === "long";

/** The first value in the short form, the second one in the long form. */
export function scaled<T>(short: T, long: T): T {
  return isLong ? long : short;
}

/** Prints what a test has counted; in the short form it only has to hold. */
export function tell(figures: string): void {
  if (isLong) console.log(figures);
}

/** The time limit of a test; it is there for what hangs, not for what is slow. */
export const limit_ms: number = scaled(120_000, 3_600_000);

/**
 * What makes random tests repeat a failure: `TORTURE_SEED` and `TORTURE_PATH`, as
 * fast-check printed them.
 */
export const replay: { seed?: number; path?: string } = {};
const [givenSeed, path] = ["TORTURE_SEED", "TORTURE_PATH"].map((name) =>
  Deno.env.get(name)
);
if (givenSeed !== undefined) replay.seed = Number(givenSeed);
if (path !== undefined) replay.path = path;

/** What random tests without fast-check begin with. */
export const seed: number = replay.seed ??
  crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
