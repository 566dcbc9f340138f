/** Reads while the system may not start a thread, and once it may. */
import { AioFile } from "../../mod.ts";
import { delay } from "../helpers/mod.ts";
import {
  becomeOrdinaryUser,
  limit,
  RLIMIT_NPROC,
  startThreads,
} from "../posix/programs/libc.ts";

becomeOrdinaryUser();

const [path, count] = Deno.args;
await using file = await AioFile.open(path);
await startThreads();
const unlimit = limit(RLIMIT_NPROC, 0n);
const reads = Array.from(
  { length: Number(count) },
  (_, at) => file.readAt(new Uint8Array(100), at % 100),
);
let settled = 0;
for (const read of reads) read.then(() => settled++);
await delay(50);
const pending = reads.length - settled;
unlimit();
const counts = await Promise.all(reads);
console.log(JSON.stringify({ pending, counts }));
