/**
 * Reads a file as it is told to. Prints what the system was asked for: each
 * `preadv2()` with its flags and its result, where each read of the engine began and
 * how many bytes it was to read, and which reads asked the page cache.
 */
import type { Entry } from "../../ffi/io_uring.ts";
import type { Transfer } from "../../lib/engine/transfer.ts";
import type { CompletionQueueOptions } from "../../mod.ts";

/** What is to be done. */
export interface Plan {
  path: string;
  /** What the file has. */
  byteLength: number;
  /**
   * What `preadv2()` fails with, that it has one page or gives one at a time, or that
   * there is none.
   */
  preadv2?: number | "one page" | "page by page" | "missing";
  /** Which of its calls find nothing that is cached. */
  misses?: number[];
  direct?: boolean;
  pageCache?: boolean;
  /** How many bytes of a file that is not cached are cached before the reads. */
  cached?: number;
  /** How many requests the system may have at once. */
  maxInFlight?: number;
  /** Whether a call of the system takes long by which that is measured. */
  hasSlowCalls?: boolean;
  /** Whether reads do not wait for each other. */
  isTogether?: boolean;
  reads: PlannedRead[];
}

/** One read. */
export interface PlannedRead {
  offset?: number;
  length: number;
  memory?: "ordinary" | "pinned" | "shared";
  /** Where the memory is cut into a list of buffers. */
  cuts?: number[];
  /** Of a completion queue, which has the read then. */
  notify?: CompletionQueueOptions["notify"];
  /** Whether it has options. */
  hasOptions?: boolean;
}

const plan: Plan = JSON.parse(Deno.args[0]);
const PAGE_BYTES = 4096;
const EAGAIN = 11;
const preadv2: [flags: number, result: number][] = [];
const engineReads: [offset: number, length: number][] = [];
const { dlopen } = Deno;

// deno-lint-ignore no-explicit-any
type Symbols = Record<string, any>;
type Pointer = Deno.PointerObject;

function replace(symbols: Symbols): void {
  const { preadv2: original, aio_read } = symbols;
  if (plan.preadv2 === "missing") symbols.preadv2 = null;
  else if (original !== null) {
    symbols.preadv2 = (...args: unknown[]) => {
      if (plan.preadv2 === "page by page") shorten(args);
      const result = resultOf(symbols, () => original(...args));
      preadv2.push([args[4] as number, result]);
      return result;
    };
  }
  symbols.aio_read = (block: Pointer) => {
    const view = new Deno.UnsafePointerView(block);
    const { offset, nbytes } = platform.aiocb;
    engineReads.push([
      Number(view.getBigInt64(offset)),
      Number(view.getBigUint64(nbytes)),
    ]);
    return aio_read(block);
  };
}

/** Has a call read one page at most. */
function shorten(args: unknown[]): void {
  const [, iovecs, count] = args as [number, Pointer, number];
  const fields = new BigUint64Array(
    Deno.UnsafePointerView.getArrayBuffer(iovecs, 16 * count),
  );
  let left = BigInt(PAGE_BYTES);
  for (let at = 1; at < fields.length; at += 2) {
    if (fields[at] > left) fields[at] = left;
    left -= fields[at];
  }
}

function resultOf(symbols: Symbols, call: () => number): number {
  if (typeof plan.preadv2 === "number") return failed(symbols, plan.preadv2);
  if (plan.misses?.includes(preadv2.length)) return failed(symbols, EAGAIN);
  if (plan.preadv2 !== "one page") return call();
  return preadv2.length === 0
    ? Math.min(call(), PAGE_BYTES)
    : failed(symbols, EAGAIN);
}

function failed(symbols: Symbols, errno: number): number {
  const location = symbols.errno_location();
  new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4))[0] = errno;
  return -1;
}

Object.defineProperty(Deno, "dlopen", {
  value: (...args: Parameters<typeof dlopen>) => {
    const library = dlopen(...args);
    const replaced: Symbols = { ...library.symbols };
    if ("aio_read" in replaced) replace(replaced);
    return { symbols: replaced, close: () => library.close() };
  },
});

// Importing it binds the functions.
const { platform } = await import("../../lib/system/constants.ts");
const { AioFile, allocatePinned, CompletionQueue, configure, metrics } =
  await import("../../mod.ts");
const { OPCODE, Rings } = await import("../../ffi/io_uring.ts");
const { cut, evict, pattern, readIntoCache } = await import(
  "../helpers/mod.ts"
);

const READS = [OPCODE.READ, OPCODE.READV];
const { add } = Rings.prototype;
Rings.prototype.add = function (entry, key) {
  // An empty one only asks whether the file can be tried.
  if (READS.includes(entry.opcode) && entry.length > 0) {
    const { offset, byteLength } = entry as Entry & Transfer;
    engineReads.push([Number(offset), byteLength]);
  }
  add.call(this, entry, key);
};

const SLOW_MS = 0.01;
if (plan.hasSlowCalls) {
  Rings.prototype.callForNothing = () => {
    const end_ms = performance.now() + SLOW_MS;
    while (performance.now() < end_ms);
  };
}

const { path, direct, pageCache, cached, maxInFlight } = plan;
if (cached !== undefined) {
  evict(path);
  readIntoCache(path, cached);
}
configure({ pageCache, maxInFlight });
const contents = pattern(plan.byteLength);
const allocate = {
  ordinary: (length: number) => new Uint8Array(length),
  shared: (length: number) => new Uint8Array(new SharedArrayBuffer(length)),
  pinned: allocatePinned,
};
const asked: number[] = [];
const bytes: number[] = [];
let areRight = true;
const all: Promise<void>[] = [];

await using file = await AioFile.open(path, { direct });
for (const [index, read] of plan.reads.entries()) {
  const reading = makeRead(index, read);
  if (!plan.isTogether) await reading;
  else all.push(reading);
}
await Promise.all(all);
const { cacheHits: hits, cacheMisses: misses } = metrics();
const answers = { hits, misses, asked, bytes, areRight };
console.log(JSON.stringify({ preadv2, engineReads, ...answers }));

async function makeRead(index: number, read: PlannedRead): Promise<void> {
  const { offset = 0, length, memory = "ordinary" } = read;
  const into = allocate[memory](length);
  const before = metrics();
  const reading = outcomeOf(into, offset, read);
  const after = metrics();
  const misses = after.cacheMisses - before.cacheMisses;
  const hits = after.cacheHits - before.cacheHits;
  if (misses + hits > 0) asked.push(index);
  const count = bytes[index] = await reading;
  areRight &&= into.subarray(0, count)
    .every((byte, at) => byte === contents[offset + at]);
}

async function outcomeOf(
  into: Uint8Array,
  offset: number,
  { notify, hasOptions, cuts }: PlannedRead,
): Promise<number> {
  if (notify === undefined) {
    const buffers = cuts === undefined ? into : cut(into, cuts);
    return await file.readAt(buffers, offset, hasOptions ? {} : undefined);
  }
  await using queue = new CompletionQueue({ notify });
  queue.read(file, into, offset, undefined);
  const { value } = await queue.drain().next();
  return value.bytes;
}
