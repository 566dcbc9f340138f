/**
 * Has another open file of the same file synchronized between a write that is lost and
 * the synchronization behind it: the system tells each open file, but none that was
 * opened since. Prints what came of them.
 */
import { fsyncSync } from "node:fs";
import { AioFile } from "../../../mod.ts";
import { openSync } from "../../helpers/mod.ts";
import { printOutcome } from "../../programs/where.ts";
import { BLOCK_BYTES, FailingDisk } from "../failing_disk.ts";

const BLOCKS = 1024;
const WRITTEN_BLOCKS = 256;

interface Options {
  directory: string;
  where: "main" | "worker";
}

const { directory, where }: Options = JSON.parse(Deno.args[0]);

function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(() => "resolved", ({ code }) => code);
}

await printOutcome(import.meta.url, where, async () => {
  const disk = new FailingDisk(directory, BLOCKS, WRITTEN_BLOCKS, () => true);
  const other = openSync(disk.path, "r+");
  const file = await AioFile.open(disk.path, { read: true, write: true });
  const bytes = new Uint8Array(WRITTEN_BLOCKS * BLOCK_BYTES).fill(7);
  const written = await outcomeOf(file.writeAt(bytes, 0));
  let others = "resolved";
  try {
    fsyncSync(other);
  } catch (error) {
    others = (error as NodeJS.ErrnoException).code!;
  }
  return { written, others, synced: await outcomeOf(file.syncData()) };
});
