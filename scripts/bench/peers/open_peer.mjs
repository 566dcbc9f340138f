// A file opened, read once and closed: Deno.open() and FileHandle of node:fs.
//
//   node open_peer.mjs '{"path": …}'     (a Task of workloads.ts)
//
// Variants: deno, filehandle.
import { open } from "node:fs/promises";
import process from "node:process";
import { alignedBuffers, drive, finish } from "../measure.mjs";

const task = JSON.parse(process.argv[2]);
const buffers = alignedBuffers(task);
const ways = { deno: throughDeno, filehandle: throughFileHandle };
const measurement = await drive(task, ways[task.variant]);
finish(task.variant, measurement.report());

async function throughDeno(slot, offset) {
  using file = await globalThis.Deno.open(task.path);
  await file.seek(offset, 0);
  return await file.read(buffers[slot]);
}

async function throughFileHandle(slot, offset) {
  const file = await open(task.path);
  try {
    const { bytesRead } = await file.read(
      buffers[slot],
      0,
      task.blockBytes,
      offset,
    );
    return bytesRead;
  } finally {
    await file.close();
  }
}
