import { outOfRange } from "./arguments.ts";
import { assertBytes, nameOf } from "./bytes.ts";
import { EBADF, platform } from "./constants.ts";
import {
  closeDescriptor,
  openFile,
  type OpenOptions,
  pathOf,
  reopenForAppending,
  statDescriptor,
  statusOf,
  truncateDescriptor,
} from "./descriptor.ts";
import { AioError, librt } from "./error.ts";
import { FileQueue } from "./file_queue.ts";
import { addressInPlace } from "./pinned.ts";
import { limits } from "./posix.ts";
import { PromisedRequest } from "./promised_request.ts";
import type { Operation } from "./request.ts";
import { applySettings } from "./settings.ts";

const { constants } = platform;

/** Options of every request. */
export interface IoOptions {
  /** Cancels the request, as long as it has not begun. */
  signal?: AbortSignal;
  /**
   * By how much to lower the priority, as `aio_reqprio`: 0 to
   * `AIO_PRIO_DELTA_MAX`.
   *
   * @default {0}
   */
  priority?: number;
}

/** Options of {@linkcode AioFile.adopt}. */
export interface AdoptOptions {
  /**
   * Whether {@linkcode AioFile.close} closes the descriptor.
   *
   * @default {true}
   */
  closeFd?: boolean;
}

const constructorKey = Symbol("AioFile");
const NO_OPTIONS: IoOptions = {};

