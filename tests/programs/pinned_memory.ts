/**
 * Allocates far more pinned memory than it keeps, and prints how much of it it
 * used, and by how much the memory of the process grew at most.
 */
import { allocatePinned } from "../../mod.ts";

declare const gc: () => void;

const MIB = 1024 * 1024;
const before_bytes = Deno.memoryUsage().rss;
let growth_bytes = 0;

/** How much of each piece is touched, so that it is really there. */
const TOUCHED_BYTES = 4 * MIB;

/** Allocates, touches and drops. Returns how many bytes it touched in all. */
async function churn(byteLength: number, count: number, collectEvery: number) {
  for (let done = 1; done <= count; done++) {
    const view = allocatePinned(byteLength);
    view.fill(1, 0, TOUCHED_BYTES);
    if (done % collectEvery !== 0) continue;
    const grown_bytes = Deno.memoryUsage().rss - before_bytes;
    growth_bytes = Math.max(growth_bytes, grown_bytes);
    gc();
    // What was collected is given back after this turn.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return Math.min(byteLength, TOUCHED_BYTES) * count;
}

const touched_bytes = await churn(64 * MIB, 200, 10) +
  await churn(64 * 1024, 8192, 2048);
console.log(JSON.stringify({ touched_bytes, growth_bytes }));
