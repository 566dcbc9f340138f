/**
 * Mixed work on some files, by several users of each, with pauses between what
 * they do: a program under load, not a benchmark.
 *
 * @module
 */
import { createHistogram } from "node:perf_hooks";
import { AioFile, allocatePinned, metrics } from "../../../mod.ts";
import { delay, pattern } from "../../helpers/mod.ts";

const FILE_BYTES = 1 << 20;
const BLOCK_BYTES = 4096;
const RECORD_BYTES = 200;
const STREAM_BYTES = 64 * 1024;
const USERS_PER_FILE = 2;
/**
 * What a user does before the next request takes up to so long: on few processors
 * longer, for what has no processor waits for one, whoever reads the files.
 */
const PAUSE_MS_MAX = Math.max(80, 400 / navigator.hardwareConcurrency);
const NS_PER_MS = 1e6;

/** What came of it. */
export interface Work {
  requests: number;
  /** Of what was read and was not what should have been there. */
  wrong: number;
  p50_ms: number;
  p99_ms: number;
  /** Of those that do not wait for the disk. */
  max_ms: number;
  /** Of commits, whose time is the disk's: it may have a lot to write. */
  commit_max_ms: number;
  inFlight: number;
}

type Deed = (file: AioFile, log: AioFile) => Promise<boolean>;

const DEEDS: { share: number; deed: Deed }[] = [
  { share: 0.5, deed: readBlock },
  { share: 0.25, deed: writeBlock },
  { share: 0.1, deed: appendRecord },
  { share: 0.05, deed: commitRecord },
  { share: 0.05, deed: readStream },
  { share: 0.05, deed: readBatch },
];

const contents = pattern(FILE_BYTES);
const record = pattern(RECORD_BYTES);

/**
 * Works on `count` new files in a directory for a while, and until all that there is
 * to do was done.
 */
export async function workOn(
  directory: string,
  count: number,
  duration_ms: number,
): Promise<Work> {
  const waits = createHistogram();
  const commits = createHistogram();
  const times = DEEDS.map(() => 0);
  let wrong = 0;
  const end_ms = performance.now() + duration_ms;
  const isOver = () => performance.now() >= end_ms && !times.includes(0);

  async function use(file: AioFile, log: AioFile) {
    await delay(Math.random() * PAUSE_MS_MAX);
    while (!isOver()) {
      const which = choose();
      const since_ms = performance.now();
      if (!await DEEDS[which].deed(file, log)) wrong++;
      const waited_ns = (performance.now() - since_ms) * NS_PER_MS;
      const histogram = DEEDS[which].deed === commitRecord ? commits : waits;
      histogram.record(Math.max(1, Math.round(waited_ns)));
      times[which]++;
      await delay(Math.random() * PAUSE_MS_MAX);
    }
  }

  await Promise.all(Array.from({ length: count }, async (_, index) => {
    const path = `${directory}/${index}`;
    Deno.writeFileSync(path, contents);
    const options = { read: true, write: true };
    await using file = await AioFile.open(path, options);
    await using log = await AioFile.open(`${path}.log`, {
      append: true,
      create: true,
    });
    await Promise.all(
      Array.from({ length: USERS_PER_FILE }, () => use(file, log)),
    );
  }));
  return {
    requests: times.reduce((sum, count) => sum + count),
    wrong,
    p50_ms: waits.percentile(50) / NS_PER_MS,
    p99_ms: waits.percentile(99) / NS_PER_MS,
    max_ms: waits.max / NS_PER_MS,
    commit_max_ms: commits.max / NS_PER_MS,
    inFlight: metrics().inFlight,
  };
}

function choose(): number {
  let rest = Math.random();
  const which = DEEDS.findIndex(({ share }) => (rest -= share) < 0);
  return which === -1 ? 0 : which;
}

function randomBlock(): number {
  const blocks = FILE_BYTES / BLOCK_BYTES;
  return Math.floor(Math.random() * blocks) * BLOCK_BYTES;
}

function isRight(bytes: Uint8Array, offset: number): boolean {
  return contents.subarray(offset, offset + bytes.length)
    .every((byte, at) => byte === bytes[at]);
}

async function readBlock(file: AioFile): Promise<boolean> {
  const block = new Uint8Array(BLOCK_BYTES);
  const offset = randomBlock();
  const bytes = await file.readAt(block, offset);
  return bytes === BLOCK_BYTES && isRight(block, offset);
}

/** Every write writes what is there already, so that reads can be checked. */
async function writeBlock(file: AioFile): Promise<boolean> {
  const offset = randomBlock();
  const block = allocatePinned(BLOCK_BYTES);
  block.set(contents.subarray(offset, offset + BLOCK_BYTES));
  return await file.writeAt(block, offset) === BLOCK_BYTES;
}

async function appendRecord(_: AioFile, log: AioFile): Promise<boolean> {
  return await log.append(record) === RECORD_BYTES;
}

async function commitRecord(_: AioFile, log: AioFile): Promise<boolean> {
  const bytes = await log.append(record);
  await log.syncData();
  return bytes === RECORD_BYTES;
}

async function readStream(file: AioFile): Promise<boolean> {
  let at = randomBlock();
  const end = Math.min(at + STREAM_BYTES, FILE_BYTES);
  let isGood = true;
  const options = { offset: at, length: end - at, chunkSize: BLOCK_BYTES };
  for await (const chunk of file.readable(options)) {
    isGood &&= isRight(chunk, at);
    at += chunk.length;
  }
  return isGood && at === end;
}

async function readBatch(file: AioFile): Promise<boolean> {
  const requests = Array.from({ length: 8 }, () => ({
    type: "read" as const,
    buffer: new Uint8Array(BLOCK_BYTES),
    offset: randomBlock(),
  }));
  const outcomes = await file.batch(requests);
  return outcomes.every(({ status }, at) =>
    status === "fulfilled" && isRight(requests[at].buffer, requests[at].offset)
  );
}
