// What a user would pick instead: positional reads and writes through the
// runtime's own node:fs, on Node, Bun or Deno, and Deno's FsFile.
//
// Variants: callback (fs.read into aligned memory), ordinary (into that of a new
// Uint8Array), fresh (into a new one each time), sync (fs.readSync, which blocks),
// fsfile.
//
//   node fs_peer.mjs '{"path": …}'     (a Task of workloads.ts)
import fs from "node:fs";
import process from "node:process";
import { alignedBuffers, drive, finish } from "../measure.mjs";

const task = JSON.parse(process.argv[2]);
const buffers = task.variant === "ordinary"
  ? Array.from({ length: task.depth }, () => new Uint8Array(task.blockBytes))
  : alignedBuffers(task);
const api = task.variant === "fsfile" ? await denoFsFile() : nodeFs();
const measurement = await drive(task, api);
finish(task.variant, measurement.report());

function nodeFs() {
  const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_DIRECT } = fs.constants;
  const flags = {
    read: O_RDONLY,
    write: O_WRONLY,
    append: O_WRONLY | O_APPEND | O_CREAT,
  };
  const fd = fs.openSync(
    task.path,
    flags[task.operation] | (task.direct ? O_DIRECT : 0),
    0o644,
  );
  const transfer = task.operation === "read" ? fs.read : fs.write;
  const bufferOf = task.variant === "fresh"
    ? () => new Uint8Array(task.blockBytes)
    : (slot) => buffers[slot];
  const at = (slot, offset) =>
    new Promise((resolve, reject) =>
      transfer(
        fd,
        bufferOf(slot),
        0,
        task.blockBytes,
        offset,
        (error, n) => error ? reject(error) : resolve(n),
      )
    );
  const syncData = () =>
    new Promise((resolve, reject) =>
      fs.fdatasync(fd, (error) => error ? reject(error) : resolve())
    );
  if (task.variant === "sync") {
    return (slot, offset) =>
      fs.readSync(fd, buffers[slot], 0, task.blockBytes, offset);
  }
  if (task.operation !== "append") return at;
  return async (slot) => {
    const bytes = await at(slot, null);
    await syncData();
    return bytes;
  };
}

// An FsFile has one position, so that each operation in flight needs its own.
async function denoFsFile() {
  const options = {
    read: { read: true },
    write: { write: true },
    append: { append: true, create: true },
  };
  const files = await Promise.all(
    buffers.map(() => globalThis.Deno.open(task.path, options[task.operation])),
  );
  const transfer = task.operation === "read" ? "read" : "write";
  if (task.operation === "append") {
    return async (slot) => {
      const bytes = await files[slot].write(buffers[slot]);
      await files[slot].syncData();
      return bytes;
    };
  }
  return async (slot, offset) => {
    await files[slot].seek(offset, 0);
    return await files[slot][transfer](buffers[slot]);
  };
}
