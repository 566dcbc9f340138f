/** `AioFile.slice()`: a part of a file that is read when it is asked for. */
import { TextDecoder } from "node:util";
import { assertObject, outOfRange } from "../checks/arguments.ts";
import type { OpenFile } from "../requests/open_file.ts";
import { platform } from "../system/constants.ts";
import { AioError } from "../system/error.ts";
import { fileName } from "../system/hints.ts";
import { checkedOptions, type IoOptions } from "./options.ts";
import { readLong } from "./read.ts";
import type { ReadableOptions } from "./streams.ts";

/** What a slice uses of an `AioFile`, and what that is like. */
interface Sliced {
  read(
    offset: number,
    length: number,
    options?: IoOptions,
  ): Promise<Uint8Array<ArrayBuffer>>;
  readable(options: ReadableOptions): ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Which bytes; the end is `Infinity` where it is that of the file. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * A slice that is all of a file.
 *
 * @param file The file.
 * @param opened The same, with its descriptor.
 */
export let sliceOfAll: (file: Sliced, opened: OpenFile) => FileSlice;

/**
 * A part of a file, from {@linkcode AioFile.prototype.slice | AioFile.slice}. It has
 * nothing of the file in memory: each call reads what the file has then.
 *
 * @example The header of a file, and what lies behind it
 * ```ts
 * import { AioFile, type FileSlice } from "@posix/aio";
 *
 * await using file = await AioFile.open("deno.json");
 * const header: FileSlice = file.slice(0, 16);
 * const rest = file.slice(16);
 * console.log(header.size, "and", rest.size, "bytes");
 * console.log(await header.text());
 * ```
 */
export class FileSlice {
  readonly #file: Sliced;
  readonly #opened: OpenFile;
  readonly #range: Range;

  static {
    sliceOfAll = (file, opened) =>
      new FileSlice(file, opened, { start: 0, end: Infinity });
  }

  /** Slices come from `AioFile.slice()`. */
  private constructor(file: Sliced, opened: OpenFile, range: Range) {
    this.#file = file;
    this.#opened = opened;
    this.#range = range;
  }

  /**
   * How many bytes it has at this moment, which the system is asked for: fewer where
   * the file is shorter, and none where it ends before.
   *
   * @returns The bytes.
   * @throws {AioError} `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * console.log(file.slice(0, 16).size, file.slice(-8).size); // 16 8
   * ```
   */
  get size(): number {
    const { start, end } = this.#range;
    return Math.max(Math.min(end, this.#opened.sizeNow()) - start, 0);
  }

  /**
   * The bytes, in memory of their own. Of a pipe or a terminal they are those that come
   * from now on, until there are as many, it ends, or that is canceled: what has come
   * by then is there.
   *
   * @param options Cancellation and priority.
   * @returns The bytes, fewer than were asked for where the file ends before.
   * @throws {AioError} If the system reports an error; `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const bytes = await file.slice(-8).bytes();
   * console.log(bytes.length); // 8
   * ```
   */
  async bytes(options: IoOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { start, end } = this.#range;
    const length = end - start;
    if (this.#opened.isSeekable) {
      return await this.#file.read(start, length, options);
    }
    const checked = checkedOptions(options);
    this.#opened.assertOpen("aio_read");
    return await this.#opened.during(
      readLong(this.#opened, start, length, checked, true),
    );
  }

  /**
   * The same as {@linkcode FileSlice.prototype.bytes | bytes}, as an `ArrayBuffer`.
   *
   * @param options Cancellation and priority.
   * @returns A buffer that has nothing else in it.
   * @throws {AioError} If the system reports an error; `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const view = new DataView(await file.slice(0, 4).arrayBuffer());
   * console.log(view.getUint32(0));
   * ```
   */
  async arrayBuffer(options?: IoOptions): Promise<ArrayBuffer> {
    return (await this.bytes(options)).buffer;
  }

  /**
   * The bytes as text. They are UTF-8; what is none becomes U+FFFD, and a mark of the
   * byte order is left out, as `Blob.text()` does.
   *
   * @param options Cancellation and priority.
   * @returns The text.
   * @throws {AioError} If the system reports an error; `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * console.log(JSON.parse(await file.slice().text()).name); // @posix/aio
   * ```
   */
  async text(options?: IoOptions): Promise<string> {
    return new TextDecoder().decode(await this.bytes(options));
  }

  /**
   * The bytes as a stream, as {@linkcode AioFile.prototype.readable | AioFile.readable}
   * has it.
   *
   * @param options How far to read ahead.
   * @returns A byte stream. Canceling it cancels its reads; the file stays open.
   * @throws {AioError} `EBADF` if the file is closed.
   * @throws {RangeError} If an option is not valid.
   *
   * @example The body of an answer
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const part = file.slice(16, 80);
   * const response = new Response(part.stream(), {
   *   status: 206,
   *   headers: { "content-length": String(part.size) },
   * });
   * console.log((await response.text()).length); // 64
   * ```
   */
  stream(
    options: Pick<ReadableOptions, "chunkSize" | "depth"> = {},
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    assertObject(options, "options");
    const { start, end } = this.#range;
    return this.#file.readable({
      ...options,
      offset: start,
      length: end - start,
    });
  }

  /**
   * A part of this slice. Positions are relative to it, and are those of `Blob.slice()`:
   * a negative one counts from the end, as far as the system tells where that is, and
   * none leads out of this slice.
   *
   * @param start Where it begins, in bytes.
   * @param end Where it ends, in bytes; where this one ends unless given.
   * @returns The part.
   * @throws {AioError} If a position is negative: `EBADF` if the file is closed,
   * `ESPIPE` of a pipe or a terminal, which has no end to count from.
   * @throws {RangeError} If a position is no integer.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const middle = file.slice(16, 80).slice(8, -8);
   * console.log(middle.size); // 48
   * ```
   */
  slice(start = 0, end?: number): FileSlice {
    const length = this.#range.end - this.#range.start;
    const from = this.#position(start, "start");
    const to = end === undefined ? length : this.#position(end, "end");
    const range = {
      start: positionBehind(this.#range.start, from),
      end: positionBehind(this.#range.start, Math.max(from, to)),
    };
    return new FileSlice(this.#file, this.#opened, range);
  }

  #assertHasEnd(position: number, name: string): void {
    const { named, isSeekable } = this.#opened;
    if (isSeekable) return;
    throw new AioError(
      `The ${name} ${position} counts from the end, and ${
        fileName(named)
      } has none`,
      { errno: platform.errno.ESPIPE, syscall: "lseek", ...named },
    );
  }

  /** A position from the start of this slice. */
  #position(position: number, name: string): number {
    if (!Number.isSafeInteger(position)) {
      throw outOfRange(name, position, "an integer");
    }
    if (position < 0) {
      this.#assertHasEnd(position, name);
      return Math.max(this.size + position, 0);
    }
    return Math.min(position, this.#range.end - this.#range.start);
  }
}

/** No file has bytes behind what a number can say: at most that. */
function positionBehind(start: number, bytes: number): number {
  if (bytes === Infinity) return Infinity;
  return Math.min(start + bytes, Number.MAX_SAFE_INTEGER);
}
