/** Options of requests and of files, and the checks of them. */
import { assertSignal } from "../checks/abort_signal.ts";
import { assertObject, outOfRange } from "../checks/arguments.ts";
import { assertBytes, nameOf } from "../checks/bytes.ts";
import { priorityMax } from "../system/limits.ts";

/**
 * Options of every request.
 *
 * @example A read that must not wait for long
 * ```ts
 * import { AioFile, type IoOptions } from "@posix/aio";
 *
 * const options: IoOptions = { signal: AbortSignal.timeout(1_000) };
 * await using file = await AioFile.open("deno.json");
 * console.log(await file.readAt(new Uint8Array(16), 0, options)); // 16
 * ```
 */
export interface IoOptions {
  /**
   * Cancels the request, as long as it has not begun: it then rejects with the
   * signal's reason. What waits for a pipe, a socket or a terminal has not begun.
   * A long write of which a part is written already rejects with an `AioError`
   * `ECANCELED` that has `bytesTransferred`, and the reason as its `cause`.
   */
  signal?: AbortSignal | undefined;
  /**
   * By how much to lower the priority, as `aio_reqprio`: 0 to
   * `AIO_PRIO_DELTA_MAX`.
   *
   * @default {0}
   */
  priority?: number | undefined;
}

/**
 * A request for {@linkcode AioFile.prototype.batch | AioFile.batch}.
 *
 * @example The beginning and the end of a file
 * ```ts
 * import { AioFile, type BatchRequest } from "@posix/aio";
 *
 * await using file = await AioFile.open("deno.json");
 * const ends = [0, await file.size() - 16];
 * const requests = ends.map((offset): BatchRequest => ({
 *   type: "read",
 *   buffer: new Uint8Array(16),
 *   offset,
 * }));
 * console.log(await file.batch(requests));
 * ```
 */
export interface BatchRequest {
  /** What to do. */
  type: "read" | "write";
  /** Where to put the bytes, or where they are. */
  buffer: Uint8Array;
  /** Where in the file, in bytes. */
  offset: number | bigint;
  /**
   * By how much to lower the priority, as `aio_reqprio`.
   *
   * @default {0}
   */
  priority?: number | undefined;
  /** Cancels the request, as {@linkcode IoOptions.signal} does. */
  signal?: AbortSignal | undefined;
}

/**
 * What {@linkcode AioFile.adopt} uses of a `FileHandle` of `node:fs/promises`.
 *
 * @example
 * ```ts
 * import { AioFile, type FileHandleLike } from "@posix/aio";
 * import { open } from "node:fs/promises";
 *
 * const handle: FileHandleLike = await open("deno.json");
 * await using file = AioFile.adopt(handle);
 * console.log(await file.size(), "bytes");
 * ```
 */
export interface FileHandleLike {
  /** The descriptor. */
  readonly fd: number;
  /** Closes it. */
  readonly close: () => Promise<unknown>;
}

/**
 * Options of {@linkcode AioFile.adopt}.
 *
 * @example A descriptor that stays with whoever opened it
 * ```ts
 * import { type AdoptOptions, AioFile } from "@posix/aio";
 * import { closeSync, openSync } from "node:fs";
 *
 * const fd = openSync("deno.json", "r");
 * const options: AdoptOptions = { closeFd: false };
 * {
 *   await using file = AioFile.adopt(fd, options);
 *   console.log(await file.readAt(new Uint8Array(16), 0)); // 16
 * }
 * closeSync(fd);
 * ```
 */
export interface AdoptOptions {
  /**
   * Whether {@linkcode AioFile.prototype.close | AioFile.close} closes the
   * descriptor, or the handle.
   *
   * @default {true}
   */
  closeFd?: boolean | undefined;
}

/**
 * Options of {@linkcode AioFile.prototype.close | AioFile.close}.
 *
 * @example A file whose reader may wait for ever
 * ```ts
 * import { AioFile, type CloseOptions } from "@posix/aio";
 *
 * const options: CloseOptions = { cancel: true };
 * const file = await AioFile.open("deno.json");
 * await file.close(options);
 * ```
 */
export interface CloseOptions {
  /**
   * Whether to cancel what has not begun, as
   * {@linkcode AioFile.prototype.cancel | AioFile.cancel} does.
   *
   * @default {false}
   */
  cancel?: boolean | undefined;
}

/**
 * The descriptor of what a file is to be made of, and its handle if it has one.
 *
 * @throws {TypeError} If it is neither a descriptor nor a handle.
 * @throws {RangeError} If the descriptor is none.
 */
export function adopted(
  what: number | FileHandleLike,
): { fd: number; handle: FileHandleLike | null } {
  const isHandle = typeof what === "object" && what !== null &&
    typeof what.close === "function";
  const fd = isHandle ? what.fd : what as number;
  if (isHandle && typeof fd !== "number") {
    throw new TypeError(
      "The file must be a descriptor or a FileHandle, but is an object without " +
        "fd, as Deno's FsFile is: open its path with AioFile.open()",
    );
  }
  if (typeof fd === "number" && (fd | 0) === fd) {
    return { fd: fd | 0, handle: isHandle ? what : null };
  }
  throw outOfRange("fd", fd, "a file descriptor or a FileHandle");
}

/** @throws {TypeError} Unless it is a request for `batch()`. */
export function checkedRequest(request: BatchRequest): BatchRequest {
  assertObject(request, "A request");
  const { type, buffer, offset, priority, signal } = request;
  if (type !== "read" && type !== "write") {
    throw new TypeError(
      `The type of a request must be "read" or "write", but is ${nameOf(type)}`,
    );
  }
  assertBytes(buffer, "buffer");
  if (signal !== undefined) assertSignal(signal);
  // A getter must not give another value to what uses it later.
  return { type, buffer, offset, priority, signal };
}

const NO_OPTIONS: IoOptions = {};

/**
 * Options of a request, as they are at this moment; whether the system knows the
 * priority is asked later.
 *
 * @throws {TypeError} Unless they are options of requests.
 */
export function ownOptions(options: IoOptions | undefined): IoOptions {
  if (options === undefined) return NO_OPTIONS;
  assertObject(options, "options");
  if ("aborted" in options) {
    throw new TypeError("A signal is an option of a request: { signal }");
  }
  const { signal, priority } = options;
  if (signal !== undefined) assertSignal(signal);
  return { signal, priority };
}

/**
 * Options of a call that makes several requests, as they are at this moment.
 *
 * @throws {TypeError} Unless they are options of requests.
 * @throws {RangeError} If the priority is none that the system knows.
 */
export function checkedOptions(options: IoOptions | undefined): IoOptions {
  const own = ownOptions(options);
  const { priority = 0 } = own;
  if (priority !== 0) assertPriority(priority);
  return own;
}

/** @throws {RangeError} Unless it is a priority that the system knows. */
export function assertPriority(priority: number): void {
  const most = priorityMax();
  if (Number.isInteger(priority) && priority >= 0 && priority <= most) return;
  throw outOfRange("priority", priority, `an integer from 0 to ${most}`);
}
