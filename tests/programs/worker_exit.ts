/** Exits while a worker and the main thread wait for FIFOs. */
import { openSync } from "node:fs";
import { AioFile } from "../../mod.ts";
import { constants, turn } from "../helpers/mod.ts";

const [path, fifoPath] = Deno.args;
const openFifo = () => openSync(fifoPath, constants.O_RDWR);

const file = await AioFile.open(path);
AioFile.adopt(openFifo()).readAt(new Uint8Array(1), 0);
await turn(); // It waits for it.
const worker = new Worker(new URL("./doomed_worker.ts", import.meta.url), {
  type: "module",
});
const fifoFds = [openFifo(), openFifo()];
worker.postMessage({ path, fifoPath, fd: file.fd, fifoFds });
await new Promise((resolve) => worker.onmessage = resolve);
file.readAt(new Uint8Array(8), 0);
Deno.exit(5);
