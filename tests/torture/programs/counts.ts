/**
 * What this process has of the system at the moment.
 *
 * @module
 */
import { delay } from "../../helpers/mod.ts";

/** What is counted. */
export interface Counts {
  /** Memory that is no file's, in bytes. */
  memory: number;
  /** Bytes that JavaScript objects take. */
  heap: number;
  descriptors: number;
  /** Without those that Deno keeps for its own calls, for ten seconds or more. */
  threads: number;
}

/** Counts, once the garbage is collected. */
export function count(): Counts {
  // Twice: the first time finds what only weak references hold.
  for (let times = 0; times < 2; times++) {
    (globalThis as unknown as { gc(): void }).gc();
  }
  const status = Deno.readTextFileSync("/proc/self/status");
  const [, kib] = status.match(/RssAnon:\s+(\d+)/)!;
  return {
    memory: Number(kib) * 1024,
    heap: Deno.memoryUsage().heapUsed,
    descriptors: entries("/proc/self/fd").length,
    threads: entries("/proc/self/task").filter(isOfInterest).length,
  };
}

function entries(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name);
}

function isOfInterest(thread: string): boolean {
  try {
    const name = Deno.readTextFileSync(`/proc/self/task/${thread}/comm`);
    return !name.startsWith("tokio-");
  } catch {
    return false; // It has ended.
  }
}

/**
 * Counts when nothing goes on any more: glibc's threads end, and lanes are closed,
 * after a second without work.
 */
export async function countAtRest(): Promise<Counts> {
  const deadline_ms = performance.now() + REST_MS_MAX;
  let counts = count();
  while (performance.now() < deadline_ms) {
    await delay(REST_MS);
    const before = counts;
    counts = count();
    const isSame = before.threads === counts.threads &&
      before.descriptors === counts.descriptors;
    if (isSame) break;
  }
  return counts;
}

const REST_MS = 1_500;
const REST_MS_MAX = 30_000;
