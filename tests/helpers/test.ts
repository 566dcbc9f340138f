/**
 * `test()`: a test with a time limit, which is there for what hangs, not for what
 * is slow.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { execute } from "./commands.ts";
import {
  engineHere,
  type EngineName,
  engineVariable,
  isThere,
} from "./engines.ts";
import { withPageCache } from "./page_cache.ts";
import { timeLimit } from "./system.ts";

/** The usual limit. */
export const LIMIT_MS = 30_000;

/** What is special about a test. */
export interface TestOptions {
  /** Whether it has nothing to look at here. */
  ignore?: boolean;
  /** Its time limit, if not the usual one. */
  limit_ms?: number;
  /**
   * Whether reads are asked of the page cache first. Not where a test looks at what
   * the engine does with reads of files that are cached.
   */
  pageCache?: boolean;
  /** The engine that it is about: where another one serves it has nothing to look at. */
  engine?: EngineName;
  /**
   * The `import.meta.url` of its file, if it needs the process's first thread, and
   * so a process of its own. `deno test` gives each file an isolate that may end
   * before the process does, and there the library gives native threads neither
   * pinned memory nor functions.
   */
  onFirstThread?: string;
}

/**
 * For what has to hold in both kinds of isolates: where a test runs, in words, and
 * the options that have it run there.
 *
 * @param file The `import.meta.url` of its file.
 */
export function placesOf(file: string): [string, TestOptions][] {
  return [
    ["on the first thread", { onFirstThread: file }],
    ["in an isolate that may end first", {}],
  ];
}

/** What a test does. */
export type TestFunction = (t: Deno.TestContext) => void | Promise<void>;

type Rest<Fn> = [fn: Fn] | [options: TestOptions, fn: Fn];

function optionsAndFn<Fn>(rest: Rest<Fn>): [TestOptions, Fn] {
  return rest.length === 1 ? [{}, rest[0]] : rest;
}

/** Makes a test; it may take longer where the processor is emulated. */
export function test(name: string, ...rest: Rest<TestFunction>): void {
  const [options, plain] = optionsAndFn(rest);
  const { limit_ms = LIMIT_MS, onFirstThread, engine = engineHere() } = options;
  const fn = withSettings(options, plain);
  const timeout = timeLimit(limit_ms);
  const here = { name, timeout, fn };
  if (onFirstThread === undefined) {
    const ignore = options.ignore || engine !== engineHere();
    return Deno.test({ ...here, ignore });
  }
  const [flag, chosen] = Deno.args;
  if (flag === ONLY && name === chosen) runHere(fn);
  if (flag === ONLY) return;
  Deno.test({
    ...here,
    ignore: options.ignore || !isThere(engine),
    fn: () => runOnly(onFirstThread, name, limit_ms, engine),
  });
}

function withSettings(
  { pageCache }: TestOptions,
  fn: TestFunction,
): TestFunction {
  if (pageCache === undefined) return fn;
  return async (t) => {
    using _restored = withPageCache(pageCache);
    await fn(t);
  };
}

/** A `test()` that gives each test something of its own, which goes with it. */
export function testWith<T extends Disposable>(
  make: () => T,
): (name: string, ...rest: Rest<(own: T) => void | Promise<void>>) => void {
  return (name, ...rest) => {
    const [options, fn] = optionsAndFn(rest);
    test(name, options, async () => {
      using own = make();
      await fn(own);
    });
  };
}

/** The argument of a process that runs all other tests of a file, and its URL. */
export const WHOLE_FILE = "--whole-file";

/** The argument of a process that runs one test, and its name. */
const ONLY = "--only-test";

/** How a test ends there that came to its end. */
const PASSED = "passed, to the end";

const EXPOSE_GC = "--v8-flags=--expose-gc";

/** What ends the process of a test before the time of the test is up. */
export function endBefore(limit_ms: number = LIMIT_MS): AbortSignal {
  return AbortSignal.timeout(timeLimit(limit_ms) - MARGIN_MS);
}

const MARGIN_MS = 1_000;

async function runOnly(
  file: string,
  name: string,
  limit_ms: number,
  engine: EngineName,
): Promise<void> {
  const { code, stdout, stderr } = await execute(
    [Deno.execPath(), "run", "-A", "--quiet", EXPOSE_GC, file, ONLY, name],
    { env: engineVariable(engine), signal: endBefore(limit_ms) },
  );
  const isPassed = stdout.endsWith(`${PASSED}\n`);
  assertEquals(
    { code, isPassed },
    { code: 0, isPassed: true },
    stdout + stderr,
  );
}

async function runHere(fn: TestFunction): Promise<void> {
  await fn({} as Deno.TestContext);
  console.log(PASSED);
}
