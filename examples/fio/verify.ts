/**
 * A part of the tool `fio.ts`: reads again what a job has written.
 *
 * @module
 */

import type { Job } from "./job.ts";
import type { Progress } from "./progress.ts";

/**
 * Checks every block that a job has written.
 *
 * @param job The job, which is done.
 * @param progress Told of every block.
 * @param signal Ends it early.
 * @throws If a block cannot be read, or is not what was written.
 */
export async function verifyJob(
  job: Job,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const reads = job.readsOfWritten();
  const work = async (slot: number) => {
    for (const readInto of reads) {
      if (signal.aborted) return;
      const operation = readInto(slot);
      const { buffer, offset } = operation;
      job.end(operation, await job.file.readAt(buffer, offset));
      progress.done++;
    }
  };
  const slots = Array.from({ length: job.depth }, (_, slot) => slot);
  const outcomes = await Promise.allSettled(slots.map(work));
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}
