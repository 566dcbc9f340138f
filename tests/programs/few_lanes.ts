/**
 * Has a worker use more files at once than there are lanes for, in one of two ways.
 * Prints what came of it.
 */
import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { delay } from "../helpers/mod.ts";

const PATIENCE_MS = 3_000;

const [directory, way] = Deno.args;
const worker = new Worker(new URL("./few_lanes_worker.ts", import.meta.url), {
  type: "module",
});
const told = new Promise<unknown>((resolve) => {
  worker.onmessage = ({ data }) => resolve(data);
});
worker.postMessage({ directory, way });

/** How many bytes the files have that were written to last. */
function written(count: number): number {
  let bytes = 0;
  for (let at = 0; at < count; at++) {
    bytes += statSync(`${directory}/file${at}`).size;
  }
  return bytes;
}

/** Opens files as soon as they get the numbers that the worker's had. */
async function openAgain(fds: number[]): Promise<number[]> {
  const own: number[] = [];
  const end = performance.now() + PATIENCE_MS;
  for (let at = 0; own.length < fds.length && performance.now() < end; at++) {
    const fd = openSync(`${directory}/own${at}`, "w");
    if (fds.includes(fd)) own.push(fd);
    // A lower one is kept, so that another one is next.
    else if (fd > Math.max(...fds)) closeSync(fd);
    if (at % 100 === 99) await delay(0);
  }
  return own;
}

const ways = {
  /** The worker ends while the system has its writes. */
  async terminated() {
    const fds = await told as number[];
    worker.terminate();
    const own = await openAgain(fds);
    for (let before = -1; before !== written(fds.length);) {
      before = written(fds.length);
      await delay(500);
    }
    const foreign = own.reduce((sum, fd) => sum + fstatSync(fd).size, 0);
    return { isReused: own.length > 0, foreign };
  },

  canceled: () => told,
};

console.log(JSON.stringify(await ways[way as keyof typeof ways]()));
Deno.exit();
