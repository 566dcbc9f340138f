/**
 * Writes and synchronizes after the permission for native calls was revoked. Prints
 * what came of each.
 */
import { AioFile, CompletionQueue, metrics } from "../../mod.ts";

const file = await AioFile.open(Deno.args[0], { read: true, write: true });
Deno.permissions.revokeSync({ name: "ffi" });

function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(() => "resolved", ({ name }) => name);
}

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
  // Of nothing that was written.
  sync: await outcomeOf(file.sync()).then(() => "settled"),
  close: "",
  left: 0,
};
const queue = new CompletionQueue<void>();
queue.write(file, bytes, 0);
for await (const { error } of queue.drain()) {
  outcomes.queue = (error!.cause as Error).name;
}
outcomes.close = await outcomeOf(file.close()).then(() => "settled");
const { inFlight, queued } = metrics();
outcomes.left = inFlight + queued;
console.log(JSON.stringify(outcomes));
Deno.exit();
