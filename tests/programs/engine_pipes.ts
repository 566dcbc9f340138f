/**
 * Writes to a FIFO in pieces, while those FIFOs that may wait have all the
 * threads that they may have. Prints where bytes of another write are.
 */
import { readSync } from "node:fs";
import { configure } from "../../mod.ts";
import { constants, delay, Fifo, openSync } from "../helpers.ts";

const MIB = 1024 * 1024;
configure({ threads: 2 });
const waiting = new Fifo();
await waiting.blockedRead();
const fifo = new Fifo();
const end = openSync(fifo.path, constants.O_RDWR | constants.O_NONBLOCK);
const taken = new Uint8Array(2 * MIB + 100);
let at = 0;

/** Takes bytes out until there were so many, and not one more. */
async function takeUntil(length: number): Promise<void> {
  while (at < length) {
    try {
      at += readSync(end, taken, at, length - at, null);
    } catch {
      await delay(1); // There are none yet.
    }
  }
}

fifo.fill();
const { length: capacity } = fifo.drain();
const long = fifo.file.writeAt(new Uint8Array(2 * MIB).fill(1), 0, {
  priority: 5,
});
// The first piece is written, and there is no room for the next one.
await takeUntil(MIB - capacity);
await delay(50);
const urgent = fifo.file.writeAt(new Uint8Array(100).fill(2), 0);
await takeUntil(taken.length);
await Promise.all([long, urgent]);
console.log(JSON.stringify([taken.indexOf(2), taken.lastIndexOf(1)]));
Deno.exit();
