// `pread` as a nonblocking FFI call: a thread of the runtime's pool for each.
//
//   deno run -A pread_peer.ts '{"path": …}'     (a Task of workloads.ts)
import { constants, openSync } from "node:fs";
import { alignedBuffers, drive, finish } from "../measure.mjs";
import type { Task } from "../workloads.ts";

const task: Task = JSON.parse(Deno.args[0]);
const { symbols } = Deno.dlopen(
  Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6",
  {
    pread: {
      parameters: ["i32", "buffer", "usize", "i64"],
      result: "isize",
      nonblocking: true,
    },
  },
);
const fd = openSync(
  task.path,
  constants.O_RDONLY | (task.direct ? constants.O_DIRECT : 0),
);
const buffers = alignedBuffers(task);
const measurement = await drive(
  task,
  async (slot: number, offset: number) =>
    Number(
      await symbols.pread(
        fd,
        buffers[slot],
        BigInt(task.blockBytes),
        BigInt(offset),
      ),
    ),
);
finish("pread", measurement.report());
