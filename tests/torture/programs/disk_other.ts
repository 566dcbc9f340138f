/**
 * Has another open file of the same file synchronized between a change that is lost and
 * the synchronization behind it: the system tells each open file, but none that was
 * opened since. Prints what came of them.
 */
import { fsyncSync } from "node:fs";
import { AioFile } from "../../../mod.ts";
import { openSync, outcomeOf } from "../../helpers/mod.ts";
import { printOutcome } from "../../programs/where.ts";
import { BLOCK_BYTES, FailingDisk } from "../failing_disk.ts";

const BLOCKS = 1024;
const WRITTEN_BLOCKS = 256;

interface Options {
  directory: string;
  where: "main" | "worker";
  change: keyof typeof CHANGES;
  synchronous?: "data";
  /** How often the file is open, and is changed. */
  files: number;
}

const CHANGES = {
  writeAt: (file: AioFile) =>
    file.writeAt(new Uint8Array(WRITTEN_BLOCKS * BLOCK_BYTES).fill(7), 0),
  writeBlock: (file: AioFile, _path: string, index: number) =>
    file.writeAt(new Uint8Array(BLOCK_BYTES).fill(7), index * BLOCK_BYTES),
  async copyTo(file: AioFile, path: string) {
    await using source = await AioFile.open(path);
    const length = WRITTEN_BLOCKS * BLOCK_BYTES;
    return await source.copyTo(file, { length, to: length });
  },
  // Zeros within a block.
  punchHole: (file: AioFile) => file.punchHole(100, 200),
  truncate: (file: AioFile) => file.truncate(100),
};

const { directory, where, change, synchronous, files }: Options = JSON.parse(
  Deno.args[0],
);

await printOutcome(import.meta.url, where, async () => {
  const disk = new FailingDisk(directory, BLOCKS, WRITTEN_BLOCKS, () => true);
  const other = openSync(disk.path, "r+");
  const opened = await Promise.all(
    Array.from(
      { length: files },
      () => AioFile.open(disk.path, { read: true, write: true, synchronous }),
    ),
  );
  const changed = await Promise.all(
    opened.map((file, index) =>
      outcomeOf(CHANGES[change](file, disk.path, index))
    ),
  );
  // Nothing is in flight afterwards, and what is not needed any more is closed.
  await Promise.all(opened.map((file) => file.readAt(new Uint8Array(1), 0)));
  let others = "resolved";
  try {
    fsyncSync(other);
  } catch (error) {
    others = (error as NodeJS.ErrnoException).code!;
  }
  const synced: string[] = [];
  for (const file of opened) synced.push(await outcomeOf(file.syncData()));
  await Promise.allSettled(opened.map((file) => file.close()));
  return { changed, others, synced };
});
