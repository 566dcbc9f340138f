/**
 * Makes and cancels requests at random, in rounds, while the only threads wait for
 * FIFOs, one of them or both. Prints how many were settled, and what was wrong.
 */
import {
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
} from "../../mod.ts";
import { delay, Fifo, isPending, pattern, timeLimit } from "../helpers/mod.ts";

const [directory, firstSeed] = Deno.args;
const ROUNDS = 100;
const REQUESTS = 30;
const FILES = 4;
const SIZE_BYTES = 10_000;
const PATIENCE_MS = timeLimit(3_000);

/** What there is too little of. */
const SETTINGS = [
  { lanes: 1, maxInFlight: 4 },
  { lanes: 1, maxInFlight: 100 },
  { lanes: 3, maxInFlight: 30 },
];

let seed = Number(firstSeed);

/** A whole number below a bound. */
function random(below: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor(seed / 2 ** 31 * below);
}

configure({ threads: 2, ...SETTINGS[seed % SETTINGS.length] });
const contents = pattern(SIZE_BYTES);
const files = await Promise.all(
  Array.from({ length: FILES }, async (_, index) => {
    const path = `${directory}/file${index}`;
    Deno.writeFileSync(path, contents);
    return await AioFile.open(path, { read: true, write: true });
  }),
);
const logPath = `${directory}/log`;
const log = await AioFile.open(logPath, { append: true, create: true });
const fifos = [new Fifo(), new Fifo()];
const queue = new CompletionQueue<number>();
const wrong: string[] = [];
const appended: number[] = [];

async function read(signal: AbortSignal): Promise<void> {
  const into = random(2) === 0 ? new Uint8Array(50) : allocatePinned(50);
  const at = random(SIZE_BYTES - 50);
  const options = { signal, priority: random(4) };
  await files[random(FILES)].readAt(into, at, options);
  if (into.some((byte, index) => byte !== contents[at + index])) {
    wrong.push(`a read at ${at}`);
  }
}

async function append(id: number, signal: AbortSignal): Promise<void> {
  await log.append(new TextEncoder().encode(`${id}\n`), { signal });
  appended.push(id);
}

function make(id: number, signal: AbortSignal): Promise<unknown> {
  const file = files[random(FILES)];
  switch (random(8)) {
    case 0:
      return append(id, signal);
    case 1:
      return file.writeAt(new Uint8Array(9), SIZE_BYTES + id, { signal });
    case 2:
      return random(20) === 0 ? file.sync({ signal }) : read(signal);
    case 3:
      queue.read(file, new Uint8Array(9), 0, id);
      return Promise.resolve();
    default:
      return read(signal);
  }
}

/** Keeps the event loop from noticing what the threads do meanwhile. */
function pause(wait_ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait_ms);
}

let unsettled = 0;

async function followed(call: Promise<unknown>): Promise<void> {
  unsettled++;
  try {
    await call;
  } catch (error) {
    const isExpected = error === "canceled" ||
      (error as { code?: string }).code === "ECANCELED";
    if (!isExpected) wrong.push(String(error));
  }
  unsettled--;
}

async function drained(): Promise<void> {
  for await (const { error } of queue.drain()) {
    if (error !== null && error.code !== "ECANCELED") wrong.push(error.code);
  }
}

/** Returns whether everything was settled. */
async function round(first: number): Promise<boolean> {
  const releases = fifos.map((fifo) => fifo.occupyThread());
  const controllers: AbortController[] = [];
  const all: Promise<void>[] = [];
  for (let id = first; id < first + REQUESTS; id++) {
    const controller = new AbortController();
    controllers.push(controller);
    all.push(followed(make(id, controller.signal)));
    if (random(2) === 0) {
      controllers[random(controllers.length)].abort("canceled");
    }
    if (random(40) === 0) files[random(FILES)].cancel();
    if (random(40) === 0) queue.cancel(random(2) === 0 ? id : undefined);
    if (random(20) === 0) await delay(0);
    if (random(10) === 0) {
      // A thread serves others, but not many: what holds it waits again.
      all.push(releases.shift()!());
      releases.push(fifos[random(fifos.length)].occupyThread());
      pause(1);
    }
  }
  all.push(...releases.map((release) => release()), drained());
  return !await isPending(Promise.all(all), PATIENCE_MS);
}

let rounds = 0;
while (rounds < ROUNDS && await round(rounds * REQUESTS)) rounds++;

// Those that could not be canceled any more may have been written as well.
const written = Deno.readTextFileSync(logPath).trim().split("\n").map(Number);
const isInOrder = written.every((id, index) => !(id <= written[index - 1]));
const areThere = appended.every((id) => written.includes(id));
const { inFlight, queued } = metrics();
console.log(JSON.stringify({
  rounds,
  unsettled,
  isInOrder,
  areThere,
  wrong: wrong.slice(0, 5),
  left: [inFlight, queued],
}));
Deno.exit();
