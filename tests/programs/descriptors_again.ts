/**
 * Opens and adopts a file while the process has no descriptors left, and opens it again
 * when it has. Prints what came of each, and the engine that serves then.
 */
import { closeSync, openSync } from "node:fs";
import { type AioError, AioFile, metrics, supported } from "../../mod.ts";

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
const open = () =>
  AioFile.open(path).then(
    (file) => file.close().then(() => "open"),
    (error) => error.code,
  );
const first = await open();
let adopted = "adopted";
try {
  AioFile.adopt(taken[0], { closeFd: false });
} catch (error) {
  adopted = (error as AioError).code;
}
for (let count = 0; count < 3; count++) {
  closeSync(taken.pop()!);
  await open();
}
for (const fd of taken) closeSync(fd);
const rings = [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${name}`).includes("io_uring");
  } catch {
    return false; // The descriptor that lists the others.
  }
}).length;
await using file = await AioFile.open(path);
await file.readAt(new Uint8Array(1), 0);
console.log(JSON.stringify({
  first,
  adopted,
  leaked: Math.max(rings - 1, 0),
  engine: metrics().engine,
  available: supported().available,
}));
