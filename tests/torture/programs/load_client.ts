/**
 * Asks a server again and again, at an even pace and over several connections.
 * Prints how long the answers took, in milliseconds.
 */
import { createHistogram } from "node:perf_hooks";
import { delay } from "../../helpers/mod.ts";

const [url, duration_ms] = Deno.args;
const CONNECTIONS = 8;
const PAUSE_MS = 20;
const WARM_UP_MS = 300;
const NS_PER_MS = 1e6;

const waits = createHistogram();
const start_ms = performance.now();
const end_ms = start_ms + WARM_UP_MS + Number(duration_ms);
let wrong = 0;

await Promise.all(Array.from({ length: CONNECTIONS }, async (_, index) => {
  await delay(index * PAUSE_MS / CONNECTIONS);
  while (performance.now() < end_ms) {
    const since_ms = performance.now();
    const response = await fetch(url);
    if (await response.text() !== "hello") wrong++;
    const now_ms = performance.now();
    if (since_ms - start_ms > WARM_UP_MS) {
      waits.record(Math.round((now_ms - since_ms) * NS_PER_MS));
    }
    await delay(PAUSE_MS);
  }
}));
console.log(JSON.stringify({
  answers: waits.count,
  wrong,
  p50_ms: waits.percentile(50) / NS_PER_MS,
  p99_ms: waits.percentile(99) / NS_PER_MS,
  max_ms: waits.max / NS_PER_MS,
}));
