/**
 * Runs every test of a file on the process's first thread, one after another, and
 * prints those that failed. Tells of each beforehand, so that what hangs has a name.
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

const tests: Test[] = [];
Reflect.set(Deno, "test", (test: Test) => tests.push(test));
await import(Deno.args[1]);
const failed: Record<string, string> = {};
let ran = 0;
for (const test of tests) {
  if (test.ignore) continue;
  // A turn of the event loop each, as from `deno test`.
  await new Promise((resolve) => setTimeout(resolve));
  console.error(test.name);
  const failure = await failureOf(test);
  if (failure !== null) failed[test.name] = failure;
  ran++;
}
const { engine } = metrics();
console.log(
  JSON.stringify({ mayEndFirst: mayEndFirst(), engine, ran, failed }),
);
