/**
 * The page cache: whether reads are asked of it first, and what is in it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  statfsSync,
} from "node:fs";
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
const PAGE_BYTES = 4096;
const PROT_READ = 1;
const MAP_SHARED = 1;

/** What the C library has for page caches. */
interface PageCacheOfFile {
  readonly fd: number;
  advise(advice: number): void;
  /** Whether the page cache has any page of the file. */
  isCached(): boolean;
}

/** Calls a function with what the C library has for a file's page cache. */
function withPageCacheOf(
  path: string,
  fn: (file: PageCacheOfFile) => void,
): void {
  const libc = Deno.dlopen("libc.so.6", {
    posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },
    mmap: {
      parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
      result: "pointer",
    },
    mincore: { parameters: ["pointer", "usize", "buffer"], result: "i32" },
    munmap: { parameters: ["pointer", "usize"], result: "i32" },
  });
  const { posix_fadvise, mmap, mincore, munmap } = libc.symbols;
  const fd = openSync(path, "r");
  try {
    fn({
      fd,
      advise: (advice) => assertEquals(posix_fadvise(fd, 0n, 0n, advice), 0),
      isCached() {
        const { size } = fstatSync(fd);
        if (size === 0) return false;
        const length = BigInt(size);
        const memory = mmap(null, length, PROT_READ, MAP_SHARED, fd, 0n);
        const pages = new Uint8Array(Math.ceil(size / PAGE_BYTES));
        assertEquals(mincore(memory, length, pages), 0);
        munmap(memory, length);
        return pages.some((page) => (page & 1) !== 0);
      },
    });
  } finally {
    closeSync(fd);
    libc.close();
  }
}

/**
 * The system keeps pages for a moment that another processor has just had to do
 * with; on a busy machine for longer.
 */
const EVICT_TRIES = 1000;
const EVICT_PAUSE_MS = 5;
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/** Of tmpfs, which has no other place for its pages. */
const TMPFS_MAGIC = 0x01021994;

/** Takes a file out of the page cache, once it is on disk. */
export function evict(path: string): void {
  if (statfsSync(path).type === TMPFS_MAGIC) return;
  withPageCacheOf(path, ({ fd, advise, isCached }) => {
    for (let tries = 0; tries < EVICT_TRIES; tries++) {
      fsyncSync(fd);
      advise(POSIX_FADV_DONTNEED);
      if (!isCached()) return;
      Atomics.wait(nobodyWakes, 0, 0, EVICT_PAUSE_MS);
    }
    throw new Error(`The system keeps pages of ${path} in its cache`);
  });
}

/** Reads so many bytes of a file into the page cache, and no others with them. */
export function readIntoCache(path: string, byteLength: number): void {
  withPageCacheOf(path, ({ fd, advise }) => {
    advise(POSIX_FADV_RANDOM);
    const read = readSync(fd, new Uint8Array(byteLength), 0, byteLength, 0);
    assertEquals(read, byteLength);
  });
}
