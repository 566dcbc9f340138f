/**
 * Reads so many pipes that are silent, cancels them in several ways, and prints what
 * came of that, and what the process had of the system meanwhile.
 */
import { readdirSync, readFileSync } from "node:fs";
import { AioFile, metrics } from "../../mod.ts";
import { openPipe, write } from "../helpers/channels.ts";
import { isPending, pattern, turn } from "../helpers/mod.ts";

const count = Number(Deno.args[0]);
const WORD = pattern(4);
const PATIENCE_MS = 5_000;

interface Having {
  threads: number;
  descriptors: number;
  /** What the kernel's rings wait for. */
  polls: number;
}

function now(): Having {
  const status = readFileSync("/proc/self/status", "utf8");
  const descriptors = readdirSync("/proc/self/fd");
  const polls = descriptors.flatMap((fd) => pollsOf(fd));
  return {
    threads: Number(status.match(/^Threads:\s*(\d+)/m)![1]),
    descriptors: descriptors.length,
    polls: polls.length,
  };
}

/** The lines of `/proc` about what a ring waits for. */
function pollsOf(fd: string): string[] {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    return text.match(/^ +op=\d+, task_works=\d+$/gm) ?? [];
  } catch {
    return []; // It was that of the list.
  }
}

async function untilPolls(wanted: number): Promise<boolean> {
  const deadline_ms = performance.now() + PATIENCE_MS;
  while (now().polls !== wanted) {
    if (performance.now() > deadline_ms) return false;
    await turn();
  }
  return true;
}

const pipes = Array.from({ length: count }, openPipe);
const files = pipes.map(({ reader }) =>
  AioFile.adopt(reader, { closeFd: true })
);
const controller = new AbortController();
const before = now();
const { submitted } = metrics();
const reads = files.map((file, at) => {
  const signal = at % 3 === 0 ? controller.signal : undefined;
  return file.readAt(new Uint8Array(4), 0, signal && { signal })
    .catch((error) => error.code ?? error);
});
const isWaiting = await isPending(Promise.race(reads), 100);
const during = now();

// A third each is aborted, closed, and given what it waits for.
controller.abort("no more");
const closing = files.map((file, at) => at % 3 === 1 ? file.cancel() : null);
pipes.forEach(({ writer }, at) => at % 3 === 2 && write(writer, WORD));
const outcomes = await Promise.all(reads);
await Promise.all(closing);
const expected = outcomes.map((_, at) => ["no more", "ECANCELED", 4][at % 3]);
const wrong = outcomes.filter((outcome, at) => outcome !== expected[at]);

// Canceled reads took nothing, and hold up none after them.
const again = files.filter((_, at) => at % 3 !== 2);
pipes.forEach(({ writer }, at) => at % 3 === 2 || write(writer, WORD));
const counts = await Promise.all(
  again.map((file) => file.readAt(new Uint8Array(4), 0)),
);
const isForgotten = await untilPolls(0);
await Promise.all(files.map((file) => file.close()));
const after = now();
console.log(JSON.stringify({
  engine: metrics().engine,
  made: metrics().submitted - submitted,
  isWaiting,
  wrong: wrong.slice(0, 5),
  areRead: counts.every((bytes) => bytes === 4),
  isForgotten,
  threads: during.threads - before.threads,
  descriptors: during.descriptors - before.descriptors,
  polls: during.polls - before.polls,
  left: after.descriptors - (before.descriptors - count),
}));
Deno.exit();
