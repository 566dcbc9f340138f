/**
 * Makes requests of one kind again and again, each time with another fault in the
 * system calls behind them, and holds what came of every request against what
 * came of its calls, and against the file. Prints the cases as JSON.
 */
import { assert, assertEquals } from "@std/assert";
import { configure, metrics } from "../../../mod.ts";
import { delay } from "../../helpers/mod.ts";
import { casesOf, type FaultCase } from "./fault_cases.ts";
import { SCENARIOS } from "./fault_scenarios.ts";
import { hitsOf, order, recorded, reset, stop, watch } from "./faults.ts";

/** Nothing here takes as long; what does hangs. */
const PATIENCE_MS = 30_000;

const [directory, name, extent, lanes] = Deno.args;
configure({ lanes: Number(lanes) });
const scenario = SCENARIOS[name];
const path = `${directory}/file`;

/** Fails with the name of the case that failed, or that hangs. */
async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const hang = delay(PATIENCE_MS, undefined, { ref: false })
    .then(() => Promise.reject(new Error("something is never settled")));
  try {
    return await Promise.race([work, hang]);
  } catch (cause) {
    throw new Error(`${name}, ${what}`, { cause });
  }
}

/** One case. Returns how many calls, faults and failed requests there were. */
async function examine({ rules }: FaultCase): Promise<number[]> {
  const file = await scenario.open(path);
  watch(file.fd);
  reset();
  for (const { call, fault, positions } of rules) order(call, fault, positions);
  const failed = await scenario.run(file, path);
  const calls = recorded().length;
  const hits = Math.min(...rules.map(({ call }) => hitsOf(call)));
  assert(hits > 0, "the fault did not happen");
  stop();
  await file.close();
  const { inFlight, queued } = metrics();
  assertEquals([inFlight, queued], [0, 0]);
  return [calls, hits, failed];
}

const outcomes: Record<string, number[]> = {};
for (const one of casesOf(scenario.calls, extent === "every position")) {
  outcomes[one.name] = await inTime(examine(one), one.name);
}
console.log(JSON.stringify(outcomes));
