// A pool of workers that make the synchronous calls of node:fs, on Deno and Node. It
// is made to be quick: memory is shared, messages carry numbers and nothing else.
//
//   node worker_pool_peer.mjs '{"path": …}'     (a Task of workloads.ts)
import { once } from "node:events";
import fs from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  isMainThread,
  parentPort,
  Worker,
  workerData,
} from "node:worker_threads";
import { alignedBuffers, drive, finish, pagesFor } from "../measure.mjs";

if (isMainThread) await main(JSON.parse(process.argv[2]));
else serve(workerData);

async function main(task) {
  const memory = pagesFor(task, { maximum: 65536, shared: true });
  const pending = new Array(task.depth);
  const workers = Array.from(
    { length: Math.min(task.workers, task.depth) },
    () =>
      new Worker(fileURLToPath(import.meta.url), {
        workerData: { task, memory },
      }),
  );
  // The first message says that the worker is there.
  await Promise.all(workers.map((worker) => once(worker, "message")));
  for (const worker of workers) {
    worker.on("message", ([slot, bytes]) => pending[slot](bytes));
  }
  const measurement = await drive(
    task,
    (slot, offset) =>
      new Promise((resolve) => {
        pending[slot] = resolve;
        workers[slot % workers.length].postMessage([slot, offset]);
      }),
  );
  finish(task.variant, measurement.report());
}

function serve({ task, memory }) {
  const { O_RDONLY, O_WRONLY, O_DIRECT } = fs.constants;
  const isRead = task.operation === "read";
  const fd = fs.openSync(
    task.path,
    (isRead ? O_RDONLY : O_WRONLY) | (task.direct ? O_DIRECT : 0),
  );
  const transfer = isRead ? fs.readSync : fs.writeSync;
  const { blockBytes } = task;
  const buffers = alignedBuffers(task, memory);
  parentPort.on("message", ([slot, offset]) => {
    const bytes = transfer(fd, buffers[slot], 0, blockBytes, offset);
    parentPort.postMessage([slot, bytes]);
  });
  parentPort.postMessage("ready");
}
