/**
 * Makes requests of every kind for long, and counts again and again what the
 * process has of the system. Prints the counts of each tenth of the requests.
 */
import { assertEquals } from "@std/assert";
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  CompletionQueue,
  metrics,
} from "../../../mod.ts";
import { assertBytes, pattern } from "../../helpers/mod.ts";
import { count, countAtRest, type Counts } from "./counts.ts";

const [directory, requests] = Deno.args;
const total = Number(requests);
const TENTHS = 10;
/** How often is counted in each tenth; the middle one holds. */
const COUNTS_PER_TENTH = 5;
const DEPTH = 32;
const BLOCK_BYTES = 4_096;
const BLOCKS = 1_024;
/** The log begins anew when it is as long as this. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;

const contents = pattern(BLOCKS * BLOCK_BYTES);
Deno.writeFileSync(`${directory}/file`, contents);
const file = await AioFile.open(`${directory}/file`, {
  read: true,
  write: true,
});
const log = await AioFile.open(`${directory}/log`, {
  append: true,
  create: true,
});
const queue = new CompletionQueue<number>();
const pinned = Array.from({ length: DEPTH }, () => allocatePinned(BLOCK_BYTES));
const line = new Uint8Array(200);
const block = new Aiocb({ aio_fildes: file.fd, aio_buf: pinned[0] });

/** Where the next request goes; every block has its turn. */
let next = 0;
let made = 0;

function offset(): number {
  next = (next + 397) % BLOCKS;
  return next * BLOCK_BYTES;
}

function expected(at: number): Uint8Array {
  return contents.subarray(at, at + BLOCK_BYTES);
}

/** Each of these makes up to {@linkcode DEPTH} requests. */
const kinds: (() => Promise<unknown>)[] = [
  () =>
    all(async (index) => {
      const at = offset();
      await file.readAt(pinned[index], at);
      assertEquals(pinned[index][17], contents[at + 17]);
    }),
  () => all(() => file.readAt(new Uint8Array(BLOCK_BYTES), offset())),
  () =>
    all(() => {
      const at = offset();
      return file.writeAt(expected(at), at);
    }),
  () => all(() => log.append(line)),
  async () => {
    for (let index = 0; index < DEPTH; index++) {
      const at = offset();
      if (index % 4 === 0) queue.write(file, expected(at), at, index);
      else queue.read(file, pinned[index], at, index);
    }
    for await (const { error } of queue.drain()) assertEquals(error, null);
    made += DEPTH;
  },
  async () => {
    const outcomes = await file.batch(pinned.map((buffer) => ({
      type: "read",
      buffer,
      offset: offset(),
    })));
    assertEquals(outcomes.length, DEPTH);
    made += DEPTH;
  },
  async () => {
    aio_read(block);
    await aio_suspend([block]);
    assertEquals(aio_return(block), BLOCK_BYTES);
    const { signal } = new AbortController();
    await file.readAt(pinned[1], 0, { signal });
    if (await log.size() > LOG_BYTES_MAX) await log.truncate();
    made += 2;
  },
];

async function all(make: (index: number) => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: DEPTH }, (_, index) => make(index)));
  made += DEPTH;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

async function tenth(until: number): Promise<Counts> {
  const counts: Counts[] = [];
  const from = made;
  while (made < until) {
    for (const kind of kinds) await kind();
    const share = (made - from) / (until - from);
    if (share >= (counts.length + 1) / COUNTS_PER_TENTH) counts.push(count());
  }
  const medianOf = (name: keyof Counts) =>
    median(counts.map((one) => one[name]));
  return {
    memory: medianOf("memory"),
    heap: medianOf("heap"),
    descriptors: medianOf("descriptors"),
    threads: medianOf("threads"),
  };
}

const tenths: Counts[] = [];
const atRest: Counts[] = [];
for (let at = 1; at <= TENTHS; at++) {
  tenths.push(await tenth(total * at / TENTHS));
  if (at === 2 || at === TENTHS) atRest.push(await countAtRest());
}
await file.sync();
assertBytes(Deno.readFileSync(`${directory}/file`), contents);
const { inFlight, queued } = metrics();
console.log(JSON.stringify({ made, tenths, atRest, left: [inFlight, queued] }));
await file.close();
await log.close();