/**
 * An open file whose reads and writes have an offset of their own each, and run
 * asynchronously, many at a time.
 *
 * Operations have no order among themselves unless one is awaited before the
 * next begins, as in POSIX. Only {@linkcode AioFile.append} keeps the order of
 * calls, and {@linkcode AioFile.sync} and {@linkcode AioFile.syncData} cover
 * every write submitted before them.
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
  readonly #flags: number;
  readonly #closeFd: boolean;
  readonly #queue: FileQueue;
  /** Appends to a file that was not opened for appending. */
  #appendQueue: FileQueue | null = null;
  /** Calls that go around the queue: `size` and `truncate`. */
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;

  /** Files come from {@linkcode AioFile.open} and {@linkcode AioFile.adopt}. */
  private constructor(
    key: symbol,
    fd: number,
    closeFd: boolean,
    path: string | undefined,
  ) {
    if (key !== constructorKey) {
      throw new TypeError("Use AioFile.open() or AioFile.adopt()");
    }
    const { flags, isSeekable } = statusOf(fd);
    this.fd = fd;
    this.#flags = flags;
    this.#closeFd = closeFd;
    this.#queue = new FileQueue(fd, {
      path,
      isSeekable,
      isAppending: (flags & constants.O_APPEND) !== 0,
      isDirect: (flags & constants.O_DIRECT) !== 0,
    });
  }

  /**
   * Opens a file. The runtime's permissions decide as they do for its own
   * functions.
   *
   * @param path Where it is.
   * @param options How to open it; for reading, unless they say otherwise.
   * @returns The open file.
   * @throws {AioError} If the system refuses: `ENOENT`, `EACCES`, `EISDIR`, …;
   * `EINVAL` for `direct` on a file system without; `ENOSYS` where there is no
   * asynchronous I/O.
   * @throws {TypeError} If options contradict each other.
   * @throws The runtime's own error if it does not permit it.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * console.log(await file.size(), "bytes");
   * ```
   */
  static async open(
    path: string | URL,
    options: OpenOptions = {},
  ): Promise<AioFile> {
    prepareSystem();
    const name = pathOf(path);
    const fd = await openFile(name, options);
    try {
      return new AioFile(constructorKey, fd, true, name);
    } catch (error) {
      await closeDescriptor(fd);
      throw error;
    }
  }

  /**
   * Makes a file of a descriptor that is open already, such as one from
   * `node:fs`.
   *
   * @param fd The descriptor.
   * @param options Whether closing the file closes it.
   * @returns The file.
   * @throws {AioError} `EBADF` if the descriptor is not open.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   * import { openSync } from "node:fs";
   *
   * await using file = AioFile.adopt(openSync("deno.json", "r"));
   * console.log(await file.size(), "bytes");
   * ```
   */
  static adopt(fd: number, options: AdoptOptions = {}): AioFile {
    prepareSystem();
    if (!Number.isInteger(fd) || (fd | 0) !== fd) {
      throw outOfRange("fd", fd, "a file descriptor");
    }
    return new AioFile(constructorKey, fd, options.closeFd ?? true, undefined);
  }

  /**
   * Reads at an offset, as far as the buffer and the file go. From a pipe, a
   * socket or a terminal, which have no offsets, it reads what is there.
   *
   * @param into Where to put the bytes. Pinned memory is filled in place.
   * @param offset Where in the file, in bytes.
   * @param options Cancellation and priority.
   * @returns How many bytes were read: fewer than the buffer has only at the end
   * of the file, 0 at or past it.
   * @throws {AioError} If the system reports an error.
   * @throws {TypeError} If `into` is not a `Uint8Array`, or its buffer was
   * detached or resized meanwhile.
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
   */
  readAt(
    into: Uint8Array,
    offset: number | bigint,
    options: IoOptions = NO_OPTIONS,
  ): Promise<number> {
    return this.#transfer("read", into, offset, options);
  }

  /**
   * Writes all bytes at an offset. In a file opened with `append`, Linux ignores
   * the offset and appends, and so does this.
   *
   * @param from The bytes. They must not be changed before the promise is
   * settled.
   * @param offset Where in the file, in bytes.
   * @param options Cancellation and priority.
   * @returns How many bytes were written: all of them.
   * @throws {AioError} If the system reports an error; `bytesTransferred` says
   * how many bytes were written before.
   * @throws {TypeError} If `from` is not a `Uint8Array`, or its buffer was
   * detached or resized meanwhile.
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
   */
  writeAt(
    from: Uint8Array,
    offset: number | bigint,
    options: IoOptions = NO_OPTIONS,
  ): Promise<number> {
    return this.#transfer("write", from, offset, options);
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
   * @param from The bytes. They must not be changed before the promise is
   * settled.
   * @param options Cancellation; the priority is not used.
   * @returns How many bytes were written: all of them.
   * @throws {AioError} If the system reports an error; `bytesTransferred` says
   * how many bytes were written before.
   * @throws {TypeError} If `from` is not a `Uint8Array`, or its buffer was
   * detached or resized meanwhile.
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
   */
  append(
    from: Uint8Array,
    options: IoOptions = NO_OPTIONS,
  ): Promise<number> {
    return this.#transfer("append", from, 0, options);
  }

  /**
   * Brings every write that was submitted before this call to disk, data and
   * metadata, as `aio_fsync(O_SYNC)`.
   *
   * Calls that wait at the same time share one synchronization. After an error
   * the bytes may be lost although they were written: the system does not keep
   * them for another try.
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
   *   file.writeAt(new Uint8Array(512), 0);
   *   await file.sync(); // covers the write, though that was not awaited
   * }
   * await Deno.remove(path);
   * ```
   */
  async sync(options: IoOptions = NO_OPTIONS): Promise<void> {
    await this.#request("sync", this.#queue, null, 0, options);
  }

  /**
   * Brings every write that was submitted before this call to disk, as
   * {@linkcode AioFile.sync} does, without metadata that reading the data back
   * does not need, as `aio_fsync(O_DSYNC)`.
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
  async syncData(options: IoOptions = NO_OPTIONS): Promise<void> {
    await this.#request("syncData", this.#queue, null, 0, options);
  }

  /**
   * Cancels every request of this file that has not begun; their promises reject
   * with an `AioError` `ECANCELED`. Those that are running go on.
   *
   * @returns How many were canceled.
   * @throws {AioError} `EBADF` if the file is closed.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * await using file = await AioFile.open("deno.json");
   * const reads = [0, 1, 2].map((at) => file.readAt(new Uint8Array(1), at));
   * console.log(await file.cancel(), "of 3 canceled");
   * await Promise.allSettled(reads);
   * ```
   */
  // deno-lint-ignore require-await
  async cancel(): Promise<number> {
    this.#assertOpen("aio_cancel");
    return this.#queue.cancelAll() + (this.#appendQueue?.cancelAll() ?? 0);
  }

  /**
   * The size of the file at this moment.
   *
   * @returns The size in bytes.
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
    this.#assertOpen("fstat");
    const { size } = await this.#call(statDescriptor(this.fd));
    return size;
  }

  /**
   * Makes the file `length` bytes long: cuts it, or extends it with zeros.
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
    this.#assertOpen("ftruncate");
    if (!Number.isSafeInteger(length) || length < 0) {
      throw outOfRange("length", length, "a non-negative integer");
    }
    await this.#call(truncateDescriptor(this.fd, length));
  }

  /**
   * Refuses new requests, waits for those in flight, and closes the file. A
   * second call waits for the same.
   *
   * @returns When everything is settled and the descriptor is closed.
   * @throws {AioError} If the system reports an error on closing.
   *
   * @example
   * ```ts
   * import { AioFile } from "@posix/aio";
   *
   * const file = await AioFile.open("deno.json");
   * await file.close();
   * ```
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@linkcode AioFile.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.allSettled([
      this.#queue.whenIdle(),
      this.#appendQueue?.whenIdle(),
      ...this.#calls,
    ]);
    this.#queue.close();
    this.#appendQueue?.close();
    if (this.#appendQueue !== null) librt().close(this.#appendQueue.fd);
    if (this.#closeFd) await closeDescriptor(this.fd);
  }

  #transfer(
    operation: Operation,
    view: Uint8Array,
    offset: number | bigint,
    options: IoOptions,
  ): Promise<number> {
    try {
      assertBytes(view, operation === "read" ? "into" : "from");
      const at = fileOffset(operation, offset);
      const queue = operation === "append"
        ? this.#queueOfAppends()
        : this.#queue;
      return this.#request(operation, queue, view, at, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Where a request enters. */
  #request(
    operation: Operation,
    queue: FileQueue,
    view: Uint8Array | null,
    offset: number | bigint,
    { priority = 0, signal }: IoOptions,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#assertOpen(syscallOf(operation));
      if (priority !== 0) assertPriority(priority);
      if (signal !== undefined) {
        assertSignal(signal);
        if (signal.aborted) return reject(signal.reason);
      }
      const request = new PromisedRequest(
        queue,
        operation,
        view,
        view === null ? 0 : addressInPlace(view),
        offset,
        operation === "append" ? 0 : priority,
        resolve,
        reject,
      );
      if (signal !== undefined) request.cancelOn(signal);
      queue.submit(request);
    });
  }

  /** A file with offsets that was not opened for appending gets a second one. */
  #queueOfAppends(): FileQueue {
    const { isAppending, isSeekable, path, isDirect } = this.#queue.traits;
    if (isAppending || !isSeekable) return this.#queue;
    this.#assertOpen("aio_write");
    this.#appendQueue ??= new FileQueue(
      reopenForAppending(this.fd, this.#flags),
      { path, isSeekable, isAppending: true, isDirect },
      this.#queue.commits,
    );
    return this.#appendQueue;
  }

  async #call<T>(outcome: Promise<T>): Promise<T> {
    this.#calls.add(outcome);
    try {
      return await outcome;
    } finally {
      this.#calls.delete(outcome);
    }
  }

  #assertOpen(syscall: string): void {
    if (this.#closing === null) return;
    const { path } = this.#queue;
    const name = path === undefined
      ? `descriptor ${this.fd}`
      : JSON.stringify(path);
    throw new AioError(`The file ${name} is closed`, {
      errno: EBADF,
      syscall,
      fd: this.fd,
      path,
    });
  }
}

