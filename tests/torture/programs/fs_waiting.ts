/**
 * Has a file system wait, and prints what goes on meanwhile.
 */
import { AioFile } from "../../../mod.ts";
import { Directory, isPending, outcomeOf } from "../../helpers/mod.ts";
import { printOutcome } from "../../programs/where.ts";
import { FailingFs } from "../failing_fs.ts";

/** What the test asks for. */
interface Options {
  where: "main" | "worker";
  program: string;
  directory: string;
  task: keyof typeof tasks;
}

const options: Options = JSON.parse(Deno.args[0]);
const BLOCK_BYTES = 4096;
/** More than the runtime has threads for. */
const CALLS = 40;

const tasks = {
  /** Calls that change one file, and those of another one. */
  async "calls of another file"(fs: FailingFs) {
    const silent = await AioFile.open(fs.file("file"), { write: true });
    using directory = new Directory();
    const path = directory.file(new Uint8Array(0));
    const other = await AioFile.open(path, { read: true, write: true });
    // A worker opens the file once more, at once, for what changes it first.
    await silent.truncate(0);
    const resume = fs.pause();
    const waiting = Array.from({ length: CALLS }, () => silent.truncate(1));
    const outcomes = [
      outcomeOf(other.size()),
      outcomeOf(other.stat()),
      outcomeOf(other.truncate(BLOCK_BYTES)),
      outcomeOf(other.advise("sequential")),
      outcomeOf(other.close()),
    ];
    const others = await Promise.all(outcomes);
    const areWaiting = await Promise.all(waiting.map(isPending));
    resume();
    await Promise.all(waiting);
    await silent.close();
    return { others, waiting: areWaiting.filter(Boolean).length };
  },

  /** Closing a file that was written, by several descriptors. */
  async close(fs: FailingFs) {
    const file = await AioFile.open(fs.file("file"), { write: true });
    await file.writeAt(new Uint8Array(BLOCK_BYTES), 0);
    await file.syncData();
    await file.append(new Uint8Array(BLOCK_BYTES));
    const resume = fs.pause();
    const closing = file.close();
    const isWaiting = await isPending(closing);
    resume();
    return [isWaiting, await outcomeOf(closing)];
  },
};

await printOutcome(import.meta.url, options.where, async () => {
  const { program, directory, task } = options;
  await using fs = await FailingFs.mount(program, directory);
  return await tasks[task](fs);
});
