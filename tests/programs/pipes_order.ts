/**
 * Writes to a pipe again and again while an earlier write is under way, and while
 * reads of other pipes wait. Prints what came out, as runs of equal bytes, and
 * what each call resolved with.
 */
import { readSync } from "node:fs";
import { AioFile, configure } from "../../mod.ts";
import { constants, delay } from "../helpers/mod.ts";
import { makeFifos } from "./fifos.ts";
import { printOutcome } from "./where.ts";

/** What the test asks for. */
interface Options {
  where: "main" | "worker";
  /** As many as `configure()` sets; otherwise the default. */
  threads?: number;
  isNonblocking: boolean;
  /** How many other pipes have a read that waits. */
  waiting: number;
  /** The length of each write, in bytes; write number 1 is made of ones. */
  lengths: number[];
}

const options: Options = JSON.parse(Deno.args[0]);
/** How many bytes are taken out before the event loop has a turn. */
const TURN_BYTES = 1024 * 1024;
/** After so long there is nothing more to take out. */
const SPIN_MS = 2;

async function work(): Promise<unknown> {
  const { threads, isNonblocking, waiting, lengths } = options;
  if (threads !== undefined) configure({ threads });
  for (const { fd } of makeFifos(waiting)) {
    AioFile.adopt(fd).readAt(new Uint8Array(1), 0).catch(() => {});
  }
  const flags = isNonblocking ? constants.O_NONBLOCK : 0;
  const [{ fd, control }] = makeFifos(1, flags);
  const file = AioFile.adopt(fd);
  const calls: Promise<number>[] = [];
  const write = () => {
    const number = calls.length + 1;
    const from = new Uint8Array(lengths[calls.length]).fill(number);
    calls.push(number === 4 ? file.append(from) : file.writeAt(from, 0));
  };
  write();
  write();

  const total = lengths.reduce((sum, length) => sum + length, 0);
  const runs: [byte: number, length: number][] = [];
  for (let taken = 0; taken < total;) {
    await delay(1);
    // The pipe is full, and an earlier write is under way.
    if (calls.length < lengths.length) write();
    taken += spin(control, runs);
  }
  return { runs, resolved: await Promise.all(calls) };
}

/** Takes bytes out so that whole pieces are done before anybody looks. */
function spin(control: number, runs: [number, number][]): number {
  const part = new Uint8Array(1 << 16);
  let taken = 0;
  let progress_ms = performance.now();
  while (taken < TURN_BYTES && performance.now() - progress_ms < SPIN_MS) {
    const length = takeInto(control, part);
    for (const byte of part.subarray(0, length)) count(byte, runs);
    taken += length;
    if (length > 0) progress_ms = performance.now();
  }
  return taken;
}

function takeInto(control: number, part: Uint8Array): number {
  try {
    return readSync(control, part);
  } catch {
    return 0; // There are none yet.
  }
}

function count(byte: number, runs: [number, number][]): void {
  const last = runs.at(-1);
  if (last?.[0] === byte) last[1]++;
  else runs.push([byte, 1]);
}

await printOutcome(import.meta.url, options.where, work);
