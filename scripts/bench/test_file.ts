/** The file that all work is done on, and what the page cache holds of it. */

import { randomFillSync } from "node:crypto";
import { statfsSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { homedir } from "node:os";

const CHUNK_BYTES = 16 << 20;
const MEMORY_FILESYSTEMS = [0x01021994, 0x858458f6]; // tmpfs, ramfs

/** A file of random bytes, on the disk when this returns. */
export async function createTestFile(path: string, bytes: number) {
  const chunk = new Uint8Array(CHUNK_BYTES);
  await using file = await open(path, "w");
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    randomFillSync(chunk);
    await file.write(chunk, 0, Math.min(CHUNK_BYTES, bytes - at), at);
  }
  await file.sync();
}

/** Reads the whole file, so that the page cache has it. */
export async function warm(path: string) {
  const chunk = new Uint8Array(CHUNK_BYTES);
  await using file = await open(path, "r");
  while ((await file.read(chunk, 0, CHUNK_BYTES, null)).bytesRead > 0);
}

/** Writes back what is dirty, so that no run pays for the one before. */
export async function flush(path: string) {
  await using file = await open(path, "r+");
  await file.sync();
}

/** As far as the system lets us: cached pages slow down direct transfers. */
export async function dropFromCache(path: string) {
  await new Deno.Command("dd", {
    args: [`if=${path}`, "iflag=nocache", "count=0"],
    stdout: "null",
    stderr: "null",
  }).output().catch(() => {});
}

export function isInMemory(directory: string): boolean {
  return MEMORY_FILESYSTEMS.includes(statfsSync(directory).type);
}

/** The first usual place for temporary data that is on a disk. */
export async function defaultDirectory(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${homedir()}/.cache`;
  const places = [`${cache}/posix-aio-bench`, "/var/tmp/posix-aio-bench"];
  for (const place of places) {
    try {
      await mkdir(place, { recursive: true });
      if (!isInMemory(place)) return place;
    } catch {
      continue;
    }
  }
  throw new Error(
    `Neither of ${places.join(", ")} is on a disk: name a directory by --dir`,
  );
}
