// For `deno test`: feeds the read that ended_isolate.ts left in flight. Reports, in
// a file, how many bytes that read took, and put into memory of this isolate.

import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

const PAGES = 65;
const MARK = 0xee;
const BYTES = 1000;

/** How many bytes are still in the FIFO. */
function bytesLeft(fd: number): number {
  try {
    return readSync(fd, new Uint8Array(BYTES));
  } catch {
    return 0; // EAGAIN
  }
}

Deno.test({
  name: "counts the bytes that were overwritten",
  async fn() {
    // As large as the other isolate's, so that one lies where that lay.
    const memories = Array.from(
      { length: 8 },
      () => new WebAssembly.Memory({ initial: PAGES, maximum: PAGES }),
    );
    const fd = openSync(
      Deno.env.get("FIFO")!,
      constants.O_RDWR | constants.O_NONBLOCK,
    );
    writeSync(fd, new Uint8Array(BYTES).fill(MARK));
    await delay(300);
    const taken = BYTES - bytesLeft(fd);
    closeSync(fd);
    let overwritten = 0;
    for (const { buffer } of memories) {
      for (const byte of new Uint8Array(buffer)) {
        if (byte === MARK) overwritten++;
      }
    }
    Deno.writeTextFileSync(
      Deno.env.get("REPORT")!,
      JSON.stringify({ taken, overwritten }),
    );
  },
});
