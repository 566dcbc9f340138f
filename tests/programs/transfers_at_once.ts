/**
 * Reads and writes a file at many places at the same time, and prints whether every
 * transfer had its own.
 */
import { AioFile, metrics } from "../../mod.ts";

const [path] = Deno.args;
const BLOCKS = 64;
const BLOCK_BYTES = 4096;
const ROUNDS = 5;

const block = (at: number, round: number) =>
  new Uint8Array(BLOCK_BYTES).fill(1 + (at + round * 7) % 251);
const isSame = (one: Uint8Array, other: Uint8Array) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

const file = await AioFile.open(path, { read: true, write: true });
const places = Array.from({ length: BLOCKS }, (_, at) => at);
let wrong = 0;
for (let round = 0; round < ROUNDS; round++) {
  const writes = places.map((at) =>
    file.writeAt(block(at, round), at * BLOCK_BYTES)
  );
  await Promise.all(writes);
  await Promise.all(places.map(async (at) => {
    const into = new Uint8Array(BLOCK_BYTES);
    await file.readAt(into, at * BLOCK_BYTES);
    if (!isSame(into, block(at, round))) wrong++;
  }));
}
await file.close();
const contents = Deno.readFileSync(path);
const isRight = places.every((at) =>
  isSame(
    contents.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES),
    block(at, ROUNDS - 1),
  )
);
const { engine } = metrics();
console.log(JSON.stringify({ engine, wrong, isRight }));
