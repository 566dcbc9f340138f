/**
 * Cancels a request that waits for a thread, in one of several situations.
 * Prints what became of it and of the others, which have to be served.
 */
import { AioFile, CompletionQueue, configure } from "../../mod.ts";
import { delay, Fifo, isPending, timeLimit } from "../helpers/mod.ts";

const [task, path, other] = Deno.args;
const PATIENCE_MS = timeLimit(1_500);
// Before the first file, or it has no effect.
configure({ threads: 1 });
const fifos = [new Fifo(), new Fifo()];

/** What comes of promises within a while. */
async function outcomes(promises: Promise<unknown>[]): Promise<unknown[]> {
  return await Promise.all(
    promises.map(async (promise) =>
      await isPending(promise, PATIENCE_MS)
        ? "pending"
        : await promise.catch((error) => error.code ?? error)
    ),
  );
}

/** For promises that are looked at later. */
function made(promises: Promise<unknown>[]): Promise<unknown>[] {
  for (const promise of promises) promise.catch(() => {});
  return promises;
}

const bytes = () => new Uint8Array(4);
const controller = new AbortController();
const { signal } = controller;
const canceledWith = { signal };

/** Another file waits for the room that the canceled one had. */
async function room(): Promise<Promise<unknown>[]> {
  configure({ maxInFlight: 1 });
  const [file, second] = [await AioFile.open(path), await AioFile.open(other)];
  const release = fifos[0].occupyThread();
  const reads = made([
    file.readAt(bytes(), 0, canceledWith),
    second.readAt(bytes(), 0),
  ]);
  await delay(5);
  controller.abort("canceled");
  await release();
  return reads;
}

/** The next append of the file waits for the canceled one. */
async function append(): Promise<Promise<unknown>[]> {
  const file = await AioFile.open(path, { append: true });
  const release = fifos[0].occupyThread();
  const appends = made([
    file.append(bytes(), canceledWith),
    file.append(bytes()),
    file.append(bytes()),
  ]);
  await delay(5);
  controller.abort("canceled");
  await release();
  return appends;
}

/** Appends that have come together wait for a thread, and one is canceled. */
async function together(): Promise<Promise<unknown>[]> {
  const file = await AioFile.open(path, { append: true });
  const release = fifos[0].occupyThread();
  const appends = made([file.append(bytes())]);
  await delay(5); // It is on its way, by itself.
  appends.push(...made([
    file.append(bytes()),
    file.append(bytes(), canceledWith),
    file.append(bytes()),
  ]));
  const releaseSecond = fifos[1].occupyThread();
  await release();
  await appends[0]; // The others are handed to the system then.
  await delay(5);
  controller.abort("canceled");
  await releaseSecond();
  await Promise.allSettled(appends);
  const { size } = Deno.statSync(path);
  return [...appends, Promise.resolve(size)];
}

/** As {@linkcode append}, by a completion queue. */
async function queue(): Promise<Promise<unknown>[]> {
  configure({ maxInFlight: 1 });
  const [file, second] = [await AioFile.open(path), await AioFile.open(other)];
  const release = fifos[0].occupyThread();
  const queue = new CompletionQueue<number>();
  queue.read(file, bytes(), 0, 1);
  queue.read(second, bytes(), 0, 2);
  await delay(5);
  queue.cancel(1);
  await release();
  const completions = queue.drain();
  return [1, 2].map(async () => {
    const { value } = await completions.next();
    return [value.tag, value.error?.code ?? value.bytes];
  });
}

/**
 * One is done, though nobody looked yet, the next one waits for a thread and is
 * canceled, and one more stands behind it.
 */
async function behind(priorities: number[]): Promise<Promise<unknown>[]> {
  configure({ lanes: 1 });
  const file = await AioFile.open(path);
  const release = fifos[0].occupyThread();
  const read = (index: number, options = {}) =>
    file.readAt(bytes(), 0, { priority: priorities[index], ...options });
  const reads = made([read(0), read(1, canceledWith)]);
  if (priorities[2] >= priorities[1]) reads.push(read(2));
  await delay(5);
  const releaseSecond = fifos[1].occupyThread();
  const releasing = release();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  if (reads.length === 2) reads.push(read(2));
  controller.abort("canceled");
  await releasing;
  await releaseSecond();
  return reads;
}

const tasks = {
  room,
  append,
  together,
  queue,
  behind: () => behind([0, 0, 0]),
  overtaken: () => behind([0, 5, 0]),
};
const promises = await tasks[task as keyof typeof tasks]();
console.log(JSON.stringify(await outcomes(promises)));
Deno.exit();
