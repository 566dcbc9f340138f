/** `AioError`: what C reports as -1 and `errno`. */
import { runtime } from "../../ffi/current.ts";
import { assertObject, assertString, int32 } from "../checks/arguments.ts";
import { ECANCELED, platform } from "./constants.ts";
import { errorText } from "./error_texts.ts";
import { exactOffset } from "../checks/offset.ts";

/**
 * The particulars of an {@linkcode AioError}.
 *
 * @example
 * ```ts
 * import { AioError, type AioErrorOptions, EIO } from "@posix/aio";
 *
 * const options: AioErrorOptions = {
 *   errno: EIO,
 *   syscall: "aio_read",
 *   offset: 0,
 * };
 * console.log(new AioError("Cannot read the header", options).offset); // 0
 * ```
 */
export interface AioErrorOptions {
  /** The error number, positive, as the C library has it. */
  errno: number;
  /** The function of the C library that failed, such as `"aio_read"`. */
  syscall: string;
  /** The file descriptor, where there is one. */
  fd?: number | undefined;
  /** The offset in bytes at which the request began. */
  offset?: number | bigint | undefined;
  /** How many bytes were transferred before the failure. */
  bytesTransferred?: number | undefined;
  /**
   * The path, where the file was opened by one; what is not UTF-8 in it is U+FFFD.
   */
  path?: string | undefined;
}

/**
 * A call or a request that failed: what C reports as -1 and `errno`. The message
 * says what could not be done and why; `code` is for programs.
 *
 * @example Telling errors apart
 * ```ts no-assert
 * import { AioError, AioFile } from "@posix/aio";
 *
 * try {
 *   await using file = await AioFile.open("/no/such/file");
 *   console.log(file.fd);
 * } catch (error) {
 *   if (!(error instanceof AioError)) throw error;
 *   console.log(error.code, error.syscall); // ENOENT open
 * }
 * ```
 *
 * @example Doing what the error number asks for
 * ```ts
 * import {
 *   AioError,
 *   EAGAIN,
 *   EFBIG,
 *   EINTR,
 *   EIO,
 *   ENOSPC,
 *   ENOSYS,
 *   EOVERFLOW,
 * } from "@posix/aio";
 *
 * function adviceFor({ errno, syscall }: AioError): string {
 *   switch (errno) {
 *     case EAGAIN:
 *     case EINTR:
 *       return "try again";
 *     case ENOSPC:
 *     case EFBIG:
 *     case EOVERFLOW:
 *       return "write less, or elsewhere";
 *     case EIO:
 *       return "look after the disk";
 *     case ENOSYS:
 *       return "use another system";
 *     default:
 *       return `see the manual page of ${syscall}`;
 *   }
 * }
 *
 * const error = new AioError("Cannot write", {
 *   errno: EIO,
 *   syscall: "aio_write",
 * });
 * console.log(adviceFor(error)); // look after the disk
 * ```
 */
export class AioError extends Error {
  /** Always `"AioError"`. */
  override readonly name = "AioError";
  /** The name of the error number, such as `"EIO"`. */
  readonly code: string;
  /** The error number, positive, as the C library has it. */
  readonly errno: number;
  /** The function of the C library that failed, such as `"aio_read"`. */
  readonly syscall: string;
  /** The file descriptor, where there is one. */
  declare readonly fd?: number;
  /**
   * The offset in bytes at which the request began: a number up to 2 ** 53 - 1, a
   * bigint beyond.
   */
  declare readonly offset?: number | bigint;
  /** How many bytes were transferred before the failure. */
  declare readonly bytesTransferred?: number;
  /**
   * The path, where the file was opened by one; what is not UTF-8 in it is U+FFFD.
   */
  declare readonly path?: string;

