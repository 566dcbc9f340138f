/**
 * Starts workers one after another that make requests, and terminates each, when
 * its requests are done or while they are in flight. Prints what the process has
 * of the system before and after.
 */
import { AioFile } from "../../../mod.ts";
import { count, countAtRest } from "./counts.ts";

const [path, how, workers] = Deno.args;
/** Not looked at: the process takes what it needs for any worker. */
const WARM_UP = 6;

async function pass(index: number): Promise<void> {
  const worker = new Worker(new URL("passing_worker.ts", import.meta.url), {
    type: "module",
  });
  await new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ path, how, isClosing: index % 2 === 0 });
  });
  worker.terminate();
}

for (let passed = 0; passed < WARM_UP; passed++) await pass(passed);
const before = await countAtRest();
for (let passed = 0; passed < Number(workers); passed++) {
  await pass(passed);
  if (passed % 100 === 0) count();
}
const after = await countAtRest();

// The process is as good as before.
await using file = await AioFile.open(path);
const bytes = await file.readAt(new Uint8Array(4096), 0);
console.log(JSON.stringify({ before, after, bytes }));
