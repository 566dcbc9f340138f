/**
 * Writes into the page cache with io_uring. Prints how many writes of each kind the
 * ring had, and how many of some more settled though they were canceled.
 */
import { OPCODE, Rings } from "../../ffi/io_uring.ts";
import { AioFile } from "../../mod.ts";

const [path] = Deno.args;
const KIB = 1024;
const CANCELED = 64;

let inRing = 0;
const { add } = Rings.prototype;
Rings.prototype.add = function (entry, key) {
  const isWrite = [OPCODE.WRITE, OPCODE.WRITEV].includes(entry.opcode);
  // An empty one only asks what the file system does.
  if (isWrite && entry.length > 0) inRing++;
  add.call(this, entry, key);
};

/** How many entries of writes the ring has while a function runs. */
async function written(fn: () => Promise<unknown>): Promise<number> {
  const before = inRing;
  await fn();
  return inRing - before;
}

await using file = await AioFile.open(path, { write: true });
const bytes = new Uint8Array(256 * KIB);
const short = await written(() =>
  Promise.all([0, 1, 2].map((at) => file.writeAt(bytes.subarray(0, 9), at)))
);
const long = await written(() => file.writeAt(bytes, 0));
const list = await written(() =>
  file.writeAt([bytes.subarray(0, 9), bytes.subarray(9, 20)], 0)
);
const writes = Array.from(
  { length: CANCELED },
  () => file.writeAt(bytes.subarray(0, 4 * KIB), 0),
);
const canceled = await file.cancel();
const outcomes = await Promise.allSettled(writes);
const rejected = outcomes.filter(({ status }) => status === "rejected").length;
console.log(JSON.stringify({
  inRing: { short, long, list },
  isCounted: canceled === rejected,
}));