function prepareSystem(): void {
  librt("open");
  applySettings();
}

function syscallOf(operation: Operation): string {
  switch (operation) {
    case "read":
      return "aio_read";
    case "write":
    case "append":
      return "aio_write";
    default:
      return "aio_fsync";
  }
}

const OFFSET_LIMIT = 2n ** 63n;

function fileOffset(
  operation: Operation,
  offset: number | bigint,
): number | bigint {
  if (typeof offset === "number") {
    if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  } else if (typeof offset === "bigint") {
    if (offset >= 0n && offset <= Number.MAX_SAFE_INTEGER) {
      return Number(offset);
    }
    if (offset >= 0n && offset < OFFSET_LIMIT) return offset;
  } else {
    throw new TypeError(
      `Cannot ${operation} at offset ${nameOf(offset)}: ` +
        "the offset must be a number or a bigint",
    );
  }
  throw new RangeError(
    `Cannot ${operation} at offset ${offset}: ` +
      "the offset must be a non-negative integer",
  );
}

let priorityMax: number | null = null;

function assertPriority(priority: number): void {
  priorityMax ??= Math.max(limits().AIO_PRIO_DELTA_MAX, 0);
  if (
    Number.isInteger(priority) && priority >= 0 && priority <= priorityMax
  ) return;
  throw outOfRange("priority", priority, `an integer from 0 to ${priorityMax}`);
}

function assertSignal(signal: AbortSignal): void {
  if (signal instanceof AbortSignal) return;
  throw new TypeError(
    `signal must be an AbortSignal, but is ${nameOf(signal)}`,
  );
}
