/**
 * Opens a file while the process has no descriptors left, and again when it has. Prints
 * what came of both, and the engine that serves then.
 */
import { closeSync, openSync } from "node:fs";
import { AioFile, metrics, supported } from "../../mod.ts";

const [path] = Deno.args;
// The runtime needs some to listen to signals, and ends the process without.
const ignore = () => {};
Deno.addSignalListener("SIGUSR1", ignore);
Deno.removeSignalListener("SIGUSR1", ignore);

const taken: number[] = [];
for (;;) {
  try {
    taken.push(openSync(path, "r"));
  } catch {
    break;
  }
}
const first = await AioFile.open(path).then(
  () => "open",
  (error) => error.code,
);
for (const fd of taken) closeSync(fd);
await using file = await AioFile.open(path);
await file.readAt(new Uint8Array(1), 0);
console.log(JSON.stringify({
  first,
  engine: metrics().engine,
  available: supported().available,
}));
