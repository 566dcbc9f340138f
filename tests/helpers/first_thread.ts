/**
 * Tests that need the process's first thread. `deno test` gives each file an
 * isolate that may end before the process does, and there the library gives
 * native threads neither pinned memory nor functions.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { timeLimit } from "./emulation.ts";

/** How a test ends that came to its end. */
const PASSED = "passed, to the end";

/** The argument of a process that runs all other tests of a file, and its URL. */
export const WHOLE_FILE = "--whole-file";

/** The argument of a process that runs one test, and its name. */
const ONLY = "--only-test";

const EXPOSE_GC = "--v8-flags=--expose-gc";

/** Gives the process of a test time to end before the test's own limit. */
const MARGIN_MS = 500;

interface FirstThreadTest {
  name: string;
  ignore?: boolean;
  timeout: number;
  fn: () => void | Promise<void>;
}

/**
 * Makes a function in the place of `Deno.test`: it runs each test of a file in a
 * process of its own.
 *
 * @param file The `import.meta.url` of the file.
 */
export function testsOnFirstThread(
  file: string,
): (test: FirstThreadTest) => void {
  const [flag, chosen] = Deno.args;
  if (flag === WHOLE_FILE) return () => {};
  if (flag !== ONLY) return (test) => register(file, test);
  return ({ name, fn }) => {
    if (name === chosen) run(fn);
  };
}

function register(file: string, { fn: _, ...test }: FirstThreadTest): void {
  Deno.test({
    ...test,
    async fn() {
      const process = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", EXPOSE_GC, file, ONLY, test.name],
        env: { NO_COLOR: "1" },
        stdin: "null",
        signal: AbortSignal.timeout(timeLimit(test.timeout - MARGIN_MS)),
      });
      const { code, signal, stdout, stderr } = await process.output();
      const [text, errors] = [stdout, stderr].map((bytes) =>
        new TextDecoder().decode(bytes)
      );
      const isPassed = text.endsWith(`${PASSED}\n`);
      assertEquals(
        { code, signal, isPassed },
        { code: 0, signal: null, isPassed: true },
        text + errors,
      );
    },
  });
}

async function run(test: FirstThreadTest["fn"]): Promise<void> {
  await test();
  console.log(PASSED);
}
