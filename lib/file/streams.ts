/** `AioFile.readable()` and `AioFile.writable()`: web streams over requests. */
import * as web from "node:stream/web";
import { runtime } from "../../ffi/current.ts";
import {
  assertObject,
  atMost,
  nonNegative,
  positive,
} from "../checks/arguments.ts";
import {
  assertBytes,
  byteLengthOf,
  copyBytes,
  sliceOf,
} from "../checks/bytes.ts";
import { fileOffset, offsetAfter } from "../checks/offset.ts";
import { allocateOwn } from "../system/pinned.ts";

/**
 * Not the globals: the environments of test runners that play a browser (jsdom) have
 * none, or some of their own.
 */
const { ReadableStream, WritableStream } = web as unknown as typeof globalThis;

const CHUNK_BYTES = 256 * 1024;
const DEPTH = 4;
/** A slip of the finger must not take all memory. */
const CHUNK_BYTES_MAX = 2 ** 30;
/** More requests than this wait in the library anyway. */
const DEPTH_MAX = 1024;

/**
 * Options of {@linkcode AioFile.prototype.readable | AioFile.readable}.
 *
 * @example A part of a file in small chunks
 * ```ts
 * import { AioFile, type ReadableOptions } from "@posix/aio";
 *
 * const options: ReadableOptions = { offset: 16, length: 64, chunkSize: 32 };
 * await using file = await AioFile.open("deno.json");
 * for await (const chunk of file.readable(options)) {
 *   console.log(chunk.length); // 32, twice
 * }
 * ```
 */
export interface ReadableOptions {
  /**
   * Where to begin, in bytes.
   *
   * @default {0}
   */
  offset?: number | bigint | undefined;
  /** How many bytes to read at most; to the end of the file unless given. */
  length?: number | undefined;
  /**
   * How many bytes a chunk has, at most a GiB; only the last one may have fewer.
   *
   * @default {262144}
   */
  chunkSize?: number | undefined;
  /**
   * How many reads may be ahead of the reader, at most 1024; the first one goes
   * alone, because most files are short.
   *
   * @default {4}
   */
  depth?: number | undefined;
}

/**
 * Options of {@linkcode AioFile.prototype.writable | AioFile.writable}.
 *
 * @example Going on behind what is there already
 * ```ts
 * import { AioFile, type WritableOptions } from "@posix/aio";
 * import { rmSync } from "node:fs";
 *
 * const path = "writable_options.example";
 * {
 *   const mode = { write: true, create: true };
 *   await using file = await AioFile.open(path, mode);
 *   await file.writeAt(new Uint8Array(512), 0);
 *   const options: WritableOptions = { offset: await file.size(), depth: 8 };
 *   await new Blob(["the rest"]).stream().pipeTo(file.writable(options));
 *   console.log(await file.size()); // 520
 * }
 * rmSync(path);
 * ```
 */
export interface WritableOptions {
  /**
   * Where to begin, in bytes.
   *
   * @default {0}
   */
  offset?: number | bigint | undefined;
  /**
   * How many writes may be in flight, at most 1024.
   *
   * @default {4}
   */
  depth?: number | undefined;
}

/** What streams use of an `AioFile`. */
interface Transfers {
  readAt(
    into: Uint8Array,
    offset: number | bigint,
    options: { signal: AbortSignal },
  ): Promise<number>;
  writeAt(
    from: Uint8Array,
    offset: number | bigint,
    options: { signal: AbortSignal },
  ): Promise<number>;
}

/** A read ahead of the reader. */
interface ReadAhead {
  readonly chunk: Uint8Array<ArrayBuffer>;
  readonly bytes: Promise<number>;
}

