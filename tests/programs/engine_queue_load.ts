/**
 * Submits requests of every kind to a completion queue, most of which succeed,
 * and closes it while the last ones are in flight. Prints which tags had no
 * completion, which had several, and which had one that they should not have.
 */
import {
  AioFile,
  allocatePinned,
  type Completion,
  CompletionQueue,
  type CompletionQueueOptions,
  metrics,
} from "../../mod.ts";
import { settings } from "../../lib/system/settings.ts";
import { pattern } from "../helpers/mod.ts";

const [directory, notify, count] = Deno.args;
const REQUESTS = Number(count);
const IN_FLIGHT_MAX = 300;
const BLOCK_BYTES = 512;
const BLOCKS = 256;
/** A prime, so that every kind meets every place in a list. */
const LIST_LENGTH = 7;
/** Of how many requests one is a synchronization: they take long. */
const SYNC_EVERY = 1_009;

const contents = pattern(BLOCKS * BLOCK_BYTES);
Deno.writeFileSync(`${directory}/source`, contents);
const source = await AioFile.open(`${directory}/source`);
const target = await AioFile.open(`${directory}/target`, {
  write: true,
  create: true,
});
const folder = await AioFile.open(directory);
const full = await AioFile.open("/dev/full", { write: true });
const direct = await AioFile.open(`${directory}/source`, { direct: true })
  .catch(() => null);

const queue = new CompletionQueue<number>({
  notify: notify as CompletionQueueOptions["notify"],
});
const completions = new Uint8Array(REQUESTS);
/** Whether the page cache may answer reads at once. */
const isAskedOfCache = settings.pageCache;
/** For each tag, whether a completion is what it has to be. */
const isRight: ((completion: Completion<number>) => boolean)[] = [];
const wrong: string[] = [];
const outcomes: Record<string, number> = {};

/** The kinds of requests; each submits one and tells what has to come of it. */
const kinds: ((tag: number) => (completion: Completion<number>) => boolean)[] =
  [
    (tag) => {
      const at = tag % BLOCKS * BLOCK_BYTES;
      queue.read(source, allocatePinned(BLOCK_BYTES), at, tag);
      return isBlock;
    },
    (tag) => {
      queue.read(source, new Uint8Array(100), tag % BLOCKS, tag);
      return ({ bytes, buffer, offset, error }) =>
        error === null && bytes === 100 &&
        buffer![99] === contents[Number(offset) + 99];
    },
    (tag) => {
      queue.write(target, contents.subarray(0, 700), tag * 700, tag);
      return ({ bytes, error }) => error === null && bytes === 700;
    },
    (tag) => {
      queue.read(source, new Uint8Array(9), contents.length + tag, tag);
      return ({ bytes, error }) => error === null && bytes === 0;
    },
    (tag) => {
      queue.read(target, new Uint8Array(9), 0, tag);
      return hasFailed("EBADF");
    },
    (tag) => {
      queue.write(source, allocatePinned(9), 0, tag);
      return hasFailed("EBADF");
    },
    (tag) => {
      queue.read(folder, new Uint8Array(9), 0, tag);
      return hasFailed("EISDIR");
    },
    (tag) => {
      queue.write(full, new Uint8Array(9), 0, tag);
      return hasFailed("ENOSPC");
    },
    (tag) => {
      if (direct === null) {
        queue.read(target, new Uint8Array(9), 0, tag);
        return hasFailed("EBADF");
      }
      queue.read(direct, allocatePinned(BLOCK_BYTES), 1, tag);
      return hasFailed("EINVAL");
    },
    (tag) => {
      const buffer = new Uint8Array(64);
      queue.read(source, buffer, 0, tag);
      structuredClone(buffer, { transfer: [buffer.buffer] });
      const isLost = hasFailed("EFAULT");
      // It may have had its bytes before.
      return (completion) =>
        isLost(completion) ||
        isAskedOfCache && completion.error === null && completion.bytes === 64;
    },
    (tag) => {
      queue.read(source, new Uint8Array(5), 0, tag);
      const isCanceled = queue.cancel(tag) === 1;
      return isCanceled
        ? hasFailed("ECANCELED")
        : ({ bytes, error }) => error === null && bytes === 5;
    },
  ];

function isBlock({ bytes, buffer, offset, error }: Completion<number>) {
  return error === null && bytes === BLOCK_BYTES &&
    buffer!.every((byte, at) => byte === contents[Number(offset) + at]);
}

function hasFailed(code: string) {
  return ({ bytes, error }: Completion<number>) =>
    bytes === 0 && error?.code === code;
}

function submitNext(tag: number): number {
  if (tag % SYNC_EVERY === SYNC_EVERY - 1) {
    queue.sync(target, tag, { dataOnly: tag % 2 === 0 });
    isRight.push(({ error }) => error === null);
    return 1;
  }
  if (tag % 100 === 99) {
    const length = Math.min(LIST_LENGTH, REQUESTS - tag);
    queue.submit(Array.from({ length }, (_, index) => ({
      type: "read",
      file: source,
      buffer: new Uint8Array(BLOCK_BYTES),
      offset: (tag + index) % BLOCKS * BLOCK_BYTES,
      tag: tag + index,
      priority: index % 3,
    })));
    for (let index = 0; index < length; index++) isRight.push(isBlock);
    return length;
  }
  isRight.push(kinds[tag % kinds.length](tag));
  return 1;
}

const consuming = (async () => {
  for await (const completion of queue) {
    const { tag, error } = completion;
    completions[tag]++;
    const outcome = error?.code ?? "done";
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (!isRight[tag](completion)) wrong.push(`${tag}: ${outcome}`);
  }
})();

for (let tag = 0; tag < REQUESTS;) {
  while (tag < REQUESTS && queue.inFlight < IN_FLIGHT_MAX) {
    tag += submitNext(tag);
  }
  // Not after the last ones: those are to be in flight when it is closed.
  if (tag < REQUESTS) await new Promise((resolve) => setTimeout(resolve));
}
const inFlightAtClose = queue.inFlight;
await queue.close();
await consuming;

const tagsWith = (isOne: (count: number) => boolean) =>
  [...completions.keys()].filter((tag) => isOne(completions[tag])).slice(0, 9);
console.log(JSON.stringify({
  missing: tagsWith((count) => count === 0),
  several: tagsWith((count) => count > 1),
  wrong: wrong.slice(0, 9),
  outcomes,
  inFlightAtClose,
  inFlight: [queue.inFlight, metrics().inFlight, metrics().queued],
}));
