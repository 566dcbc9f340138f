/**
 * Has more reads wait than the process may have descriptors, and then feeds them.
 * Prints the limit, and how many were done.
 */
import { AioFile } from "../../mod.ts";
import { openPipe, write } from "../helpers/channels.ts";
import { isPending, timeLimit, turn } from "../helpers/mod.ts";

const READS = Number(Deno.args[0]);
const PATIENCE_MS = timeLimit(5_000);

const { reader, writer } = openPipe();
let done = 0;
const reads = Array.from({ length: READS }, async () => {
  const file = AioFile.adopt(reader, { closeFd: false });
  const bytes = await file.readAt(new Uint8Array(1), 0);
  done += bytes;
});
await turn();
write(writer, new Uint8Array(READS));
await isPending(Promise.all(reads), PATIENCE_MS);
const limits = Deno.readTextFileSync("/proc/self/limits");
const [, limit] = limits.match(/^Max open files +\d+ +(\d+)/m)!;
console.log(JSON.stringify({ limit: Number(limit), done }));
Deno.exit();
