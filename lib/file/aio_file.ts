/** `AioFile`: an open file, where requests enter. */
import type { BigIntStats } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import { setImmediate } from "../../ffi/event_loop.ts";
import {
  assertArray,
  assertFlag,
  assertObject,
  nonNegative,
} from "../checks/arguments.ts";
import { type Buffers, buffersOf } from "../checks/buffers.ts";
import { assertBytes, nameOf } from "../checks/bytes.ts";
import { fileOffset } from "../checks/offset.ts";
import type { Operation } from "../engine/engine.ts";
import { engine } from "../engine/serving.ts";
import { dispatcher } from "../requests/dispatcher.ts";
import { type Cached, type Opened, OpenFile } from "../requests/open_file.ts";
import { closeDescriptor } from "../system/close.ts";
import { withCallerFirst } from "../system/error.ts";
import { placeOf } from "../system/pinned.ts";
import { type NodeFlags, withoutNodeFlags } from "./node_flags.ts";
import { type CopyOptions, copyTo } from "./copy_to.ts";
import {
  type FileLock,
  lock,
  type LockOptions,
  tryLock,
  unlock,
} from "./file_lock.ts";
import { type FileSlice, sliceOfAll } from "./file_slice.ts";
import { openFile, type OpenOptions } from "./open.ts";
import { pathOf } from "./path.ts";
import {
  adopted,
  type AdoptOptions,
  assertPriority,
  type BatchRequest,
  checkedOptions,
  checkedRequest,
  type CloseOptions,
  type FileHandleLike,
  type IoOptions,
  ownOptions,
} from "./options.ts";
import {
  allSettled,
  awaitable,
  type PromisedRequest,
  requestFor,
  type Resolve,
} from "./promised_request.ts";
import { readLong, UNASKED_BYTES_MAX, upTo } from "./read.ts";
import { type Advice, advise, allocate, punchHole } from "./space.ts";
import {
  readableFrom,
  type ReadableOptions,
  type WritableOptions,
  writableTo,
} from "./streams.ts";

const constructorKey = Symbol("AioFile");

let assertFile: (value: unknown) => asserts value is AioFile;
let getOpenFile: (file: AioFile) => OpenFile;

/**
 * An open file whose reads and writes have an offset of their own each, and run
 * asynchronously, many at a time.
 *
 * Operations have no order among themselves unless one is awaited before the
 * next begins, as in POSIX. Only {@linkcode AioFile.prototype.append | append}
 * keeps the order of calls, and {@linkcode AioFile.prototype.sync | sync} and
 * {@linkcode AioFile.prototype.syncData | syncData} cover every write submitted
 * before them.
 *
 * @example Writing, and reading it back
 * ```ts
 * import { AioFile } from "@posix/aio";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * {
 *   await using file = await AioFile.open(path, { read: true, write: true });
 *   await file.writeAt(new TextEncoder().encode("hello"), 4096);
 *   const bytes = new Uint8Array(5);
 *   assertEquals(await file.readAt(bytes, 4096), 5);
 *   assertEquals(new TextDecoder().decode(bytes), "hello");
 * }
 * await Deno.remove(path);
 * ```
 */
export class AioFile implements AsyncDisposable {
  /** The file descriptor. */
  readonly fd: number;
  readonly #file: OpenFile;

