/** Uses a completion queue in a worker. Prints how many completions came. */
import {
  AioFile,
  CompletionQueue,
  type CompletionQueueOptions,
} from "../../mod.ts";

const url = new URL(import.meta.url);
const notify = url.searchParams.get("notify");
if (notify === null) {
  url.searchParams.set("notify", Deno.args[0]);
  const worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }) => {
    console.log(data);
    worker.terminate();
  };
} else {
  const file = await AioFile.open(new URL(url.pathname, url));
  const queue = new CompletionQueue<number>({
    notify: notify as CompletionQueueOptions["notify"],
  });
  for (let tag = 0; tag < 100; tag++) {
    queue.read(file, new Uint8Array(100), tag, tag);
  }
  let count = 0;
  for await (const { bytes } of queue.drain()) if (bytes === 100) count++;
  (self as unknown as Worker).postMessage(count);
}
