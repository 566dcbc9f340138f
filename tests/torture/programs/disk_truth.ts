/**
 * Writes to a disk that fails, without the library. Prints which blocks fsync(2)
 * told to be lost, and which ones are, by what the disk has and by what is read
 * after it was mounted again.
 */
import { readFileSync, writeSync } from "node:fs";
import { closeSync, openSync } from "../../helpers/mod.ts";
import { fsyncSync } from "node:fs";
import { BLOCK_BYTES, FailingDisk } from "../failing_disk.ts";

const BLOCKS = 2048;
/** Only every so many, but some of each piece. */
const STEP_BLOCKS = 32;
const { directory } = JSON.parse(Deno.args[0]);
let pieces = 0;
const disk = new FailingDisk(directory, BLOCKS, 0, () => pieces++ % 2 === 0);

const blocks = Array.from(
  { length: BLOCKS / STEP_BLOCKS },
  (_, at) => at * STEP_BLOCKS,
);
const valueOf = (block: number) => 1 + block / STEP_BLOCKS;
const isThere = (block: number, bytes: Uint8Array) =>
  bytes.length === BLOCK_BYTES &&
  bytes.every((byte) => byte === valueOf(block));

const told = blocks.filter((block) => {
  const fd = openSync(disk.path, "r+");
  const bytes = new Uint8Array(BLOCK_BYTES).fill(valueOf(block));
  writeSync(fd, bytes, 0, BLOCK_BYTES, block * BLOCK_BYTES);
  try {
    fsyncSync(fd);
    return false;
  } catch {
    return true;
  } finally {
    closeSync(fd);
  }
});
const onDisk = blocks.filter((block) =>
  !isThere(block, disk.onDisk(block * BLOCK_BYTES, BLOCK_BYTES))
);
disk.remount();
const contents = readFileSync(disk.path);
const read = blocks.filter((block) => {
  const at = block * BLOCK_BYTES;
  return !isThere(block, contents.subarray(at, at + BLOCK_BYTES));
});
const expected = blocks.filter((block) => disk.isFailing(block));
console.log(
  JSON.stringify({ expected, told, onDisk, read, count: blocks.length }),
);
