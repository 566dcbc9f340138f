/**
 * Cancels synchronizations that the system cannot take yet, because it has as
 * many requests as it may have. Prints what came of each.
 */
import { AioFile, configure } from "../../mod.ts";
import { delay, Fifo } from "../helpers/mod.ts";

configure({ threads: 1, maxInFlight: 1 });
await using fifo = new Fifo();
const busy = await AioFile.open(Deno.args[0]);
await using file = await AioFile.open(Deno.args[1], { write: true });

/** Has the only thread wait, and a request of another file wait for it. */
async function occupy(): Promise<() => Promise<void>> {
  const release = fifo.occupyThread();
  await delay(5);
  const read = busy.readAt(new Uint8Array(1), 0);
  return async () => {
    await release();
    await read;
  };
}

const codeOf = (call: Promise<void>) =>
  call.then(() => "done", ({ code }) => code);

let release = await occupy();
const controller = new AbortController();
const call = file.sync({ signal: controller.signal });
controller.abort("no more");
const aborted = await Promise.race([
  call.catch((reason) => reason),
  delay(1000, "it waits for the system", { ref: false }),
]);
await release();

release = await occupy();
const sync = codeOf(file.sync());
const canceled = [await file.cancel(), await sync].reverse();
await release();

release = await occupy();
const shared = new AbortController();
const syncs = [
  file.sync(),
  file.sync({ signal: shared.signal }),
  file.syncData(),
].map(codeOf);
shared.abort("no more");
await release();
await syncs[1];
const others = [await syncs[0], await syncs[2]];
console.log(JSON.stringify({ aborted, canceled, others }));
await busy.close();
