/** Reads while the system may not start a thread, and once it may. */
import { AioFile } from "../../mod.ts";
import { delay, isPending } from "../helpers/mod.ts";
import {
  becomeOrdinaryUser,
  limit,
  RLIMIT_NPROC,
  startThreads,
} from "../posix/programs/libc.ts";

becomeOrdinaryUser();

await using file = await AioFile.open(Deno.args[0]);
await startThreads();
const unlimit = limit(RLIMIT_NPROC, 0n);
const reads = Array.from(
  { length: 100 },
  (_, at) => file.readAt(new Uint8Array(100), at),
);
await delay(50);
const states = await Promise.all(reads.map((read) => isPending(read, 0)));
unlimit();
const counts = await Promise.all(reads);
const pending = states.filter((isOne) => isOne).length;
console.log(JSON.stringify({ pending, counts }));
