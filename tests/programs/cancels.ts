/**
 * Makes requests of files and pipes, aborts some of them at any time, and prints how
 * many of each kind were canceled, and what was wrong: only what was aborted may be
 * canceled, and everything else has to be done.
 */
import { AioFile, allocatePinned, configure, metrics } from "../../mod.ts";
import { openPipe, write } from "../helpers/channels.ts";
import {
  hasDirectTransfers,
  isPending,
  pattern,
  turn,
} from "../helpers/mod.ts";

const [path, firstSeed, rounds] = Deno.args;
const KIB = 1024;
const SIZE_BYTES = 2 * KIB * KIB;
/** A thread of the kernel's reads as much, so that it can be canceled. */
const LARGE_BYTES = 300 * KIB;
const SMALL_BYTES = 4 * KIB;
const PIPES = 16;
const REQUESTS = 24;
const WORD = pattern(4);
const REASON = "aborted";
/** What is there is read sooner. */
const PATIENCE_MS = 5_000;

let seed = Number(firstSeed);

/** A whole number below a bound. */
function random(below: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor(seed / 2 ** 31 * below);
}

const contents = pattern(SIZE_BYTES);
Deno.writeFileSync(path, contents);
configure({ pageCache: false, lanes: 2 });
const file = await AioFile.open(path, { read: true, write: true });
const direct = hasDirectTransfers()
  ? await AioFile.open(path, { read: true, write: true, direct: true })
  : file;
const pipes = Array.from({ length: PIPES }, openPipe);
const readers = pipes.map(({ reader }) => AioFile.adopt(reader));
/** How many words each pipe has, or is to have. */
const left = pipes.map(() => 0);
const canceled: Record<string, number> = {};
const wrong: string[] = [];
let made = 0;

interface Made {
  kind: string;
  isAborted: boolean;
  controller: AbortController;
  settled: Promise<unknown>;
  /** The number of the pipe that it has to be fed by. */
  pipe: number | null;
  isSettled: boolean;
}

function isSame(bytes: Uint8Array, expected: Uint8Array): boolean {
  return bytes.every((byte, at) => byte === expected[at]);
}

const kinds: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
  async "a large read"(signal) {
    const into = random(2)
      ? allocatePinned(LARGE_BYTES)
      : new Uint8Array(LARGE_BYTES);
    const offset = random(SIZE_BYTES - LARGE_BYTES);
    const bytes = await file.readAt(into, offset, { signal });
    return bytes === LARGE_BYTES && isSame(into, contents.subarray(offset));
  },
  async "a small read"(signal) {
    const into = new Uint8Array(100);
    const offset = random(SIZE_BYTES - 100);
    const bytes = await file.readAt(into, offset, { signal });
    return bytes === 100 && isSame(into, contents.subarray(offset));
  },
  async "a direct write"(signal) {
    const offset = random(SIZE_BYTES / SMALL_BYTES) * SMALL_BYTES;
    const bytes = allocatePinned(SMALL_BYTES);
    bytes.set(contents.subarray(offset, offset + SMALL_BYTES));
    return await direct.writeAt(bytes, offset, { signal }) === SMALL_BYTES;
  },
  async "a synchronization"(signal) {
    await file.syncData({ signal });
    return true;
  },
};

function make(kind: string, pipe: number | null): Made {
  const controller = new AbortController();
  const { signal } = controller;
  const one: Made = {
    kind,
    isAborted: false,
    controller,
    pipe,
    isSettled: false,
    settled: Promise.resolve(),
  };
  made++;
  const doing = pipe === null
    ? kinds[kind](signal)
    : readWord(readers[pipe], signal).then((isRight) => {
      left[pipe]--;
      return isRight;
    });
  one.settled = doing.then((isRight) => {
    if (isRight !== true) wrong.push(`${kind}: bytes are wrong`);
  }, (reason) => {
    if (reason === REASON && one.isAborted) {
      canceled[kind] = (canceled[kind] ?? 0) + 1;
    } else wrong.push(`${kind}: ${reason}`);
  }).then(() => one.isSettled = true);
  return one;
}

async function readWord(
  reader: AioFile,
  signal?: AbortSignal,
): Promise<boolean> {
  const into = new Uint8Array(WORD.length);
  const bytes = await reader.readAt(into, 0, signal && { signal });
  return bytes === WORD.length && isSame(into, WORD);
}

async function round(): Promise<void> {
  const names = Object.keys(kinds);
  const all: Made[] = [];
  for (let count = 0; count < REQUESTS; count++) {
    const isPipe = count < PIPES && random(2) === 0;
    const pipe = isPipe ? count : null;
    all.push(
      make(isPipe ? "a read of a pipe" : names[random(names.length)], pipe),
    );
    if (random(4) === 0) await null;
    if (random(12) === 0) await turn();
    const one = all[random(all.length)];
    const what = random(3);
    if (what === 0) abort(one);
    else if (what === 1) feed(one);
  }
  if (random(2) === 0) await turn();
  for (const one of all) if (random(4) === 0) abort(one);
  await turn();
  for (const one of all) if (!one.isAborted) feed(one);
  await Promise.all(all.map(({ settled }) => settled));
  await takeRest();
}

function abort(one: Made): void {
  if (one.isSettled) return;
  one.isAborted = true;
  one.controller.abort(REASON);
}

function feed(one: Made): void {
  if (one.pipe === null) return;
  write(pipes[one.pipe].writer, WORD);
  left[one.pipe]++;
  one.pipe = null;
}

/** What was fed to reads that were canceled is there for others. */
async function takeRest(): Promise<void> {
  for (const [at, reader] of readers.entries()) {
    for (; left[at] > 0; left[at]--) {
      const read = readWord(reader).catch((reason) => reason);
      if (await isPending(read, PATIENCE_MS)) throw new Error("A word is lost");
      if (await read !== true) wrong.push(`what was left: ${await read}`);
    }
  }
}

for (let count = 0; count < Number(rounds); count++) await round();
const { inFlight, queued } = metrics();
const outcome = { made, canceled, wrong: wrong.slice(0, 5) };
console.log(JSON.stringify({ ...outcome, left: [inFlight, queued] }));
Deno.exit();
