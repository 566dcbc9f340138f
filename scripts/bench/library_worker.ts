// One run of the library, in a process of its own; on Node and Bun as well.
//
//   deno run -A library_worker.ts '{"path": …}'     (a Task of workloads.ts)
//
// Variants: pinned, ordinary, fresh, batch, queue-auto, queue-suspend, queue-thread,
// queue-poll.
import { execFileSync } from "node:child_process";
import { openSync, unlinkSync } from "node:fs";
import process from "node:process";
import {
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
} from "../../mod.ts";
import {
  drive,
  driveStreams,
  finish,
  Measurement,
  offsets,
} from "./measure.mjs";
import type { Task } from "./workloads.ts";

type Notify = "auto" | "suspend" | "thread" | "poll";

const SETTLE_MS = 200;

const task: Task = JSON.parse(process.argv[2]);
if (task.lanes) configure({ lanes: task.lanes });
const buffers = Array.from(
  { length: task.depth },
  () =>
    task.variant === "ordinary"
      ? new Uint8Array(task.blockBytes)
      : allocatePinned(task.blockBytes),
);

if (task.operation === "idle") {
  finish(task.variant, await idle());
} else if (task.operation === "open") {
  const measurement = await drive(
    task,
    async (slot: number, offset: number) => {
      const file = await AioFile.open(task.path);
      try {
        return await file.readAt(buffers[slot], offset);
      } finally {
        await file.close();
      }
    },
  );
  finish(task.variant, measurement.report());
} else if (task.operation === "stream") {
  const file = await AioFile.open(task.path);
  const measurement = await driveStreams(task, () => file.readable());
  finish(task.variant, measurement.report({ metrics: { ...metrics() } }));
} else {
  const file = await AioFile.open(task.path, {
    read: task.operation === "read",
    write: task.operation === "write",
    append: task.operation === "append",
    create: task.operation === "append",
    direct: task.direct,
  });
  const [api, notify] = task.variant.split("-");
  const measurement = api === "queue"
    ? await queue(file, notify as Notify)
    : api === "batch"
    ? await batch(file)
    : await drive(task, promises(file));
  finish(
    task.variant,
    measurement.report({ metrics: { ...metrics() } }),
  );
}

function promises(file: AioFile) {
  switch (task.operation) {
    case "read":
      return task.variant === "fresh"
        ? (_: number, offset: number) =>
          file.readAt(new Uint8Array(task.blockBytes), offset)
        : (slot: number, offset: number) => file.readAt(buffers[slot], offset);
    case "write":
      return (slot: number, offset: number) =>
        file.writeAt(buffers[slot], offset);
    default:
      return async (slot: number) => {
        const bytes = await file.append(buffers[slot]);
        await file.syncData();
        return bytes;
      };
  }
}

async function queue(file: AioFile, notify: Notify): Promise<Measurement> {
  const nextOffset = offsets(task);
  await using completions = new CompletionQueue<number>({ notify });
  const measurement = new Measurement(task);
  const since_ms = new Float64Array(task.depth);
  for (const [slot, buffer] of buffers.entries()) {
    since_ms[slot] = performance.now();
    completions.read(file, buffer, nextOffset(), slot);
  }
  for await (const { tag: slot, error } of completions.drain()) {
    if (error) throw error;
    since_ms[slot] = measurement.complete(since_ms[slot]);
    if (since_ms[slot] < measurement.end_ms) {
      completions.read(file, buffers[slot], nextOffset(), slot);
    }
  }
  return measurement;
}

async function batch(file: AioFile): Promise<Measurement> {
  const nextOffset = offsets(task);
  const measurement = new Measurement(task);
  let now_ms = performance.now();
  while (now_ms < measurement.end_ms) {
    const settled = await file.batch(buffers.map((buffer) => ({
      type: "read",
      buffer,
      offset: nextOffset(),
    })));
    const since_ms = now_ms;
    for (const result of settled) {
      if (result.status === "rejected") throw result.reason;
      now_ms = measurement.complete(since_ms);
    }
  }
  return measurement;
}

// Reads of pipes to which nobody writes.
async function idle() {
  for (const [index, pipe] of openPipes(task.depth).entries()) {
    pipe.readAt(buffers[index], 0).then(() => {
      throw new Error("The pipe was expected to stay empty");
    });
  }
  await sleep(SETTLE_MS);
  const cpu = process.cpuUsage(), start_ms = performance.now();
  await sleep(task.seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  const elapsed_us = (performance.now() - start_ms) * 1000;
  return {
    iops: 0,
    mbps: 0,
    cpu_user_us: user,
    cpu_system_us: system,
    cores: (user + system) / elapsed_us,
    cpu_percent: 100 * (user + system) / elapsed_us,
    metrics: { ...metrics() },
  };
}

// Each is open for writing as well, or a read would be at its end.
function openPipes(count: number): AioFile[] {
  const paths = Array.from(
    { length: count },
    (_, index) => `${task.path}-pipe-${index}`,
  );
  execFileSync("mkfifo", paths);
  return paths.map((path) => {
    const fd = openSync(path, "r+");
    unlinkSync(path);
    return AioFile.adopt(fd);
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
