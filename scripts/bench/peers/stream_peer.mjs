// A file as a stream, over and over: the runtime's own ways.
//
//   deno run -A stream_peer.mjs '{"path": …}'     (a Task of workloads.ts)
//
// Variants: deno (Deno.open().readable), node (fs.createReadStream()), bun
// (Bun.file().stream()).
import fs from "node:fs";
import process from "node:process";
import { driveStreams, finish } from "../measure.mjs";

const task = JSON.parse(process.argv[2]);
const ways = {
  deno: async () => (await globalThis.Deno.open(task.path)).readable,
  node: () => fs.createReadStream(task.path),
  bun: () => globalThis.Bun.file(task.path).stream(),
};
const measurement = await driveStreams(task, ways[task.variant]);
finish(task.variant, measurement.report());
