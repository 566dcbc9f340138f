/**
 * Writes and synchronizes after the permission for native calls was revoked. Prints
 * what came of each.
 */
import { AioFile, CompletionQueue, metrics } from "../../mod.ts";
import { outcomeOf } from "../helpers/errors.ts";

const [path, temperature] = Deno.args;
const file = await AioFile.open(path, { read: true, write: true });
const long = new Uint8Array(300_000);
if (temperature === "warm") {
  await file.writeAt(new Uint8Array(4096), 0);
  await file.sync();
  await file.readAt(long, 0);
}
Deno.permissions.revokeSync({ name: "ffi" });

const bytes = new Uint8Array(10);
const outcomes = {
  write: await outcomeOf(file.writeAt(bytes, 0)),
  append: await outcomeOf(file.append(bytes)),
  batch: await outcomeOf(
    file.batch([{ type: "write", buffer: bytes, offset: 0 }]).then(([one]) => {
      if (one.status === "rejected") throw one.reason;
    }),
  ),
  queue: "",
  // Where there is memory for them already, the engine serves them.
  read: await outcomeOf(file.readAt(long, 0)).then(() => "settled"),
  readInBatch: await file.batch([{ type: "read", buffer: long, offset: 0 }])
    .then(() => "settled"),
  // Of nothing that was written.
  sync: await outcomeOf(file.sync()).then(() => "settled"),
  close: "",
  left: 0,
  completions: 0,
};
const queue = new CompletionQueue();
queue.write(file, bytes, 0);
queue.read(file, long, 0);
queue.submit([{ type: "read", file, buffer: bytes, offset: 0 }]);
let completions = 0;
for await (const { operation, error } of queue.drain()) {
  completions++;
  if (operation === "write") {
    outcomes.queue = (error?.cause as Error)?.name ??
      "resolved";
  }
}
outcomes.completions = completions;
outcomes.close = await outcomeOf(file.close()).then(() => "settled");
const { inFlight, queued } = metrics();
outcomes.left = inFlight + queued;
console.log(JSON.stringify(outcomes));
Deno.exit();
