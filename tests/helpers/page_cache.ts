/**
 * The page cache: whether reads are asked of it first, and what is in it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { closeSync, fsyncSync, openSync, readSync } from "node:fs";
import { settings } from "../../lib/system/settings.ts";
import { configure } from "../../mod.ts";

/** Sets whether it is asked, for as long as the result is there. */
export function withPageCache(pageCache: boolean): Disposable {
  const before = settings.pageCache;
  configure({ pageCache });
  return { [Symbol.dispose]: () => configure({ pageCache: before }) };
}

/** Sets it for a program that does not set it itself. */
export function pageCacheVariable(
  pageCache: boolean | undefined,
): Record<string, string> {
  if (pageCache === undefined) return {};
  return { POSIX_AIO_PAGE_CACHE: pageCache ? "1" : "0" };
}

const POSIX_FADV_RANDOM = 1;
const POSIX_FADV_DONTNEED = 4;

/** Calls a function with what the C library has for page caches. */
function withAdvice(
  path: string,
  fn: (fd: number, advise: (advice: number) => void) => void,
): void {
  const libc = Deno.dlopen("libc.so.6", {
    posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
  });
  const fd = openSync(path, "r");
  try {
    fn(fd, (advice) => {
      assertEquals(libc.symbols.posix_fadvise(fd, 0n, 0n, advice), 0);
    });
  } finally {
    closeSync(fd);
    libc.close();
  }
}

/** Takes a file out of the page cache, once it is on disk. */
export function evict(path: string): void {
  withAdvice(path, (fd, advise) => {
    fsyncSync(fd);
    advise(POSIX_FADV_DONTNEED);
  });
}

/** Reads so many bytes of a file into the page cache, and no others with them. */
export function readIntoCache(path: string, byteLength: number): void {
  withAdvice(path, (fd, advise) => {
    advise(POSIX_FADV_RANDOM);
    const read = readSync(fd, new Uint8Array(byteLength), 0, byteLength, 0);
    assertEquals(read, byteLength);
  });
}
