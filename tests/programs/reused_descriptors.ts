/**
 * Terminates workers while the system has writes of theirs. The runtime closes
 * the files that a worker opened, so that their numbers come to other files:
 * opens some, and prints how many of these were written to.
 */
import { fstatSync, openSync } from "node:fs";
import { delay, descriptorsOf } from "../helpers/mod.ts";

const ROUNDS = 6;
const WORKERS = 3;
const FILES = 30;

const [directory] = Deno.args;
const own: number[] = [];
let reused = 0;

async function terminate(name: string): Promise<void> {
  const path = `${directory}/${name}`;
  const worker = new Worker(new URL("./writing_worker.ts", import.meta.url), {
    type: "module",
  });
  const number = await new Promise<number>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(path);
  });
  worker.terminate();
  while (descriptorsOf(path).includes(number)) await delay(0);
  const fds = Array.from(
    { length: FILES },
    (_, index) => openSync(`${path}_${index}`, "w"),
  );
  if (fds.includes(number)) reused++;
  own.push(...fds);
}

for (let round = 0; round < ROUNDS; round++) {
  const names = Array.from({ length: WORKERS }, (_, at) => `${round}_${at}`);
  await Promise.all(names.map(terminate));
}
await delay(500);
const written = own.filter((fd) => fstatSync(fd).size > 0).length;
console.log(JSON.stringify({ reused, written }));
