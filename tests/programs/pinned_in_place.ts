/**
 * Changes memory while writes from it wait for the only thread, and looks into
 * memory that the thread reads into before the event loop has another turn.
 * Prints what was written, and what was where.
 */
import { AioFile, allocatePinned, configure } from "../../mod.ts";
import { decode, delay, encode, Fifo } from "../helpers/mod.ts";

const PATIENCE_MS = 5_000;
const [path] = Deno.args;
configure({ threads: 1, lanes: 1 });
const file = await AioFile.open(path, { read: true, write: true });
await using fifo = new Fifo();

const memories = () => [
  new Uint8Array(1),
  new Uint8Array(new SharedArrayBuffer(1)),
  allocatePinned(1),
];

const release = fifo.occupyThread();
const from = memories();
const writes = from.map((memory, at) => {
  memory.set(encode("A"));
  return file.writeAt(memory, at);
});
await delay(5); // They are handed to the system.
for (const memory of from) memory.set(encode("B"));
await release();
await Promise.all(writes);

const into = memories();
const reads = into.map((memory, at) => file.readAt(memory, at));
// The first one is handed over at once, the others in a microtask.
for (let count = 0; count < 10; count++) await null;
const deadline_ms = performance.now() + PATIENCE_MS;
// No turn of the event loop; they are served in order.
while (into[2][0] === 0 && performance.now() < deadline_ms);
const before = into.map(decode);
await Promise.all(reads);
console.log(JSON.stringify({
  written: Deno.readTextFileSync(path),
  before,
  after: into.map(decode),
}));
