/**
 * Reads and writes FIFOs and a socket after the permission for native calls was
 * revoked. Prints what came of each.
 */
import { writeSync } from "node:fs";
import { AioFile, CompletionQueue, metrics } from "../../mod.ts";
import { openSockets, write } from "../helpers/channels.ts";
import { outcomeOf } from "../helpers/errors.ts";
import { drain, fill, turn } from "../helpers/mod.ts";
import { makeFifos } from "./fifos.ts";

const [path, temperature] = Deno.args;
const bytes = new Uint8Array(10);
const settled = (call: Promise<unknown>) =>
  outcomeOf(call).then(() => "settled");

// The engine has its memory for files, and none for pipes.
const plain = await AioFile.open(path, { read: true, write: true });
await plain.writeAt(bytes, 0);
const [empty, full, other] = makeFifos(3);
const [reader, writer, file] = [empty, full, other].map(({ fd }) =>
  AioFile.adopt(fd)
);
const [fd, peer] = openSockets();
const socket = AioFile.adopt(fd);
const inFlight: Promise<string>[] = [];
if (temperature === "warm") {
  await file.writeAt(bytes, 0);
  await file.readAt(bytes, 0);
  fill(full.control);
  inFlight.push(
    settled(reader.readAt(bytes, 0)),
    settled(writer.writeAt(bytes, 0)),
    settled(socket.readAt(bytes, 0)),
  );
  await turn(); // In which the library has tried them.
}
Deno.permissions.revokeSync({ name: "ffi" });

// A ring waits on. A poll(2) takes memory each time, and nobody has to come.
if (metrics().engine === "io_uring") {
  writeSync(empty.control, bytes);
  drain(full.control);
  write(peer, bytes);
}
const outcomes = {
  inFlight: await Promise.all(inFlight),
  write: await settled(file.writeAt(bytes, 0)),
  writeOfSocket: await outcomeOf(socket.writeAt(bytes, 0)),
  readOfSocket: await outcomeOf(socket.readAt(bytes, 0)),
  oneBehindTheOther: await Promise.all(
    [0, 1].map(() => outcomeOf(socket.writeAt(bytes, 0))),
  ),
  sync: await settled(file.sync()),
  queue: "",
  canceled: "",
  close: [] as string[],
  left: 0,
};
const queue = new CompletionQueue();
queue.write(socket, bytes, 0);
for await (const { error } of queue.drain()) {
  outcomes.queue = (error?.cause as Error)?.name ?? "resolved";
}
const read = settled(reader.readAt(bytes, 0));
await reader.cancel();
outcomes.canceled = await read;
for (const opened of [reader, writer, file, socket, plain]) {
  outcomes.close.push(await outcomeOf(opened.close()));
}
outcomes.left = metrics().inFlight + metrics().queued;
console.log(JSON.stringify(outcomes));
Deno.exit();
