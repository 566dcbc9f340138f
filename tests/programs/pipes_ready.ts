/**
 * Makes a request of each of many FIFOs, all of which wait, and lets them go on in
 * an order that has nothing to do with that of the requests. Prints which of the
 * first few waited for ever, and how many were served in the end.
 */
import { readSync, writeSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import { delay, isPending, timeLimit } from "../helpers/mod.ts";
import { makeFifos } from "./fifos.ts";
import { printOutcome } from "./where.ts";

/** What the test asks for. */
interface Options {
  where: "main" | "worker";
  operation: "read" | "write";
  count: number;
}

const { where, operation, count }: Options = JSON.parse(Deno.args[0]);
const PATIENCE_MS = timeLimit(3_000);
const PART_BYTES = 4096;

function fill(control: number): void {
  const part = new Uint8Array(PART_BYTES);
  try {
    for (;;) writeSync(control, part);
  } catch {
    // It is full.
  }
}

async function work(): Promise<unknown> {
  const fifos = makeFifos(count);
  if (operation === "write") { for (const { control } of fifos) fill(control); }
  let served = 0;
  const requests = fifos.map(async ({ fd }, at) => {
    const file = AioFile.adopt(fd);
    const bytes = new Uint8Array([at]);
    if (operation === "write") await file.writeAt(bytes, 0);
    else {
      bytes.fill(0);
      await file.readAt(bytes, 0);
    }
    if (bytes[0] === at % 256) served++;
  });
  const letGo = (at: number) => {
    const { control } = fifos[at];
    if (operation === "read") writeSync(control, new Uint8Array([at]));
    else readSync(control, new Uint8Array(PART_BYTES));
  };
  await delay(timeLimit(100)); // The system has all that it may have.

  const waits: number[] = [];
  const first = [count - 1, 0, count - 2, count >> 1, 20];
  for (const at of first) {
    letGo(at);
    if (!await isPending(requests[at], PATIENCE_MS)) continue;
    waits.push(at);
    break;
  }
  for (let at = 0; at < count; at++) if (!first.includes(at)) letGo(at);
  await isPending(Promise.all(requests), PATIENCE_MS);
  return { waits, served };
}

await printOutcome(import.meta.url, where, work);
