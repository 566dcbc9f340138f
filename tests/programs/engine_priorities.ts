/** Prints the order in which reads of a regular file are served. */
import { AioFile, configure } from "../../mod.ts";

const [path, ...priorities] = Deno.args;
configure({ lanes: 1, maxInFlight: 1 });
await using file = await AioFile.open(path);
const order: number[] = [];
await Promise.all(priorities.map(async (priority, index) => {
  await file.readAt(new Uint8Array(4), 0, { priority: Number(priority) });
  order.push(index);
}));
console.log(JSON.stringify(order));
