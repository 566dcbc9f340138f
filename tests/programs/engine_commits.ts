/**
 * Writes and synchronizes while a tracer looks on. Every 8 bytes that are written
 * name the round and the block they belong to; what a tracer has to know besides
 * is written to `/dev/null`.
 */
import { writeSync } from "node:fs";
import {
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
} from "../../mod.ts";
import { openSync } from "../helpers/mod.ts";

const [path, task, ...options] = Deno.args;
const MIB = 1024 * 1024;
const BLOCK_BYTES = 512;
const ROUNDS = 12;
const WRITES = 24;

const notes = openSync("/dev/null", "w");
const note = (text: string) => writeSync(notes, new TextEncoder().encode(text));
const file = await AioFile.open(path, {
  write: true,
  append: options.includes("append"),
});
configure({ lanes: 4 });

let block = 0;

/** Bytes that say which round and which block they are of. */
function nextBytes(round: number, byteLength: number) {
  const allocate = block % 2 === 0
    ? allocatePinned
    : (length: number) => new Uint8Array(length);
  const bytes = allocate(byteLength);
  const [first, second] = [round, block].map((n) => `${n}`.padStart(3, "0"));
  const token = new TextEncoder().encode(`r${first}b${second}`);
  for (let at = 0; at < byteLength; at += token.length) bytes.set(token, at);
  return bytes;
}

const writing: Promise<unknown>[] = [];

function write(round: number): void {
  const isLong = block % 50 === 49;
  const bytes = nextBytes(round, isLong ? 2 * MIB : BLOCK_BYTES);
  const offset = isLong ? 100 * MIB : block * BLOCK_BYTES;
  const isAppend = task === "append" || task === "both" && block % 3 === 0;
  writing.push(isAppend ? file.append(bytes) : file.writeAt(bytes, offset));
  block++;
}

async function synchronize(round: number): Promise<void> {
  note(`call ${round}`);
  await (round % 3 === 0 ? file.syncData() : file.sync());
  note(`done ${round}`);
}

async function rounds(): Promise<void> {
  const synchronizing: Promise<void>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let count = 0; count < WRITES; count++) write(round);
    synchronizing.push(synchronize(round));
    // Nobody promised those anything yet.
    for (let count = 0; count < 4; count++) write(round + 1);
    // Some arrive while another runs, others when all is done.
    if (round % 4 === 3) await Promise.all(synchronizing);
    else await new Promise((resolve) => setTimeout(resolve, round % 3));
  }
  await Promise.all([...writing, ...synchronizing]);
}

async function outcomes(calls: Promise<void>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((outcome) =>
    outcome.status === "fulfilled"
      ? "done"
      : outcome.reason instanceof AioError
      ? `${outcome.reason.code} ${outcome.reason.syscall}`
      : "another error"
  );
}

/** Writes a block that is done when this resolves. */
async function written(): Promise<void> {
  write(0);
  await writing.at(-1);
}

/** A synchronization fails while all this happens. */
async function failing(
  meanwhile: () => Promise<Promise<void>[]>,
): Promise<string[]> {
  await written();
  const first = file.syncData();
  first.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  const others = await meanwhile();
  return await outcomes([first, ...others]);
}

let result: unknown = null;
switch (task) {
  case "write":
  case "append":
  case "both":
    await rounds();
    break;
  case "share": {
    const commits: Promise<unknown>[] = [];
    for (; block < 64; block++) {
      commits.push(file.append(nextBytes(0, BLOCK_BYTES)), file.syncData());
    }
    await Promise.all(commits);
    break;
  }
  case "writers":
    await Promise.all(Array.from({ length: 64 }, async () => {
      for (let round = 0; round < 5; round++) {
        const bytes = nextBytes(round, BLOCK_BYTES);
        block++;
        await file.append(bytes);
        await file.syncData();
      }
    }));
    break;
  case "overtake": {
    const controller = new AbortController();
    write(0);
    await Promise.all(writing);
    write(0);
    const canceled = file.sync({ signal: controller.signal });
    write(0); // It is done before the other one.
    const calls = [canceled, file.sync()];
    controller.abort("canceled");
    result = await outcomes(calls);
    break;
  }
  case "arrive":
    result = [
      await failing(async () => {
        const arrived = [file.sync(), file.syncData()];
        await written();
        return [...arrived, file.syncData(), file.sync()];
      }),
      await outcomes([file.syncData()]),
      await written().then(() => outcomes([file.syncData()])),
    ];
    break;
  case "late":
    result = [
      await failing(async () => {
        await written();
        return [];
      }),
      // It is the first that covers what was written meanwhile.
      await written().then(() => outcomes([file.sync()])),
      await outcomes([file.sync()]),
      await written().then(() => outcomes([file.sync()])),
    ];
    break;
  case "canceled": {
    const controller = new AbortController();
    const { signal } = controller;
    result = [
      await failing(async () => {
        await written();
        const canceled = file.syncData({ signal });
        controller.abort();
        return [canceled];
      }),
      await written().then(() => outcomes([file.sync()])),
      await written().then(() => outcomes([file.sync()])),
    ];
    break;
  }
  case "telling": {
    await written();
    const queue = new CompletionQueue<null>();
    queue.sync(file, null, { dataOnly: true });
    const told = file.syncData();
    told.catch(() => {});
    const [{ error }] = await Array.fromAsync(queue.drain());
    // It knows already; nobody else does.
    write(0);
    const before = file.sync();
    before.catch(() => {});
    const after = told.catch(() => {
      write(0);
      return file.sync();
    });
    result = [error?.code, await outcomes([told, before, after])];
    break;
  }
  case "descriptors": {
    const append = () => file.append(nextBytes(0, BLOCK_BYTES));
    for (const writes of [[written], [append], [written, append], []]) {
      await Promise.all(writes.map((write) => write()));
      note(`call ${writes.length}`);
      await file.syncData();
    }
    break;
  }
  case "mix":
    write(0);
    await Promise.all([file.syncData(), file.sync(), file.syncData()]);
    break;
  case "fail":
    write(0);
    result = [
      await outcomes([file.syncData(), file.syncData(), file.syncData()]),
      // The system would say that all is well.
      await outcomes([file.syncData(), file.sync()]),
    ];
    write(0);
    (result as unknown[]).push(await outcomes([file.syncData()]));
    break;
}
await file.close();
console.log(JSON.stringify(result));
