/**
 * What has to hold wherever the library runs. Prints a line of JSON for each
 * check: its name, and what went wrong; exits with 1 if anything did. With
 * `worker` as its argument, all of it happens in a worker thread, which has to end
 * by itself.
 */
import { once } from "node:events";
import process from "node:process";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { cacheChecks } from "./checks/cache.ts";
import { contextChecks } from "./checks/context.ts";
import { errorChecks } from "./checks/errors.ts";
import { fileChecks } from "./checks/files.ts";
import { cleanUp, IS_NATIVE } from "./checks/kit.ts";
import { pipeChecks } from "./checks/pipes.ts";
import { posixChecks } from "./checks/posix.ts";
import { queueChecks } from "./checks/queue.ts";
import { refusalChecks } from "./checks/refusal.ts";
import { streamChecks } from "./checks/streams.ts";

const checks = {
  ...cacheChecks,
  ...fileChecks,
  ...errorChecks,
  ...streamChecks,
  ...pipeChecks,
  ...queueChecks,
  ...(IS_NATIVE ? posixChecks : refusalChecks),
  ...contextChecks,
};

if (isMainThread && process.argv[2] === "worker") {
  const worker = new Worker(new URL(import.meta.url));
  worker.on("message", (line) => console.log(line));
  [process.exitCode] = await once(worker, "exit");
} else {
  for (const [name, check] of Object.entries(checks)) {
    let problem: string | null = null;
    try {
      await check();
    } catch (error) {
      problem = error instanceof Error ? error.stack! : String(error);
      process.exitCode = 1;
    }
    report(JSON.stringify({ name, problem }));
  }
}
cleanUp();

function report(line: string): void {
  // Bun loses what a worker prints just before it ends.
  if (parentPort === null) console.log(line);
  else parentPort.postMessage(line);
}
