/**
 * Uses many files while reads of many FIFOs wait for data, and feeds the FIFOs
 * then. Prints whether the files were done without that, and what was read.
 */
import { aio_init, AioFile, configure } from "../../mod.ts";
import { Fifo, isPending, pattern, timeLimit } from "../helpers/mod.ts";

const [directory, options, fifoCount, fileCount] = Deno.args;
const { before, init, after } = JSON.parse(options);
const PATIENCE_MS = timeLimit(10_000);
const CALLS = 20;

if (init !== undefined) aio_init(init);
if (before !== undefined) configure(before);
const files = await Promise.all(
  Array.from(
    { length: Number(fileCount) },
    (_, index) =>
      AioFile.open(`${directory}/file${index}`, {
        read: true,
        write: true,
        createNew: true,
      }),
  ),
);
if (after !== undefined) {
  await files[0].readAt(new Uint8Array(1), 0);
  configure(after);
}

const fifos = Array.from({ length: Number(fifoCount) }, () => new Fifo());
const reads = fifos.map(async ({ file }) => {
  const byte = new Uint8Array(1);
  await file.readAt(byte, 0);
  return byte[0];
});

const using = Promise.all(files.map(async (file, index) => {
  await Promise.all(
    Array.from(
      { length: CALLS },
      (_, call) => file.writeAt(pattern(100, index + call * 100), call * 100),
    ),
  );
  await file.append(pattern(100, index + CALLS * 100));
  await file.syncData();
  const contents = new Uint8Array(CALLS * 100 + 100);
  await file.readAt(contents, 0);
  const expected = pattern(contents.length, index);
  return contents.every((byte, at) => byte === expected[at]);
}));
const isStarving = await isPending(using, PATIENCE_MS);

// In an order that has nothing to do with that of the reads.
const order = [...fifos.keys()].sort((a, b) => (a * 7) % 11 - (b * 7) % 11);
const fed: number[] = [];
for (const index of order) {
  if (isStarving) fifos[index].feed(new Uint8Array([index]));
  else {
    // Each by itself is served, whichever wait beside it.
    fifos[index].feed(new Uint8Array([index]));
    if (await isPending(reads[index], PATIENCE_MS)) break;
  }
  fed.push(index);
}
const isRight = (await using).every((isOne) => isOne);
const bytes = await Promise.all(fed.map((index) => reads[index]));
console.log(JSON.stringify({
  isStarving,
  isRight,
  fed: fed.length,
  areBytesRight: bytes.every((byte, at) => byte === fed[at]),
}));
Deno.exit();
