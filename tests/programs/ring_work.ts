/**
 * Makes requests of every kind, many at once, and prints which engine served them,
 * what was wrong, and what `rings.c` has counted if it is preloaded. The second
 * argument is how much memory may be locked, by a user for whom that counts.
 */
import {
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
} from "../../mod.ts";
import { cut, Fifo, pattern, turn } from "../helpers/mod.ts";
import {
  becomeOrdinaryUser,
  limit,
  RLIMIT_MEMLOCK,
} from "../posix/programs/libc.ts";

const [directory, lockedBytes] = Deno.args;
const MIB = 1024 * 1024;
const SIZE_BYTES = 2 * MIB;
const BLOCK_BYTES = 2048;
const READS = 1500;
const LINES = 200;
const LINE_BYTES = 37;
const FIFOS = 40;
const COUNTS = ["setups", "refusals", "shorts", "jobs", "overflows"] as const;

const contents = pattern(SIZE_BYTES);
const wrong: string[] = [];

function check(isRight: boolean, what: string): void {
  if (!isRight) wrong.push(what);
}

function sameAt(bytes: Uint8Array, offset: number): boolean {
  return bytes.every((byte, at) => byte === contents[offset + at]);
}

const allocate = (length: number, at: number) =>
  at % 2 === 0 ? new Uint8Array(length) : allocatePinned(length);

async function reads(file: AioFile): Promise<void> {
  await Promise.all(Array.from({ length: READS }, async (_, at) => {
    const offset = at * 7919 % (SIZE_BYTES - 5000);
    const into = allocate(1 + at % 5000, at);
    const bytes = await file.readAt(into, offset);
    check(bytes === into.length && sameAt(into, offset), `a read at ${offset}`);
  }));
  const all = new Uint8Array(SIZE_BYTES + 10);
  const bytes = await file.readAt(all, 0);
  check(bytes === SIZE_BYTES && sameAt(all.subarray(0, bytes), 0), "all of it");
}

/** Lists of buffers, and one of more than a call takes. */
async function lists(file: AioFile, path: string): Promise<void> {
  await Promise.all(Array.from({ length: READS / 10 }, async (_, at) => {
    const offset = at * 7919 % (SIZE_BYTES - 20_000);
    const into = allocate(1 + at * 97 % 20_000, at);
    const places = [0.1, 0.3, 0.9].map((part) =>
      Math.floor(into.length * part)
    );
    const bytes = await file.readAt(cut(into, places), offset);
    check(bytes === into.length && sameAt(into, offset), `a list at ${offset}`);
  }));
  await using written = await AioFile.open(path, { write: true, create: true });
  const all = allocatePinned(SIZE_BYTES);
  all.set(contents);
  const places = Array.from({ length: 2000 }, (_, at) => at * 1009);
  const bytes = await written.writeAt(cut(all, places), 0);
  const isRight = bytes === SIZE_BYTES && sameAt(Deno.readFileSync(path), 0);
  check(isRight, "a list that was written");
}

async function writes(path: string): Promise<void> {
  await using file = await AioFile.open(path, { write: true, create: true });
  const offsets = Array.from(
    { length: SIZE_BYTES / BLOCK_BYTES },
    (_, at) => at * BLOCK_BYTES,
  );
  const written = offsets.map((offset) =>
    file.writeAt(contents.subarray(offset, offset + BLOCK_BYTES), offset)
  );
  await file.sync();
  const counts = await Promise.all(written);
  check(counts.every((count) => count === BLOCK_BYTES), "a count of a write");
  check(sameAt(Deno.readFileSync(path), 0), "what was written");
}

async function appends(path: string): Promise<void> {
  await using log = await AioFile.open(path, { append: true, create: true });
  await Promise.all(Array.from({ length: LINES }, async (_, at) => {
    const start = at * LINE_BYTES;
    await log.append(contents.subarray(start, start + LINE_BYTES));
    if (at % 10 === 0) await log.syncData();
  }));
  const found = Deno.readFileSync(path);
  check(found.length === LINES * LINE_BYTES && sameAt(found, 0), "the log");
}

async function queued(file: AioFile): Promise<void> {
  const queue = new CompletionQueue<number>();
  const buffers = Array.from({ length: 300 }, (_, at) => allocate(999, at));
  buffers.forEach((into, at) => queue.read(file, into, at * 1000, at));
  let count = 0;
  for await (const { error, bytes, tag } of queue.drain()) {
    check(error === null && bytes === 999, `a completion: ${error}`);
    check(sameAt(buffers[tag], tag * 1000), `bytes of completion ${tag}`);
    count++;
  }
  check(count === buffers.length, "the number of completions");
}

/** Half of the reads have bytes, the others are canceled. */
async function fifos(): Promise<void> {
  const all = Array.from({ length: FIFOS }, () => new Fifo());
  const { signal, controller } = aborting();
  const outcomes = all.map(({ file }, at) =>
    file.readAt(new Uint8Array(4), 0, { signal: at % 2 ? signal : undefined })
      .catch((reason) => reason)
  );
  await turn();
  all.forEach((fifo, at) => at % 2 || fifo.feed("text"));
  controller.abort("no more");
  const expected = all.map((_, at) => at % 2 ? "no more" : 4);
  const found = await Promise.all(outcomes);
  check(`${found}` === `${expected}`, `FIFOs: ${found}`);
  for (const fifo of all) await fifo[Symbol.asyncDispose]();
}

function aborting() {
  const controller = new AbortController();
  return { controller, signal: controller.signal };
}

function counted(): Record<string, number> {
  const library = Deno.env.get("LD_PRELOAD");
  if (!library?.endsWith("/rings.so")) return {};
  const symbols = Object.fromEntries(
    COUNTS.map((name) => [
      `rings_${name}`,
      { parameters: [], result: "i64" } as const,
    ]),
  );
  const counts = Deno.dlopen(library, symbols).symbols;
  return Object.fromEntries(
    COUNTS.map((name) => [name, Number(counts[`rings_${name}`]())]),
  );
}

async function work(): Promise<void> {
  const path = `${directory}/file`;
  Deno.writeFileSync(path, contents);
  await using file = await AioFile.open(path);
  await Promise.all([
    reads(file),
    lists(file, `${directory}/list`),
    writes(`${directory}/written`),
    appends(`${directory}/log`),
    queued(file),
    fifos(),
  ]);
}

if (lockedBytes !== undefined) {
  becomeOrdinaryUser();
  limit(RLIMIT_MEMLOCK, BigInt(lockedBytes));
}
configure({ pageCache: false });
try {
  await work();
  const { engine, inFlight, queued } = metrics();
  const left = [inFlight, queued];
  console.log(JSON.stringify({ engine, wrong, left, counts: counted() }));
} catch (error) {
  if (!(error instanceof AioError)) throw error;
  const { code, syscall, message } = error;
  console.log(JSON.stringify({ code, syscall, message, counts: counted() }));
}
