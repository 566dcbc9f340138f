/**
 * Writes to a file that is opened to be synchronous, many writes at the same time,
 * half of them where the disk fails. Prints how many resolved and were rejected,
 * and how many resolved although they are lost.
 */
import pMap from "p-map";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { AioFile, allocatePinned } from "../../../mod.ts";
import { BLOCK_BYTES, FailingDisk } from "../failing_disk.ts";

/** What the test asks for. */
interface Options {
  directory: string;
  seed: number;
  synchronous: "data" | "full";
  direct: boolean;
}

const { directory, seed, synchronous, direct }: Options = JSON.parse(
  Deno.args[0],
);
const BLOCKS = 2048;
const IN_FLIGHT = 24;

let pieces = 0;
const disk = new FailingDisk(directory, BLOCKS, 0, () => pieces++ % 2 === 0);
const valueOf = (block: number) => 1 + block % 121; // None is `z`.

/** All blocks, in disorder. */
function shuffled(): number[] {
  const random = xoroshiro128plus(seed);
  const blocks = [...Array(BLOCKS).keys()];
  for (let at = blocks.length - 1; at > 0; at--) {
    const other = uniformInt(random, 0, at);
    [blocks[at], blocks[other]] = [blocks[other], blocks[at]];
  }
  return blocks;
}

const file = await AioFile.open(disk.path, {
  write: true,
  synchronous,
  direct,
});
const resolved = new Set<number>();
await pMap(shuffled(), async (block) => {
  const bytes = allocatePinned(BLOCK_BYTES).fill(valueOf(block));
  await file.writeAt(bytes, block * BLOCK_BYTES).then(
    () => resolved.add(block),
    () => {}, // Counted by what is missing.
  );
}, { concurrency: IN_FLIGHT });
// What it still has to tell belongs to what was rejected.
await file.close().catch(() => {});

disk.remount();
const contents = Deno.readFileSync(disk.path);
const lost = [...resolved].filter((block) => {
  const at = block * BLOCK_BYTES;
  const bytes = contents.subarray(at, at + BLOCK_BYTES);
  return bytes.some((byte) => byte !== valueOf(block));
});

/** How many writes to such places resolved, and how many did not. */
function outcomesOf(isFailing: boolean) {
  const blocks = [...Array(BLOCKS).keys()]
    .filter((block) => disk.isFailing(block) === isFailing);
  const count = blocks.filter((block) => resolved.has(block)).length;
  return { resolved: count, rejected: blocks.length - count };
}

console.log(JSON.stringify({
  lost: lost.length,
  good: outcomesOf(false),
  failing: outcomesOf(true),
}));