  /**
   * Makes an error of an error number.
   *
   * @param what What could not be done, as a sentence without a full stop; what
   * the system says of the error number (`strerror()`) and the name of that are
   * put behind it.
   * @param options The particulars.
   *
   * @example An error for a test of one's own
   * ```ts
   * import { AioError, ENOSPC } from "@posix/aio";
   *
   * const error = new AioError("Cannot write the log", {
   *   errno: ENOSPC,
   *   syscall: "aio_write",
   *   bytesTransferred: 4096,
   * });
   * console.log(error.code); // ENOSPC
   * ```
   */
  constructor(what: string, options: AioErrorOptions) {
    assertString(what, "what");
    assertObject(options, "options");
    const { errno, syscall, fd, offset, bytesTransferred, path } = options;
    int32(errno, "errno");
    assertString(syscall, "syscall");
    const code = codeOf(errno);
    super(`${what}: ${errorText(code, errno)} (${code}, ${syscall})`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    if (fd !== undefined) this.fd = fd;
    if (offset !== undefined) this.offset = exactOffset(offset);
    if (bytesTransferred !== undefined) {
      this.bytesTransferred = bytesTransferred;
    }
    if (path !== undefined) this.path = path;
  }
}

/** Whether an error says that the request was canceled. */
export function isCancellation(error: unknown): boolean {
  return error instanceof AioError && error.errno === ECANCELED;
}

/**
 * What `node:fs` throws for a failed system call, as an {@linkcode AioError};
 * other errors, such as a refused permission, as they are. What an error carries
 * tells: in a realm of a test runner's it is no instance of that realm's `Error`.
 */
export function fromSystemError(
  error: unknown,
  what: (errno: number) => string,
  options: Omit<AioErrorOptions, "errno">,
): unknown {
  const number = errnoOf(error);
  return number === undefined
    ? error
    : new AioError(what(number), { ...options, errno: number });
}

/**
 * From here on, `errno` of `node:fs` is a number of libuv's own: on Windows all of
 * them are, elsewhere those of errors that the system does not have.
 */
const OWN_ERRNO_MIN = 3000;

/** The error number of what `node:fs` throws for a failed system call, if it has one. */
export function errnoOf(error: unknown): number | undefined {
  const { code, errno, message } = Object(error) as Record<string, unknown>;
  if (typeof code !== "string") return errnoInMessage(String(message));
  const number = typeof errno === "number" ? Math.abs(errno) : 0;
  return number === 0 || number >= OWN_ERRNO_MIN
    ? platform.errno[code]
    : number;
}

/**
 * Has the stack of an error of ours begin with who called `fn`, or awaits it (in
 * V8): the library's own functions tell nothing, and only ten are shown.
 *
 * @param error The error.
 * @param fn A function that is running.
 */
export function withCallerFirst(
  error: unknown,
  // deno-lint-ignore ban-types
  fn: Function,
): unknown {
  if (error instanceof AioError && Object.isExtensible(error)) {
    Error.captureStackTrace?.(error, fn);
  }
  return error;
}

/**
 * Makes an error whose stack is to be taken later: to take it costs more than all
 * the rest.
 */
export function withoutStack<Made extends Error>(make: () => Made): Made {
  // Not by assignment: a program may have frozen it.
  const limit = Reflect.get(Error, "stackTraceLimit");
  Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
}

/** Deno gives some errors of the system neither a code nor a number: EFBIG. */
function errnoInMessage(message: string): number | undefined {
  const found = /\(os error (\d+)\)/.exec(message);
  if (found === null) return undefined;
  // There it is a number of another kind.
  return runtime.host.os === "windows" ? platform.errno.EIO : Number(found[1]);
}

const names = new Map<number, string>();
for (const [name, number] of Object.entries(platform.errno)) {
  // EWOULDBLOCK is EAGAIN and EDEADLOCK is EDEADLK: the first name stands.
  if (!names.has(number)) names.set(number, name);
}

/** The name of an error number, or `"E<number>"` for one without. */
function codeOf(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}
