/** fio, by its engines for the kernel's best interface and for aio(3). */

import { dirname } from "node:path";
import {
  isOneCachedRead,
  isTransfer,
  type Machine,
  output,
} from "./contestant.ts";
import type { Run, Task } from "./workloads.ts";

export async function findFio({ contestants, missing, versions }: Machine) {
  const version = await output("fio", ["--version"]);
  if (version === undefined) {
    missing.push({ what: "fio", how: "apt-get install fio" });
    return;
  }
  versions.fio = version;
  const engines = await output("fio", ["--enghelp"]) ?? "";
  for (const engine of ["io_uring", "posixaio", "psync"]) {
    if (!engines.includes(engine)) {
      missing.push({ what: `fio ${engine}`, how: "a fio built with it" });
      continue;
    }
    contestants.push({
      key: `fio-${engine}`,
      label: `fio ${engine}`,
      // The last one blocks: it is for what does not wait.
      offers: engine === "psync" ? isOneCachedRead : isTransfer,
      command: (task) => ({ program: "fio", args: fioArguments(engine, task) }),
      parse: parseFio,
    });
  }
}

function fioArguments(engine: string, task: Task): string[] {
  const append = task.operation === "append";
  const operation = append ? "write" : task.operation;
  return [
    "--name=bench",
    // Appenders get a file each: on a common one they would write each other's
    // blocks instead of extending it.
    append ? `--directory=${dirname(task.path)}` : `--filename=${task.path}`,
    `--ioengine=${engine}`,
    `--rw=${task.order === "random" ? "rand" : ""}${operation}`,
    `--bs=${task.blockBytes}`,
    `--size=${task.fileBytes}`,
    `--direct=${task.direct ? 1 : 0}`,
    "--invalidate=0",
    // To copy where nothing is aligned takes some processors twice as long.
    "--iomem_align=4096",
    "--fallocate=none",
    "--randrepeat=0",
    // Offsets independent of each other, or each block once: as all others take them.
    ...(task.cold ? [] : ["--norandommap", "--time_based"]),
    `--runtime=${Math.round(task.seconds * 1000)}ms`,
    `--ramp_time=${Math.round(task.rampSeconds * 1000)}ms`,
    ...(append
      ? [
        "--fdatasync=1",
        "--file_append=1",
        "--iodepth=1",
        `--numjobs=${task.depth}`,
      ]
      : [`--iodepth=${task.depth}`]),
    "--group_reporting",
    "--lat_percentiles=1",
    "--percentile_list=50:99",
    "--output-format=json",
  ];
}

/** Reads the figures of a run from what `fio --output-format=json` prints. */
export function parseFio(stdout: string, task: Pick<Task, "operation">): Run {
  // Notes and warnings may stand before the report.
  const report = JSON.parse(stdout.slice(stdout.indexOf("{")));
  const [job] = report.jobs;
  if (job.error) throw new Error(`fio reports error ${job.error}`);
  const direction = job[task.operation === "read" ? "read" : "write"];
  // With a sync after each write, a commit takes as long as both.
  const percentile = (q: string) => {
    const parts = [direction.lat_ns];
    if (task.operation === "append") parts.push(job.sync.lat_ns);
    const total_ns = parts.reduce(
      (sum, part) => sum + (part?.percentile?.[q] ?? NaN),
      0,
    );
    return Number.isNaN(total_ns) ? undefined : total_ns / 1000;
  };
  return {
    what: "fio",
    iops: Math.round(direction.iops),
    mbps: Math.round(direction.bw_bytes / 1e5) / 10,
    p50_us: percentile("50.000000"),
    p99_us: percentile("99.000000"),
  };
}
