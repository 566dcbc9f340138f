/** Exits while a worker and the main thread wait for FIFOs. */
import { openSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import { constants, Fifo } from "../helpers.ts";

const path = `${Deno.args[0]}/file`;
Deno.writeFileSync(path, new Uint8Array(1 << 20));
const file = await AioFile.open(path);
const fifo = new Fifo();
await fifo.blockedRead();
const worker = new Worker(new URL("./doomed_worker.ts", import.meta.url), {
  type: "module",
});
const fifoFds = [1, 2].map(() => openSync(fifo.path, constants.O_RDWR));
worker.postMessage({ path, fifoPath: fifo.path, fd: file.fd, fifoFds });
await new Promise((resolve) => worker.onmessage = resolve);
file.readAt(new Uint8Array(8), 0);
Deno.exit(5);