  static {
    assertFile = (value) => {
      const isObject = typeof value === "object" && value !== null;
      if (isObject && #file in value) return;
      // To look at it might run code of whoever made it.
      const hint = isObject
        ? " (import and require() have an AioFile each)"
        : "";
      throw new TypeError(
        `The file must be an AioFile, but is ${nameOf(value)}${hint}`,
      );
    };
    getOpenFile = (file) => {
      assertFile(file);
      return file.#file;
    };
  }

  /** Files come from {@linkcode AioFile.open} and {@linkcode AioFile.adopt}. */
  private constructor(
    key: symbol,
    fd: number,
    closeFd: boolean,
    opened: Opened | undefined,
    handle: FileHandleLike | null,
  ) {
    if (key !== constructorKey) {
      throw new TypeError(
        "An AioFile comes from AioFile.open() or AioFile.adopt()",
      );
    }
    this.fd = fd;
    this.#file = new OpenFile(fd, opened, closeFd, handle);
    // Another number in `fd` would close what belongs to somebody else.
    Object.freeze(this);
  }

  /**
   * Opens a file. The runtime's permissions decide as they do for its own
   * functions.
   *
   * @param path Where it is: a string is a path, also one that looks like a URL;
   * bytes are for names that are not UTF-8. Deno opens those by a native call, which
   * takes `--allow-ffi`, and `--allow-read` or `--allow-write` without paths.
   * @param options How to open it; for reading, unless they say otherwise. A string
   * is one of those that `node:fs` knows.
   * @param mode Behind such a string, the permissions of a new file: 0o666 unless
   * given, before the process's umask.
   * @returns The open file.
   * @throws {AioError} If the system refuses: `ENOENT`, `EACCES`, `EISDIR`, …;
   * `EINVAL` for `direct` on a file system without; `ENOSYS` where the engine that
   * was asked for cannot be had.
   * @throws {TypeError} If the path is none, or options contradict each other.
   * @throws The runtime's own error if it does not permit it.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * console.log(await file.size(), "bytes");
   * ```
   *
   * @example As with `node:fs`
   * ```ts
   * import { AioFile } from "@posix/aio";
   * import { rmSync } from "node:fs";
   *
   * {
   *   await using file = await AioFile.open("open.example", "w+");
   *   await file.writeAt(new TextEncoder().encode("hello"), 0);
   *   console.log(await file.slice().text()); // hello
   * }
   * rmSync("open.example");
   * ```
   */
  static async open(
    path: string | URL | Uint8Array,
    options: OpenOptions | NodeFlags = {},
    mode?: number,
  ): Promise<AioFile> {
    // Where there is none, nothing is created.
    engine();
    const checked = pathOf(path);
    const { name } = checked;
    const { fd, flags } = await openFile(
      checked,
      withoutNodeFlags(options, mode),
    );
    try {
      return new AioFile(constructorKey, fd, true, { path: name, flags }, null);
    } catch (error) {
      await closeDescriptor({ fd, path: name });
      throw error;
    }
  }

  /**
   * Makes a file of a descriptor that is open already, such as one from `node:fs`, or
   * of a `FileHandle` of `node:fs/promises`.
   *
   * @param fd The descriptor, or the handle. While the file is open, nobody else may
   * close it.
   * @param options Whether closing the file closes it.
   * @returns The file.
   * @throws {AioError} `EBADF` if the descriptor is not open, and the system's error
   * where it does not tell what the descriptor is.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   * import { open } from "node:fs/promises";
   *
   * await using file = AioFile.adopt(await open("deno.json"));
   * console.log(await file.size(), "bytes");
   * ```
   */
  static adopt(
    fd: number | FileHandleLike,
    options: AdoptOptions = {},
  ): AioFile {
    assertObject(options, "options");
    const { closeFd } = options;
    assertFlag(closeFd, "closeFd");
    const { fd: number, handle } = adopted(fd);
    const isOwner = closeFd !== false;
    return new AioFile(constructorKey, number, isOwner, undefined, handle);
  }

  /**
   * Reads at an offset, as far as the buffer and the file go. From a pipe, a
   * socket or a terminal, which have no offsets, it reads what is there, and from
   * another character device (`/dev/zero`) what that gives at once.
   *
   * A list of buffers is filled in order by one request, as `preadv()` does.
   *
   * @param into Where to put the bytes: a buffer, or a list of them. Pinned memory is
   * filled in place.
   * @param offset Where in the file, in bytes.
   * @param options Cancellation and priority.
   * @returns How many bytes were read: fewer than there is room for only at the end
   * of the file (of a regular file or a block device), 0 at or past it.
   * @throws {AioError} If the system reports an error.
   * @throws {TypeError} If `into` is no `Uint8Array` or list of them, or a buffer was
   * detached or became shorter meanwhile.
   * @throws {RangeError} If the offset or the priority is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const bytes = new Uint8Array(16);
   * console.log(await file.readAt(bytes, 0)); // 16
   * ```
   *
   * @example The columns of a row group, which follow each other in the file
   * ```ts
   * import { AioFile, allocatePinned } from "@posix/aio";
   *
   * const columnBytes = [400, 1200, 96]; // as the footer says
   * await using file = await AioFile.open("deno.lock");
   * const columns = columnBytes.map((bytes) => allocatePinned(bytes));
   * console.log(await file.readAt(columns, 512)); // 1696
   * ```
   */
  readAt(
    into: Uint8Array | readonly Uint8Array[],
    offset: number | bigint,
    options?: IoOptions,
  ): Promise<number> {
    return AioFile.#transfer(this, "read", into, offset, options);
  }

  /**
   * Reads at an offset into memory of its own, as far as the file goes. From a pipe,
   * a socket or a terminal it reads what is there.
   *
   * The length may be more than the file has, or `Infinity`: memory is taken for what
   * is there.
   * Where the same buffer can be used again, or has to be pinned,
   * {@linkcode AioFile.prototype.readAt | readAt} takes it.
   *
   * @param offset Where in the file, in bytes.
   * @param length How many bytes.
   * @param options Cancellation and priority.
   * @returns The bytes: fewer than `length` only at the end of the file, none at or
   * past it. The memory is the caller's alone, and can be transferred.
   * @throws {AioError} If the system reports an error.
   * @throws {RangeError} If the offset, the length or the priority is not valid, or
   * the runtime has no array of so many bytes.
   *
   * @example The last 8 bytes of a file
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const end = await file.read(await file.size() - 8, 8);
   * console.log(end.length); // 8
   * ```
   */
  async read(
    offset: number | bigint,
    length: number,
    options?: IoOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    assertFile(this);
    if (length !== Infinity) nonNegative(length, "length");
    if (length > UNASKED_BYTES_MAX) {
      return await this.#readLong(offset, length, options);
    }
    const bytes = runtime.allocateUnsafe(length);
    return upTo(bytes, await this.readAt(bytes, offset, options));
  }

  /**
   * A part of the file as `Blob` has it, which is read when it is asked for, and not
   * before.
   *
   * It is a range of the file, not a copy: it shows what the file has when it is read.
   * A negative position counts from the end of the file as it is now, as far as the
   * system tells where that is. Without an end it goes to the end of the file as it is
   * then.
   *
   * @param start Where it begins, in bytes.
   * @param end Where it ends, in bytes; at the end of the file unless given.
   * @returns The part.
   * @throws {AioError} `EBADF` if the file is closed; `ESPIPE` if a position is negative
   * and the file is a pipe or a terminal.
   * @throws {RangeError} If a position is no integer.
   *
   * @example The last line
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const end = await file.slice(-64).text();
   * console.log(end.trimEnd().split("\n").at(-1)); // }
   * ```
   */
  slice(start?: number, end?: number): FileSlice {
    assertFile(this);
    this.#file.assertOpen("fstat");
    return sliceOfAll(this, this.#file).slice(start, end);
  }

  /**
   * Writes all bytes at an offset. In a file opened with `append`, Linux ignores
   * the offset and appends, and so does this.
   *
   * A list of buffers is written in order by one request, as `pwritev()` does.
   *
   * @param from The bytes: a buffer, or a list of them. They must not be changed
   * before the promise is settled.
   * @param offset Where in the file, in bytes.
   * @param options Cancellation and priority.
   * @returns How many bytes were written: all of them.
   * @throws {AioError} If the system reports an error; `bytesTransferred` says
   * how many bytes were written before.
   * @throws {TypeError} If `from` is no `Uint8Array` or list of them, or a buffer was
   * detached or became shorter meanwhile.
   * @throws {RangeError} If the offset or the priority is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   await file.writeAt(new Uint8Array([1, 2, 3]), 0);
   * }
   * await Deno.remove(path);
   * ```
   *
   * @example A row group, with a column in each buffer
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const ids = new Uint32Array([1, 2, 3]);
   * const prices = new Float64Array([9.5, 12, 0.25]);
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   const columns = [ids, prices].map(({ buffer }) => new Uint8Array(buffer));
   *   console.log(await file.writeAt(columns, 0)); // 36
   * }
   * await Deno.remove(path);
   * ```
   */
  writeAt(
    from: Uint8Array | readonly Uint8Array[],
    offset: number | bigint,
    options?: IoOptions,
  ): Promise<number> {
    return AioFile.#transfer(this, "write", from, offset, options);
  }

  /**
   * Writes all bytes at the end of the file, wherever that is by then. Appends
   * reach the file in the order of the calls.
   *
   * POSIX: "If the O_APPEND flag of the file status flags is set, the file
   * offset shall be set to the end of the file prior to each write and no
   * intervening file modification operation shall occur between changing the
   * file offset and the write operation."
   *
   * A list of buffers is appended in order, with nothing in between. That holds
   * against everybody who appends, for up to 1 MiB; of more, the system gets a part at
   * a time, and only the other appends of this `AioFile` stay outside. One buffer of
   * pinned memory goes at once, however long it is; in workers, and on Bun where
   * `node:fs` serves, it is as other memory.
   *
   * @param from The bytes: a buffer, or a list of them. They must not be changed
   * before the promise is settled.
   * @param options Cancellation; the priority is not used.
   * @returns How many bytes were written: all of them.
   * @throws {AioError} If the system reports an error; `bytesTransferred` says
   * how many bytes were written before. `EINVAL` for a block device.
   * @throws {TypeError} If `from` is no `Uint8Array` or list of them, or a buffer was
   * detached or became shorter meanwhile.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using log = await AioFile.open(path, { append: true });
   *   const lines = ["first\n", "second\n"].map((line) =>
   *     log.append(new TextEncoder().encode(line))
   *   );
   *   await Promise.all(lines);
   *   await log.syncData();
   * }
   * console.log(await Deno.readTextFile(path)); // first, second
   * await Deno.remove(path);
   * ```
   *
   * @example A frame of a write-ahead log
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const payload = new TextEncoder().encode("paid 12 EUR");
   * const header = new Uint8Array(4), trailer = new Uint8Array([0xaa, 0x55]);
   * new DataView(header.buffer).setUint32(0, payload.length);
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using log = await AioFile.open(path, { append: true });
   *   const frame = log.append([header, payload, trailer]);
   *   await Promise.all([frame, log.syncData()]);
   *   console.log(await frame); // 17
   * }
   * await Deno.remove(path);
   * ```
   */
  append(
    from: Uint8Array | readonly Uint8Array[],
    options?: IoOptions,
  ): Promise<number> {
    return AioFile.#transfer(this, "append", from, 0, options);
  }

  /**
   * Brings every write that was submitted before this call to disk, data and
   * metadata, as `aio_fsync(O_SYNC)`.
   *
   * Calls that wait at the same time share one synchronization. After an error
   * nothing can be relied on that was written since the last one that succeeded:
   * the system may have dropped it, and another try that succeeds proves
   * nothing. Write it again.
   *
   * It covers a {@linkcode AioFile.prototype.truncate | truncate} before it as well.
   *
   * On macOS the data may stay in the drive's cache, where a loss of power
   * reaches them. There, await the writes and call `fsync` of `node:fs` with
   * {@linkcode AioFile.prototype.fd | fd}: on Node and Deno it is `F_FULLFSYNC`.
   *
   * @param options Cancellation; the priority is not used.
   * @throws {AioError} If the system reports an error, for every call that
   * shared the synchronization.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   await Promise.all([
   *     file.writeAt(new Uint8Array(512), 0),
   *     file.sync(), // covers the write, though that may be in flight still
   *   ]);
   * }
   * await Deno.remove(path);
   * ```
   */
  async sync(options?: IoOptions): Promise<void> {
    assertFile(this);
    await this.#synchronize("sync", options);
  }

  /**
   * Brings every write that was submitted before this call to disk, as
   * {@linkcode AioFile.prototype.sync | sync} does, without metadata that reading
   * the data back does not need, as `aio_fsync(O_DSYNC)`. The size is needed: that
   * of a {@linkcode AioFile.prototype.truncate | truncate} before it is covered.
   *
   * What `sync` says of errors, and of macOS, holds here as well.
   *
   * @param options Cancellation; the priority is not used.
   * @throws {AioError} If the system reports an error, for every call that
   * shared the synchronization.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   await file.writeAt(new Uint8Array(512), 0);
   *   await file.syncData();
   * }
   * await Deno.remove(path);
   * ```
   */
  async syncData(options?: IoOptions): Promise<void> {
    assertFile(this);
    await this.#synchronize("syncData", options);
  }

  /**
   * Submits many reads and writes with one `lio_listio` call.
   *
   * @param requests The requests. They have no order among themselves.
   * @returns The outcome of each, in the order of the requests.
   * @throws {AioError} `EBADF` if the file is closed.
   * @throws {TypeError} If a request is not what it should be; then none is
   * submitted.
   * @throws {RangeError} If an offset or a priority is not valid; then none is
   * submitted.
   *
   * @example
   * ```ts
   * import { AioFile, allocatePinned } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const outcomes = await file.batch([0, 64, 128].map((offset) => ({
   *   type: "read",
   *   buffer: allocatePinned(64),
   *   offset,
   * })));
   * console.log(outcomes); // [{ status: "fulfilled", value: 64 }, …]
   * ```
   */
  async batch(
    requests: BatchRequest[],
  ): Promise<PromiseSettledResult<number>[]> {
    assertFile(this);
    assertArray(requests, "requests");
    // Not map(), which would leave holes out.
    const all = [];
    for (const request of requests) {
      const { type, buffer, offset, priority = 0, signal } = checkedRequest(
        request,
      );
      const at = fileOffset(type, offset);
      if (priority !== 0) assertPriority(priority);
      const fields = {
        operation: type,
        view: buffer,
        address: placeOf(buffer),
        offset: at,
        priority,
      };
      all.push({ queue: this.#file.queueFor(type), fields, signal });
    }
    this.#file.assertOpen("lio_listio");
    // A getter of a later request may have taken it away.
    for (const { fields } of all) assertBytes(fields.view, "buffer");
    // A loop of those would leave timers no turn.
    if (all.length === 0) await new Promise((next) => setImmediate(next));
    const together: PromisedRequest[] = [];
    const outcomes = all.map(({ queue, fields, signal }) =>
      new Promise<number>((resolve, reject) => {
        const request = requestFor(queue, fields, signal, resolve, reject);
        if (request !== null) together.push(request);
      })
    );
    dispatcher.submitTogether(together);
    // Awaited, because the stacks of errors would end here in Bun.
    return await allSettled(outcomes);
  }

  /**
   * Cancels every request of this file that has not begun; their promises reject
   * with an `AioError` `ECANCELED`. Those that are running go on. What waits for a
   * pipe, a socket or a terminal has not begun. A {@linkcode AioFile.prototype.lock |
   * lock} that waits is no request: its signal ends it.
   *
   * @returns How many were canceled.
   * @throws {AioError} `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const reads = Promise.allSettled(
   *   [0, 1, 2].map((at) => file.readAt(new Uint8Array(1), at)),
   * );
   * console.log(await file.cancel(), "of 3 canceled");
   * await reads;
   * ```
   */
  // deno-lint-ignore require-await
  async cancel(): Promise<number> {
    assertFile(this);
    this.#file.assertOpen("aio_cancel");
    return this.#file.cancelAll();
  }

  /**
   * The size of the file at this moment.
   *
   * @returns The size in bytes; beyond 2 ** 53 - 1 the nearest number, which no
   * method takes for an offset.
   * @throws {AioError} `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * console.log(await file.size());
   * ```
   */
  async size(): Promise<number> {
    assertFile(this);
    this.#file.assertOpen("fstat");
    return await this.#file.size();
  }

  /**
   * Makes the file `length` bytes long: cuts it, or extends it with zeros.
   *
   * It has no order among reads and writes that are in flight. A
   * {@linkcode AioFile.prototype.sync | sync} that is called later covers it, as it
   * covers a write.
   *
   * @param length The new size in bytes; 0 unless given.
   * @throws {AioError} If the system refuses, `EINVAL` for a file that is not
   * open for writing.
   * @throws {RangeError} If the length is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   await file.truncate(4096);
   *   console.log(await file.size()); // 4096
   * }
   * await Deno.remove(path);
   * ```
   */
  async truncate(length = 0): Promise<void> {
    assertFile(this);
    this.#file.assertOpen("ftruncate");
    await this.#file.truncate(nonNegative(length, "length"));
  }

  /**
   * What the system knows of the file: its size, its times, who owns it.
   *
   * @returns The same as `fstat()` of `node:fs` with `bigint`: numbers are exact, and
   * times have nanoseconds as well. Without native calls Deno rounds those to
   * milliseconds, and sizes beyond 2 ** 53.
   * @throws {AioError} If the system does not tell; `EBADF` if the file is closed;
   * `ENOTSUP` for a descriptor that the runtime has not opened, where it may not look
   * into `/proc`.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const { size, mtimeNs } = await file.stat();
   * console.log(size, "bytes, changed", mtimeNs, "ns after 1970");
   * ```
   */
  async stat(): Promise<BigIntStats> {
    assertFile(this);
    this.#file.assertOpen("fstat");
    return await this.#file.stat();
  }

  /**
   * Has the file system set space aside, so that no later write there fails because the
   * disk is full: `posix_fallocate()`, on Linux `fallocate()`. The file becomes as long as
   * that if it is shorter; what it has stays as it is.
   *
   * A {@linkcode AioFile.prototype.sync | sync} that is called later covers it, as it
   * covers a write.
   *
   * @param offset Where in the file, in bytes.
   * @param length How many bytes.
   * @throws {AioError} If the system refuses: `ENOSPC`, …; `ENOTSUP` where the file
   * system or the system (macOS) cannot.
   * @throws {RangeError} If the offset or the length is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, { write: true });
   *   if (Deno.build.os === "linux") await file.allocate(0, 1024 * 1024);
   * }
   * await Deno.remove(path);
   * ```
   */
  async allocate(offset: number | bigint, length: number): Promise<void> {
    assertFile(this);
    this.#file.assertOpen("fallocate");
    await allocate(this.#file, offset, length);
  }

  /**
   * Gives space back to the file system: the bytes read as zeros from then on, and the
   * size stays. Blocks of the file system that are only partly in the range stay, too.
   *
   * A {@linkcode AioFile.prototype.sync | sync} that is called later covers it, as it
   * covers a write.
   *
   * @param offset Where in the file, in bytes.
   * @param length How many bytes.
   * @throws {AioError} If the system refuses; `ENOTSUP` where the file system cannot,
   * and everywhere but on Linux.
   * @throws {RangeError} If the offset or the length is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using file = await AioFile.open(path, "r+");
   *   await file.writeAt(new Uint8Array(65536).fill(1), 0);
   *   if (Deno.build.os === "linux") {
   *     await file.punchHole(4096, 32768);
   *     console.log((await file.read(4096, 1))[0]); // 0
   *   }
   * }
   * await Deno.remove(path);
   * ```
   */
  async punchHole(offset: number | bigint, length: number): Promise<void> {
    assertFile(this);
    this.#file.assertOpen("fallocate");
    await punchHole(this.#file, offset, length);
  }

  /**
   * Tells the system how the file is going to be read: `posix_fadvise()`. It is advice,
   * and changes nothing that the file has.
   *
   * @param advice What is going to happen, or not: `"willneed"` has it read ahead,
   * `"dontneed"` takes what is on disk out of the page cache.
   * @param offset From where on, in bytes.
   * @param length For how many bytes; to the end of the file unless given.
   * @throws {AioError} If the system refuses; `ENOTSUP` on macOS, which takes none.
   * @throws {TypeError} If it is no advice that the system knows.
   * @throws {RangeError} If the offset or the length is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.lock");
   * if (Deno.build.os === "linux") await file.advise("willneed", 0, 4096);
   * ```
   */
  async advise(
    advice: Advice,
    offset: number | bigint = 0,
    length = Infinity,
  ): Promise<void> {
    assertFile(this);
    this.#file.assertOpen("posix_fadvise");
    await advise(this.#file, advice, offset, length);
  }

  /**
   * Locks bytes of the file, and waits for as long as somebody else has a lock that
   * excludes it. The lock is given up at the end of its block.
   *
   * It is an open file description lock (`F_OFD_SETLK`). It excludes other processes,
   * and every other file of this one, that ask for a lock; nobody is kept from reading
   * and writing. Calls on the same `AioFile` exclude each other as well. But files that
   * were adopted from one descriptor, or from duplicates of it, have one owner: their
   * locks do not exclude each other, and to close one of them gives up those of all.
   *
   * A thread that waits for a lock cannot be canceled, so none does: the system is asked
   * again and again, at first after 1 ms, then up to 64 ms later. So there is no order
   * among those who wait. Who waits when the file is closed is refused.
   *
   * @param options Which bytes, whether others may share them, and what ends the waiting.
   * @returns The lock.
   * @throws {AioError} If the system refuses: `EBADF` if the file is not open for
   * writing (for a shared lock: for reading), or closed; `ENOTSUP` everywhere but on
   * Linux.
   * @throws {RangeError} If the offset or the length is not valid.
   *
   * @example One process at a time
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * if (Deno.build.os === "linux") {
   *   await using file = await AioFile.open(path, "r+");
   *   using _lock = await file.lock({ signal: AbortSignal.timeout(5_000) });
   *   const [count = 0] = await file.read(0, 1);
   *   await file.writeAt(new Uint8Array([count + 1]), 0);
   * } // unlocked here
   * await Deno.remove(path);
   * ```
   */
  async lock(options: LockOptions = {}): Promise<FileLock> {
    assertFile(this);
    this.#file.assertOpen("fcntl");
    return await lock(this.#file, options);
  }

  /**
   * The same as {@linkcode AioFile.prototype.lock | lock}, without waiting.
   *
   * @param options Which bytes, and whether others may share them.
   * @returns The lock; `null` if somebody else has one that excludes it.
   * @throws {AioError} As `lock` does.
   * @throws {RangeError} If the offset or the length is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * if (Deno.build.os === "linux") {
   *   await using file = await AioFile.open("deno.json");
   *   using lock = await file.tryLock({ shared: true });
   *   console.log(lock === null ? "somebody writes" : "nobody writes");
   * }
   * ```
   */
  async tryLock(
    options: Omit<LockOptions, "signal"> = {},
  ): Promise<FileLock | null> {
    assertFile(this);
    this.#file.assertOpen("fcntl");
    return await tryLock(this.#file, options);
  }

  /**
   * Gives a lock up before its block ends. One that is given up already stays so.
   *
   * @param lock The lock.
   * @throws {AioError} `EBADF` if the file is closed, which has given it up.
   * @throws {TypeError} If it is no lock of this file.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * if (Deno.build.os === "linux") {
   *   await using file = await AioFile.open("deno.json");
   *   const lock = await file.lock({ shared: true });
   *   await file.unlock(lock);
   * }
   * ```
   */
  // deno-lint-ignore require-await
  async unlock(lock: FileLock): Promise<void> {
    assertFile(this);
    this.#file.assertOpen("fcntl");
    unlock(this.#file, lock);
  }

  /**
   * Copies bytes to another file: by the system (`copy_file_range()`), which shares them
   * where the file system can, and where it cannot by reads and writes. Holes stay holes;
   * of a file that was adopted they do where Linux opens it a second time, and become
   * zeros elsewhere: its position is left alone.
   *
   * Of files opened with `direct`, `offset` must be a multiple of the device's block
   * size. The number of bytes need not: what is no whole block is written through the
   * page cache.
   *
   * The other file is not cut; what it had there is replaced. A
   * {@linkcode AioFile.prototype.sync | sync} of it that is called later covers the whole
   * copy. `close()` of either file waits for it, and `cancel()` of either ends it,
   * whichever of them it waits for.
   *
   * @param target The other file, or another place in this one.
   * @param options Which bytes, where they go, and cancellation.
   * @returns How many bytes were copied, holes counted: fewer than `length` only at the
   * end of the file.
   * @throws {AioError} If the system reports an error; `EINVAL` if both are the same file
   * and the ranges overlap; `EOVERFLOW` if no `length` is given and there are more than
   * 2 ** 53 - 1 bytes; `ECANCELED` if a file was canceled. A part may be copied then.
   * @throws {TypeError} If `target` is no `AioFile`.
   * @throws {RangeError} If an offset or the length is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using source = await AioFile.open("deno.lock");
   *   await using target = await AioFile.open(path, "w");
   *   const bytes = await source.copyTo(target);
   *   await target.sync();
   *   console.log(bytes === await source.size()); // true
   * }
   * await Deno.remove(path);
   * ```
   */
  async copyTo(target: AioFile, options: CopyOptions = {}): Promise<number> {
    assertFile(this);
    assertFile(target);
    this.#file.assertOpen("copy_file_range");
    target.#file.assertOpen("copy_file_range");
    return await copyTo(this.#file, target.#file, options);
  }

  /**
   * The bytes of the file as a stream, with several reads in flight ahead of the
   * reader. Each chunk belongs to the reader.
   *
   * @param options Which bytes, and how far to read ahead.
   * @returns A byte stream. Canceling it cancels its reads; the file stays open.
   * @throws {RangeError} If an option is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const text = await new Response(file.readable({ length: 64 })).text();
   * console.log(text.length); // 64
   * ```
   */
  readable(
    options: ReadableOptions = {},
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    assertFile(this);
    this.#file.assertOpen("aio_read");
    return readableFrom(this, this.#file.isSeekable, options);
  }

  /**
   * A stream that writes to the file, with several writes in flight. It takes a
   * copy of each chunk, which must not be changed until `write()` of the stream has
   * resolved, and is closed when everything is written.
   *
   * @param options Where to begin, and how many writes may be in flight.
   * @returns A stream. Aborting it cancels its writes; the file stays open.
   * @throws {RangeError} If an option is not valid.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const path = await Deno.makeTempFile();
   * {
   *   await using source = await AioFile.open("deno.json");
   *   await using target = await AioFile.open(path, { write: true });
   *   await source.readable().pipeTo(target.writable());
   *   await target.sync();
   * }
   * await Deno.remove(path);
   * ```
   */
  writable(options: WritableOptions = {}): WritableStream<Uint8Array> {
    assertFile(this);
    this.#file.assertOpen("aio_write");
    return writableTo(this, options);
  }

  /**
   * Refuses new requests, waits for those in flight, and closes the file. A
   * second call waits for the same.
   *
   * @param options Whether to cancel what has not begun instead of waiting for
   * it. A read of a pipe that stays silent would keep the file open for ever.
   * @returns When everything is settled and the descriptor is closed. Who waits for a
   * lock learns of it with the next try.
   * @throws {AioError} If the system reports an error on closing any descriptor
   * of the file: some file systems tell only then that what was written is lost
   * (NFS, FUSE). The file is closed all the same.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const file = await AioFile.open("deno.json");
   * await file.close();
   * ```
   */
  async close(options: CloseOptions = {}): Promise<void> {
    assertFile(this);
    assertObject(options, "options");
    const { cancel } = options;
    assertFlag(cancel, "cancel");
    await this.#file.close(cancel === true);
  }

  /**
   * The same as {@linkcode AioFile.prototype.close | close}, for `await using`.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * let file: AioFile;
   * {
   *   await using opened = await AioFile.open("deno.json");
   *   file = opened;
   * } // closed here, after an error too
   * await file.size().catch((error) => console.log(error.code)); // EBADF
   * ```
   */
  async [Symbol.asyncDispose](): Promise<void> {
    assertFile(this);
    await this.close();
  }

  /** Rejects also where `file` is none, so it is not a method of one. */
  static #transfer(
    file: AioFile,
    operation: Operation,
    given: Uint8Array | readonly Uint8Array[],
    offset: number | bigint,
    options: IoOptions | undefined,
  ): Promise<number> {
    let own: IoOptions;
    let view: Buffers;
    let at: number | bigint;
    let cached: Cached | null = null;
    try {
      assertFile(file);
      // A getter of theirs may take a buffer away: none comes after the check of it.
      own = ownOptions(options);
      view = buffersOf(given, operation === "read" ? "into" : "from");
      at = fileOffset(operation, offset);
      if (operation === "read" && options === undefined) {
        cached = file.#file.readCached(view, at);
      }
    } catch (error) {
      return Promise.reject(error);
    }
    if (cached?.isWhole) return Promise.resolve(cached.bytes);
    const promise = new Promise<number>((resolve, reject) => {
      try {
        file.#enter(operation, view, at, own, resolve, reject, cached);
      } catch (error) {
        throw withCallerFirst(error, AioFile.#transfer);
      }
    });
    return awaitable(promise);
  }

  #readLong(
    offset: number | bigint,
    length: number,
    options: IoOptions | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const at = fileOffset("read", offset);
    const checked = checkedOptions(options);
    this.#file.assertOpen("aio_read");
    return this.#file.during(readLong(this.#file, at, length, checked));
  }

  async #synchronize(
    operation: "sync" | "syncData",
    options: IoOptions | undefined,
  ): Promise<void> {
    const own = ownOptions(options);
    const promise = new Promise<number>((resolve, reject) => {
      try {
        this.#enter(operation, null, 0, own, resolve, reject);
      } catch (error) {
        throw withCallerFirst(error, this.#synchronize);
      }
    });
    await awaitable(promise);
  }

  /**
   * Where a request enters.
   *
   * @param options Of which nothing is a getter any more.
   */
  #enter(
    operation: Operation,
    view: Buffers | null,
    offset: number | bigint,
    { priority = 0, signal }: IoOptions,
    resolve: Resolve,
    reject: (reason: unknown) => void,
    cached: Cached | null = null,
  ): void {
    const queue = this.#file.queueFor(operation);
    if (priority !== 0) assertPriority(priority);
    const fields = {
      operation,
      view,
      address: view === null ? 0 : placeOf(view),
      offset,
      priority: operation === "append" ? 0 : priority,
    };
    const request = requestFor(queue, fields, signal, resolve, reject);
    if (request === null) return;
    if (cached !== null) {
      request.isCacheAsked = true;
      request.transferred = cached.bytes;
    }
    queue.submit(request);
  }
}

/**
 * What stands behind a file.
 *
 * @throws {TypeError} If `file` is not an {@linkcode AioFile}.
 */
export function openFileOf(file: AioFile): OpenFile {
  return getOpenFile(file);
}
