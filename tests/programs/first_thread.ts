/**
 * Runs the tests of a file on the process's first thread, one after another, but
 * for those whose names begin in certain ways, and prints those that failed, and the
 * ways in which no name began. Tells of each beforehand, so that what hangs has a
 * name.
 *
 * @module
 */
import { mayEndFirst } from "../../ffi/isolate.ts";
import { metrics } from "../../mod.ts";

interface Test {
  name: string;
  ignore?: boolean;
  timeout: number;
  fn: () => void | Promise<void>;
}

async function failureOf({ fn, timeout }: Test): Promise<string | null> {
  let timer;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("It takes too long")), timeout);
  });
  try {
    await Promise.race([fn(), tooLate]);
    return null;
  } catch (error) {
    return String(error);
  } finally {
    clearTimeout(timer);
  }
}

const [_, file, excepted = "[]"] = Deno.args;
const exceptions: string[] = JSON.parse(excepted);
const unused = new Set(exceptions);
const tests: Test[] = [];
Reflect.set(Deno, "test", (test: Test) => tests.push(test));
// What is missing here it may say, but not where the outcome goes.
const print = console.log;
console.log = console.error;
await import(file);

function isExcepted({ name }: Test): boolean {
  const beginnings = exceptions.filter((start) => name.startsWith(start));
  for (const beginning of beginnings) unused.delete(beginning);
  return beginnings.length > 0;
}

const failed: Record<string, string> = {};
let ran = 0, ignored = 0;
for (const test of tests) {
  if (test.ignore) ignored++;
  if (isExcepted(test) || test.ignore) continue;
  // A turn of the event loop each, as from `deno test`.
  await new Promise((resolve) => setTimeout(resolve));
  console.error(test.name);
  const failure = await failureOf(test);
  if (failure !== null) failed[test.name] = failure;
  ran++;
}
const { engine } = metrics();
print(
  JSON.stringify({
    mayEndFirst: mayEndFirst(),
    engine,
    ran,
    ignored,
    failed,
    unused: [...unused],
  }),
);
