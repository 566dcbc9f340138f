/**
 * Waits in one of several ways. Prints how much time of the processor that takes
 * of one second.
 */
import process from "node:process";
import { CompletionQueue } from "../../mod.ts";
import { delay, Fifo, timeLimit } from "../helpers/mod.ts";

const [task] = Deno.args;
const SECOND_US = 1_000_000;

function waitingReads(count: number): void {
  for (let index = 0; index < count; index++) {
    new Fifo().file.readAt(new Uint8Array(1), 0).catch(() => {});
  }
}

const tasks = {
  one: () => waitingReads(1),
  many: () => waitingReads(40),
  queue() {
    const queue = new CompletionQueue<number>({ notify: "suspend" });
    queue.read(new Fifo().file, new Uint8Array(1), 0, 1);
  },
  /** A write that waited for room is canceled, and a read waits. */
  async turn() {
    const fifo = new Fifo();
    fifo.fill();
    const controller = new AbortController();
    const { signal } = controller;
    fifo.file.writeAt(new Uint8Array(1), 0, { signal }).catch(() => {});
    await delay(20);
    fifo.drain();
    controller.abort();
    fifo.file.readAt(new Uint8Array(1), 0).catch(() => {});
  },
};

await tasks[task as keyof typeof tasks]();
await delay(timeLimit(100)); // Until it has settled down.
const before = process.cpuUsage();
const begin_ms = performance.now();
await delay(1000);
const { user, system } = process.cpuUsage(before);
const elapsed_us = (performance.now() - begin_ms) * 1000;
console.log(JSON.stringify((user + system) * SECOND_US / elapsed_us));
Deno.exit();
