/** Opens files until there are no descriptors left, and reads nevertheless. */
import { AioFile } from "../../mod.ts";
import { pattern } from "../helpers/mod.ts";
import { particularsOf } from "./particulars.ts";

const BLOCK_BYTES = 512;
const BLOCKS = 2000;

// The runtime needs some to listen to signals, and ends the process without.
const ignore = () => {};
Deno.addSignalListener("SIGUSR1", ignore);
Deno.removeSignalListener("SIGUSR1", ignore);

const [path] = Deno.args;
const files: AioFile[] = [];
let error: Record<string, unknown>;
do {
  error = await particularsOf(
    AioFile.open(path).then((file) => files.push(file)),
  );
} while (error.code === undefined);

const expected = pattern(BLOCKS * BLOCK_BYTES);
const reads = Array.from({ length: BLOCKS }, async (_, at) => {
  const into = new Uint8Array(BLOCK_BYTES);
  const offset = at * BLOCK_BYTES;
  await files[at % 3].readAt(into, offset);
  return into.every((byte, index) => byte === expected[offset + index]);
});
const right = (await Promise.all(reads)).filter((isRight) => isRight).length;

await files.pop()!.close();
files.push(await AioFile.open(path));
console.log(JSON.stringify({ error, right, reopened: true }));
