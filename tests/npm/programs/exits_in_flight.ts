/**
 * Ends by itself, in the way of the second argument, while a read waits for the FIFO
 * of the first one and transfers of a file are in flight.
 */
import { AioFile, metrics } from "@posix/aio";
import { constants, openSync } from "node:fs";
import process from "node:process";

const [path, how] = process.argv.slice(2);
const fifo = AioFile.adopt(openSync(path, constants.O_RDWR));
const file = AioFile.adopt(openSync(process.execPath, "r"));
fifo.readAt(new Uint8Array(1), 0);
// Until something waits for it.
await new Promise((resolve) => setTimeout(resolve, 50));
// One for all: Node 26 may wait for a garbage collection for ever when it exits
// (https://github.com/nodejs/node/issues/54918).
const buffer = new Uint8Array(500_000);
for (let at = 0; at < 100; at++) {
  file.readAt(buffer, at * 4096).catch(() => {});
}
console.log(metrics().engine);
if (how === "exit") process.exit(7);
setTimeout(() => {
  throw new Error("nobody catches this");
});
