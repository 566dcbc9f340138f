/**
 * Appends records to a log with 64 writers, and forgets some now and then. Tells
 * each step in a line, without a buffer, so that what was told before a kill is read
 * after it.
 */
import { writeSync } from "node:fs";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { WriteAheadLog } from "../../../examples/write_ahead_log.ts";
import { AioFile, metrics } from "../../../mod.ts";
import { delay, pattern } from "../../helpers/mod.ts";
import { recordOf } from "../wal/history.ts";

const WRITERS = 64;
const [path, round, seed, appends, ending] = Deno.args;
const random = xoroshiro128plus(Number(seed) + Number(round));

function tell(line: string): void {
  writeSync(1, new TextEncoder().encode(`${line}\n`));
}

if (ending === "unsafe") AioFile.prototype.syncData = () => Promise.resolve();
tell("opening");
const log = await WriteAheadLog.open(path);
tell(`open ${log.first} ${log.durable}`);

let begun = 0;
let nextToForget = uniformInt(random, 50, 200);

/** Returns the number of its next record. */
async function write(writer: number): Promise<number> {
  let number = 0;
  for (; begun++ < Number(appends); number++) {
    const record = recordOf(Number(round), writer, number);
    const sequence = await log.append(record);
    tell(`ack ${sequence} ${round}:${writer}:${number}`);
    if (begun >= nextToForget) await forget();
  }
  return number;
}

async function forget(): Promise<void> {
  nextToForget = begun + uniformInt(random, 50, 200);
  const upTo = uniformInt(random, log.first - 1, log.durable);
  tell(`forget ${upTo}`);
  await log.checkpoint(upTo);
  tell(`forgot ${upTo}`);
}

const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
const numbers = await Promise.all(writers);
if (ending === "unsynced") {
  // As a process that is killed, with records in the page cache that nobody was told
  // of, and a part of another.
  AioFile.prototype.syncData = () => new Promise(() => {});
  numbers.forEach((number, writer) => {
    log.append(recordOf(Number(round), writer, number));
  });
  while (metrics().inFlight + metrics().queued > 0) await delay(1);
  await using file = await AioFile.open(path, { append: true });
  await file.append(pattern(uniformInt(random, 1, 2000)));
} else {
  await log.close();
}
Deno.exit();
