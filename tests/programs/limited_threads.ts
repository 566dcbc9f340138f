/**
 * Works within a limit on threads, as hard as it can: 64 requests in flight, and
 * functions of the runtime that need threads. Prints how many threads there were
 * to serve requests and to wait, and how many requests were served.
 *
 * Arguments: the interface, a file, a limit for the user or 0, and how many threads
 * the program asks for or 0.
 */
import { closeSync, openSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { threads, waitingCallsMax } from "../../lib/system/threads.ts";
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  configure,
} from "../../mod.ts";
import {
  becomeOrdinaryUser,
  limit,
  RLIMIT_NPROC,
} from "../posix/programs/libc.ts";

const DEPTH = 64;
const ROUNDS = 20;
const BYTES = 4096;

const [level, path, userLimit, wanted] = Deno.args;
if (userLimit !== "0") {
  becomeOrdinaryUser();
  limit(RLIMIT_NPROC, BigInt(userLimit));
}
if (wanted !== "0") configure({ threads: Number(wanted) });

async function readFiles(): Promise<number> {
  const files: AioFile[] = [];
  // One after another: each takes a thread of the runtime's.
  while (files.length < DEPTH) files.push(await AioFile.open(path));
  const reads = await Promise.all(files.map(async (file) => {
    const buffer = allocatePinned(BYTES);
    let reads = 0;
    for (; reads < ROUNDS; reads++) await file.readAt(buffer, 0);
    await file.close();
    return reads;
  }));
  return reads.reduce((sum, reads) => sum + reads);
}

async function readBlocks(): Promise<number> {
  let reads = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const blocks = Array.from({ length: DEPTH }, () =>
      new Aiocb({
        aio_fildes: openSync(path, "r"),
        aio_buf: allocatePinned(BYTES),
      }));
    blocks.forEach(aio_read);
    for (const block of blocks) {
      await aio_suspend([block]);
      aio_return(block);
      closeSync(block.aio_fildes);
      reads++;
    }
  }
  return reads;
}

async function useRuntime(): Promise<void> {
  for (let count = 0; count < ROUNDS; count++) {
    await Promise.all([readFile(path), stat(path)]);
  }
}

const [reads] = await Promise.all([
  level === "files" ? readFiles() : readBlocks(),
  useRuntime(),
]);
console.log(
  JSON.stringify({ reads, threads: threads(), waiting: waitingCallsMax(4) }),
);
