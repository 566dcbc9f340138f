/**
 * Streams of a file, in a program: a readable one is a read of all that it
 * yields, a writable one a write of all that it takes.
 *
 * @module
 */
import { AioError } from "../../../mod.ts";
import { concat } from "../../helpers/mod.ts";
import { BLOCK_BYTES, type Handle } from "./model_file.ts";
import type { ActionOf } from "./requests.ts";
import type { World } from "./world.ts";

/** Why a writable stream is aborted. */
const REASON = new Error("the reason of abort()");

/** Multiples of a block, where direct transfers need them. */
function aligned(handle: Handle, length: number): number {
  return handle.model.isDirect
    ? Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES
    : length;
}

/** Whether a stream may have failed in this way. */
function isExpected(error: unknown, handle: Handle, begun: number): boolean {
  if (!(error instanceof AioError)) return false;
  if (error.code === "ECANCELED") return handle.canceledAt > begun;
  return error.code === "EBADF" &&
    (handle.closing !== null || handle.refuses("read"));
}

/** Reads a part of a file, and tells the model what it found. */
export async function readStream(
  action: ActionOf<"readable">,
  world: World,
): Promise<void> {
  const { clock } = world;
  const handle = world.handleOf(action);
  world.isInexact = true;
  const { depth, chunksMax, isByob } = action;
  const offset = aligned(handle, action.offset);
  const chunkSize = aligned(handle, action.chunkSize);
  const length = action.length === null
    ? undefined
    : aligned(handle, action.length);
  const begun = clock.tick();
  const chunks: Uint8Array[] = [];
  let isWhole = false;
  try {
    const stream = handle.file.readable({ offset, length, chunkSize, depth });
    isWhole = isByob
      ? await readByob(stream, chunks, chunksMax, chunkSize)
      : await readChunks(stream, chunks, chunksMax);
  } catch (error) {
    if (!isExpected(error, handle, begun)) throw error;
  }
  const settled = clock.tick();
  const bytes = concat(chunks);
  const span = { name: "A readable stream", begun, settled, offset };
  handle.model.saw({ ...span, bytes });
  if (!isWhole) return;
  const wanted = length ?? Infinity;
  handle.model.measured({ ...span, wanted, found: bytes.length });
}

/** Returns whether it read to the end. */
async function readChunks(
  stream: ReadableStream<Uint8Array>,
  chunks: Uint8Array[],
  chunksMax: number | null,
): Promise<boolean> {
  if (chunksMax === 0) {
    await stream.cancel();
    return false;
  }
  for await (const chunk of stream) {
    chunks.push(chunk);
    if (chunks.length === chunksMax) return false;
  }
  return true;
}

async function readByob(
  stream: ReadableStream<Uint8Array>,
  chunks: Uint8Array[],
  chunksMax: number | null,
  chunkSize: number,
): Promise<boolean> {
  const reader = stream.getReader({ mode: "byob" });
  while (chunks.length !== chunksMax) {
    // Shorter than the stream's own chunks, so that each takes several.
    const view = new Uint8Array(Math.ceil(chunkSize / 3));
    const { done, value } = await reader.read(view);
    if (done) return true;
    chunks.push(value);
  }
  await reader.cancel();
  return false;
}

/** Writes to a file, and tells the model what is there, or may be. */
export async function writeStream(
  action: ActionOf<"writable">,
  world: World,
): Promise<void> {
  const { clock } = world;
  const handle = world.handleOf(action);
  const isFitting = handle.model.mode === "write" && handle.access === "all";
  if (!isFitting) return;
  world.isInexact = true;
  const { depth, isAborted } = action;
  const offset = aligned(handle, action.offset);
  const chunks = action.chunks
    .map((length) => world.newContents(aligned(handle, length)));
  const begun = clock.tick();
  let isCertain = false;
  try {
    const writer = handle.file.writable({ offset, depth }).getWriter();
    // It rejects if the stream fails, as do the calls that are looked at.
    writer.closed.catch(() => {});
    for (const chunk of chunks) {
      const copy = chunk.slice();
      await writer.write(copy);
      copy.fill(0);
    }
    if (isAborted) await writer.abort(REASON);
    else await writer.close();
    isCertain = !isAborted;
  } catch (error) {
    if (!isExpected(error, handle, begun)) throw error;
  }
  handle.model.writes.push({
    name: "A writable stream",
    offset,
    bytes: concat(chunks),
    begun,
    settled: clock.tick(),
    isCertain,
  });
}