/** See {@linkcode AioFile.readable}. */
export function readableFrom(
  file: Transfers,
  isSeekable: boolean,
  options: ReadableOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  assertObject(options, "options");
  assertOurs(options, "The part to read is { offset, length }");
  const { offset = 0, length = Infinity } = options;
  const { chunkSize = CHUNK_BYTES, depth = DEPTH } = options;
  let next = fileOffset("read", offset);
  atMost(positive(chunkSize, "chunkSize"), CHUNK_BYTES_MAX, "chunkSize");
  atMost(positive(depth, "depth"), DEPTH_MAX, "depth");
  if (length !== Infinity) nonNegative(length, "length");
  let left = length;
  const ahead: ReadAhead[] = [];
  const canceled = new AbortController();

  /** Whether there is something to read ahead. */
  let isLong = false;

  const readAhead = () => {
    const wanted = isLong ? depth : 1;
    while (ahead.length < wanted && left > 0) {
      const chunk = runtime.allocateUnsafe(Math.min(chunkSize, left));
      const { signal } = canceled;
      const bytes = file.readAt(chunk, next, { signal });
      // Who takes the chunk learns of the failure; the others are discarded.
      bytes.catch(() => {});
      ahead.push({ chunk, bytes });
      next = offsetAfter(next, chunk.byteLength);
      left -= chunk.byteLength;
    }
  };

  let isAtEnd = false;
  /** Takes the next chunk; it is empty at the end, and may be before. */
  const take = async () => {
    readAhead();
    const first: ReadAhead | undefined = ahead[0];
    const bytes = await first?.bytes ?? 0;
    ahead.shift();
    const missing = (first?.chunk.byteLength ?? 0) - bytes;
    if (!isSeekable) left += missing;
    // A short read is the end of a file; of a pipe only an empty one is.
    const isLast = isSeekable ? missing > 0 : bytes === 0;
    isAtEnd = isLast || ahead.length === 0 && left === 0;
    // Most files are short, and of a pipe nobody knows how much comes.
    isLong = isSeekable && !isAtEnd;
    // A copy: nobody is to see what the memory had before, behind what was read.
    return missing > 0 ? first?.chunk.slice(0, bytes) : first?.chunk;
  };

  const giveUp = async (reason?: unknown) => {
    canceled.abort(reason);
    await Promise.allSettled(ahead.map(({ bytes }) => bytes));
  };

  const source: UnderlyingByteSource = {
    type: "bytes",
    async pull(controller) {
      const chunk = isAtEnd ? undefined : await take().catch(async (error) => {
        await giveUp(error);
        throw error;
      });
      if (chunk !== undefined && chunk.byteLength > 0) {
        controller.enqueue(chunk);
        // Not closed yet: who wants more bytes at least would not get these.
        return isAtEnd ? giveUp() : readAhead();
      }
      if (!isAtEnd) return readAhead();
      await giveUp();
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: giveUp,
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

/** @throws {TypeError} If the place is given as `node:fs` has it. */
function assertOurs(options: object, place: string): void {
  if (!("start" in options) && !("end" in options)) return;
  throw new TypeError(`${place}, not { start, end } as in node:fs`);
}

/** See {@linkcode AioFile.writable}. */
export function writableTo(
  file: Transfers,
  options: WritableOptions,
): WritableStream<Uint8Array> {
  assertObject(options, "options");
  assertOurs(options, "Where to begin is { offset }");
  const { offset = 0, depth = DEPTH } = options;
  let next = fileOffset("write", offset);
  atMost(positive(depth, "depth"), DEPTH_MAX, "depth");
  const buffers: Uint8Array[] = [];
  let buffersMade = 0;
  const inFlight = new Set<Promise<void>>();
  const aborted = new AbortController();
  let failure: { error: unknown } | null = null;

  const takeBuffer = async () => {
    if (buffers.length === 0 && buffersMade < depth) {
      buffersMade++;
      return allocateOwn(CHUNK_BYTES);
    }
    while (buffers.length === 0) await Promise.race(inFlight);
    return buffers.pop()!;
  };

  const write = async (
    buffer: Uint8Array,
    bytes: number,
    offset: number | bigint,
  ) => {
    try {
      await file.writeAt(sliceOf(buffer, 0, bytes), offset, {
        signal: aborted.signal,
      });
    } catch (error) {
      failure ??= { error };
    }
    buffers.push(buffer);
  };

  const giveUp = async (reason: unknown) => {
    aborted.abort(reason);
    await Promise.all(inFlight);
  };

  const throwFailure = async () => {
    if (failure === null) return;
    await giveUp(failure.error);
    throw failure.error;
  };

  return new WritableStream<Uint8Array>({
    start(controller) {
      // abort() itself is called only once write() is done, which may have to
      // wait for what is canceled here. Bun 1.2 has no signal.
      const signal = controller.signal as AbortSignal | undefined;
      signal?.addEventListener("abort", () => aborted.abort(signal.reason));
    },
    async write(chunk) {
      assertBytes(chunk, "The chunk");
      const length = byteLengthOf(chunk);
      for (let begin = 0; begin < length; begin += CHUNK_BYTES) {
        const bytes = Math.min(CHUNK_BYTES, length - begin);
        const buffer = await takeBuffer();
        await throwFailure();
        assertStillThere(chunk, length);
        copyBytes(buffer, sliceOf(chunk, begin, begin + bytes), 0);
        const writing: Promise<void> = write(buffer, bytes, next)
          .then(() => void inFlight.delete(writing));
        inFlight.add(writing);
        next = offsetAfter(next, bytes);
      }
    },
    async close() {
      await Promise.all(inFlight);
      await throwFailure();
    },
    abort: giveUp,
  });
}

/** @throws {TypeError} If a part of the chunk was taken away meanwhile. */
function assertStillThere(chunk: Uint8Array, length: number): void {
  if (byteLengthOf(chunk) >= length) return;
  throw new TypeError(
    `The chunk of ${length} bytes was detached or became shorter while it was ` +
      "written",
  );
}
