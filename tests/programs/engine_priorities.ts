/** Prints the order in which reads of a regular file are served, by one lane. */
import { AioFile, configure } from "../../mod.ts";

const [path, maxInFlight, ...priorities] = Deno.args;
configure({ lanes: 1, maxInFlight: Number(maxInFlight) });
await using file = await AioFile.open(path);
const order: number[] = [];
await Promise.all(priorities.map(async (priority, index) => {
  await file.readAt(new Uint8Array(4), 0, { priority: Number(priority) });
  order.push(index);
}));
console.log(JSON.stringify(order));
