/** The file that all work is done on, and what the page cache holds of it. */

import { randomFillSync } from "node:crypto";
import { closeSync, openSync, readSync, statfsSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { homedir } from "node:os";

const CHUNK_BYTES = 16 << 20;
const HALF_CHUNK_BYTES = 4 << 20;
const POSIX_FADV_RANDOM = 1, POSIX_FADV_DONTNEED = 4;
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
export function dropFromCache(path: string) {
  withAdvice(path, (_, advise) => advise(POSIX_FADV_DONTNEED));
}

/** Leaves every other chunk of a file in the page cache, and nothing else. */
export function dropHalfFromCache(path: string, fileBytes: number) {
  const chunk = new Uint8Array(HALF_CHUNK_BYTES);
  withAdvice(path, (fd, advise) => {
    advise(POSIX_FADV_DONTNEED);
    advise(POSIX_FADV_RANDOM); // nothing is read ahead
    for (let at = 0; at < fileBytes; at += 2 * HALF_CHUNK_BYTES) {
      readSync(fd, chunk, 0, HALF_CHUNK_BYTES, at);
    }
  });
}

/** Calls a function with what the system has for page caches, if it has it. */
function withAdvice(
  path: string,
  fn: (fd: number, advise: (advice: number) => void) => void,
) {
  if (Deno.build.os !== "linux") return;
  const libc = Deno.dlopen("libc.so.6", {
    posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
  });
  const fd = openSync(path, "r");
  try {
    fn(fd, (advice) => {
      const errno = libc.symbols.posix_fadvise(fd, 0n, 0n, advice);
      if (errno !== 0) {
        throw new Error(`posix_fadvise() reports error ${errno}`);
      }
    });
  } finally {
    closeSync(fd);
    libc.close();
  }
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
