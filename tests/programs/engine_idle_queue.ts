/**
 * Uses a completion queue, and then lets it be, open, with an iteration that
 * waits for more: the process has to exit.
 */
import {
  AioFile,
  CompletionQueue,
  type CompletionQueueOptions,
} from "../../mod.ts";

const file = await AioFile.open(new URL(import.meta.url));
const queue = new CompletionQueue<number>({
  notify: Deno.args[0] as CompletionQueueOptions["notify"],
});
for (let tag = 0; tag < 20; tag++) {
  queue.read(file, new Uint8Array(10), tag, tag);
}
let count = 0;
for await (const { error } of queue.drain()) if (error === null) count++;
console.log(count);

(async () => {
  for await (const _ of queue) console.log("a completion of nothing");
  console.log("the end");
})();
