/**
 * Makes requests of many pipes that all wait, and uses a file meanwhile. Prints
 * what became of the file's requests, and then, when the pipes are emptied, of
 * the pipes'.
 */
import { readSync, writeSync } from "node:fs";
import { AioFile, configure } from "../../mod.ts";
import { delay, isPending, pattern, timeLimit } from "../helpers/mod.ts";
import { makeFifos, type OpenFifo } from "./fifos.ts";
import { printOutcome } from "./where.ts";

/** What the test asks for. */
interface Options {
  where: "main" | "worker";
  threads?: number;
  /** How many pipes nobody takes anything from. */
  writes: number;
  /** How many pipes nobody puts anything into. */
  reads: number;
  /** The file. */
  path: string;
}

const options: Options = JSON.parse(Deno.args[0]);
/** More than a pipe holds, which is 64 KiB. */
const WRITE_BYTES = 100_000;
const PATIENCE_MS = timeLimit(3_000);

/** A pipe whose write waits, and what came out of it. */
interface Written {
  readonly control: number;
  readonly from: Uint8Array;
  readonly taken: Uint8Array;
  length: number;
}

async function work(): Promise<unknown> {
  if (options.threads !== undefined) configure({ threads: options.threads });
  const calls: Promise<number>[] = [];
  const written = makeFifos(options.writes).map(({ fd, control }, index) => {
    const from = pattern(WRITE_BYTES, index);
    calls.push(AioFile.adopt(fd).writeAt(from, 0));
    return { control, from, taken: new Uint8Array(WRITE_BYTES), length: 0 };
  });
  const read = makeFifos(options.reads);
  for (const { fd } of read) {
    calls.push(AioFile.adopt(fd).readAt(new Uint8Array(1), 0));
  }
  await delay(timeLimit(100)); // The system has all that it may have.
  const files = await useFile();

  const all = Promise.all(calls);
  await settle(written, read, all);
  return {
    files,
    areSettled: !await isPending(all, 0),
    wrong:
      written.filter(({ from, taken }) =>
        taken.some((byte, at) => byte !== from[at])
      ).length,
  };
}

/** How requests of a file ended, each begun when the one before was done. */
async function useFile(): Promise<string[]> {
  const file = await AioFile.open(options.path, { read: true, write: true });
  const requests = [
    () => file.readAt(new Uint8Array(16), 0),
    () => file.writeAt(new Uint8Array(16), 0),
    () => file.append(new Uint8Array(16)),
    () => file.syncData(),
  ];
  const outcomes: string[] = [];
  for (const request of requests) {
    const served = request().then(() => "served", ({ code }) => code);
    outcomes.push(await Promise.race([served, delay(PATIENCE_MS, "waits")]));
    if (outcomes.at(-1) === "waits") break;
  }
  return outcomes;
}

/** Feeds and empties the pipes until every request is done, or time is up. */
async function settle(
  written: Written[],
  read: OpenFifo[],
  all: Promise<unknown>,
): Promise<void> {
  for (const { control } of read) writeSync(control, new Uint8Array(1));
  let progress_ms = performance.now();
  while (await isPending(all, 1)) {
    for (const pipe of written) {
      if (take(pipe) > 0) progress_ms = performance.now();
    }
    if (performance.now() - progress_ms > PATIENCE_MS) return;
  }
  for (const pipe of written) take(pipe);
}

function take(pipe: Written): number {
  const { control, taken } = pipe;
  try {
    const length = readSync(
      control,
      taken,
      pipe.length,
      taken.length - pipe.length,
      null,
    );
    pipe.length += length;
    return length;
  } catch {
    return 0; // There are none yet.
  }
}

await printOutcome(import.meta.url, options.where, work);
