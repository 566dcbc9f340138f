/**
 * A page to learn from: copies a file with eight requests in flight.
 *
 * ```sh
 * deno run --allow-ffi --allow-read --allow-write examples/simple_copy.ts SOURCE TARGET
 * ```
 *
 * Eight workers run beside each other. Each takes the next block, reads it, and writes it
 * at the same place. So there are never more than eight requests in flight, nor more
 * memory in use than eight blocks.
 *
 * What a tool has besides (options, progress, an old target that is kept until the new one
 * is whole, devices and pipes) is in `copy.ts`.
 *
 * @module
 */

import { rm } from "node:fs/promises";
import process from "node:process";
import { AioFile, allocatePinned } from "../mod.ts";

const WORKERS = 8;
const BLOCK_BYTES = 1 << 20;

/**
 * Copies a regular file.
 *
 * @param source The file to copy.
 * @param target The file to make. It must not be there.
 * @returns How many bytes were copied, which are on disk then.
 * @throws {AioError} If a file cannot be opened, read or written: `ENOENT`, `EEXIST`, `ENOSPC`.
 */
export async function copyFile(
  source: string,
  target: string,
): Promise<number> {
  // `await using` closes the files, whatever happens.
  await using from = await AioFile.open(source);
  await using to = await AioFile.open(target, { write: true, createNew: true });
  const size = await from.size();
  let next = 0;

  async function work(): Promise<void> {
    // The system reads into pinned memory in place; other memory costs a copy.
    const block = allocatePinned(BLOCK_BYTES);
    while (next < size) {
      // No `await` between these lines: no other worker gets the same block.
      const offset = next;
      next += BLOCK_BYTES;
      const wanted = block.subarray(0, size - offset);
      // A read is short only at the end of the file.
      if (await from.readAt(wanted, offset) < wanted.length) {
        throw new Error(`${source} became shorter during the copy`);
      }
      await to.writeAt(wanted, offset);
    }
  }

  try {
    // If one fails, closing the files refuses what the others ask for after that.
    await Promise.all(Array.from({ length: WORKERS }, work));
    // What is written may be in the page cache only, and a disk may fail only now.
    await to.sync();
  } catch (error) {
    await rm(target);
    throw error;
  }
  return size;
}

if (import.meta.main) {
  const [source, target] = process.argv.slice(2);
  if (target === undefined) {
    console.error("usage: simple_copy.ts SOURCE TARGET");
    process.exit(2);
  }
  try {
    console.log(`copied ${await copyFile(source, target)} bytes`);
  } catch (error) {
    // The message says what could not be done, with which file, and why.
    console.error(`simple_copy: ${(error as Error).message}`);
    process.exit(1);
  }
}
