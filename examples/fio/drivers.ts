/**
 * A part of the tool `fio.ts`: the three ways to keep a job's operations in flight.
 *
 * @module
 */

import { CompletionQueue } from "../../mod.ts";
import type { Job, Operation } from "./job.ts";
import type { Options } from "./options.ts";

/** Does all operations of a job. */
type Driver = (job: Job) => Promise<void>;

/** A driver for each interface of the library. */
export const drivers: Record<Options["interface"], Driver> = {
  readAt: driveByPromises,
  batch: driveByBatches,
  queue: driveByQueue,
};

async function driveByPromises(job: Job): Promise<void> {
  const slots = Array.from({ length: job.depth }, (_, slot) => slot);
  // One that fails ends the run, and with it the others.
  await Promise.all(
    slots.map((slot) => driveSlot(job, slot).catch((error) => job.fail(error))),
  );
}

async function driveSlot(job: Job, slot: number): Promise<void> {
  let operation;
  while ((operation = job.begin(slot)) !== null) {
    const { type, buffer, offset, isMeasured } = operation;
    const bytes = type === "read"
      ? await job.file.readAt(buffer, offset)
      : await job.file.writeAt(buffer, offset);
    job.end(operation, bytes);
    if (job.isSyncDue()) await sync(job, isMeasured);
  }
}

async function sync(job: Job, isMeasured: boolean): Promise<void> {
  const started_ms = performance.now();
  await job.file.syncData();
  job.endSync(started_ms, isMeasured);
}

async function driveByBatches(job: Job): Promise<void> {
  for (;;) {
    const operations: Operation[] = [];
    for (let slot = 0; slot < job.depth; slot++) {
      const operation = job.begin(slot);
      if (operation !== null) operations.push(operation);
    }
    if (operations.length === 0) return;
    const outcomes = await job.file.batch(operations);
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === "rejected") throw outcome.reason;
      job.end(operations[index], outcome.value);
    }
    if (job.isSyncDue()) await sync(job, operations[0].isMeasured);
  }
}

/** A sync has the slot of the write it follows. */
interface Sync {
  type: "sync";
  slot: number;
  started_ms: number;
  isMeasured: boolean;
}

async function driveByQueue(job: Job): Promise<void> {
  await using queue = new CompletionQueue<Operation | Sync>();
  const { file } = job;

  const submit = (slot: number) => {
    const operation = job.begin(slot);
    if (operation === null) return;
    const { type, buffer, offset } = operation;
    queue[type](file, buffer, offset, operation);
  };
  const submitSync = ({ slot, isMeasured }: Operation) =>
    queue.sync(
      file,
      { type: "sync", slot, started_ms: performance.now(), isMeasured },
      { dataOnly: true },
    );

  for (let slot = 0; slot < job.depth; slot++) submit(slot);
  for await (const { tag, bytes, error } of queue.drain()) {
    if (error !== null) {
      job.fail(error);
      continue;
    }
    if (tag.type === "sync") {
      job.endSync(tag.started_ms, tag.isMeasured);
      submit(tag.slot);
      continue;
    }
    job.end(tag, bytes);
    if (job.isSyncDue()) submitSync(tag);
    else submit(tag.slot);
  }
}
