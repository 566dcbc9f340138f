/**
 * The runtime's timers, microtasks and clock, as nobody can replace them once the
 * library is loaded. Test runners do that while a test runs (jest, sinon, vitest,
 * `node:test`), in `node:timers` too, and no request may wait for a callback that
 * never comes. Nothing here is a global: a realm of a test runner's has few.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import timers from "node:timers";

type Timers = typeof timers;

/** A fake of sinon's, which jest and vitest have as well, knows the original. */
interface Fake {
  clock?: {
    timersModuleMethods?: { methodName: string; original: unknown }[];
  };
}

/** What is replaced already when the library is loaded, if the fake tells. */
function original<Name extends keyof Timers>(name: Name): Timers[Name] {
  const { clock } = timers[name] as Fake;
  const replaced = clock?.timersModuleMethods
    ?.find(({ methodName }) => methodName === name);
  return (replaced?.original ?? timers[name]) as Timers[Name];
}

/** `setTimeout()` of `node:timers`, whose result has `unref()`. */
export const setTimeout: Timers["setTimeout"] = original("setTimeout");
/** `clearTimeout()` of `node:timers`. */
export const clearTimeout: Timers["clearTimeout"] = original("clearTimeout");
/** `setInterval()` of `node:timers`. */
export const setInterval: Timers["setInterval"] = original("setInterval");
/** `clearInterval()` of `node:timers`. */
export const clearInterval: Timers["clearInterval"] = original("clearInterval");
/** `setImmediate()` of `node:timers`. */
export const setImmediate: Timers["setImmediate"] = original("setImmediate");

/** `queueMicrotask()`, by what no fake can reach: `await` itself. */
export function queueMicrotask(fn: () => void): void {
  void callSoon(fn);
}

async function callSoon(fn: () => void): Promise<void> {
  await null;
  try {
    fn();
  } catch (error) {
    // An ordinary uncaught error, not a rejection that nobody handled.
    setImmediate(() => {
      throw error;
    });
  }
}

// Fakes leave process.uptime() alone, and a now() of their own hides that of the
// prototype: which Deno needs, because its uptime() asks performance.now().
const { uptime, versions } = process;
const { now } = Object.getPrototypeOf(performance);

/** The time of a monotonic clock, in milliseconds. */
export const clock_ms: () => number = versions.deno === undefined
  ? () => uptime() * 1e3
  : (now ?? performance.now).bind(performance);

/**
 * Makes a function that has `fn` run once, soon, however often it is called until
 * then.
 *
 * @param schedule What has it run, such as {@linkcode setImmediate}.
 * @param fn What is to run.
 */
export function coalesced(
  schedule: (fn: () => void) => unknown,
  fn: () => void,
): () => void {
  let isDue = false;
  const run = () => {
    isDue = false;
    fn();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    schedule(run);
  };
}

/**
 * Within so many microtasks a loop asks for the next one: `for await` needs three or
 * four, with an `await` of the caller's own some more. They take half a microsecond.
 */
const QUIET_MICROTASKS = 8;

/**
 * Makes a function that has `fn` run once, as soon as it was not called for a few
 * microtasks: behind the last of several calls that are made one after the other, in
 * this turn of the event loop.
 *
 * @param fn What is to run.
 */
export function onceQuiet(fn: () => void): () => void {
  let isDue = false;
  let quiet = 0;
  const look = (): void => {
    if (quiet++ < QUIET_MICROTASKS) return queueMicrotask(look);
    isDue = false;
    fn();
  };
  return () => {
    quiet = 0;
    if (isDue) return;
    isDue = true;
    queueMicrotask(look);
  };
}
