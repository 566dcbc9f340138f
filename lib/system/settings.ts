/** What `configure()` sets. */
import {
  assertFlag,
  assertObject,
  outOfRange,
  positiveInt32,
  wrongType,
} from "../checks/arguments.ts";
import { variable } from "../../ffi/variable.ts";
import { platform } from "./constants.ts";
import { AioError } from "./error.ts";
import { tuneOnce } from "./threads.ts";

/**
 * More requests than this at once do not make any device faster, but glibc,
 * which finds requests by walking through lists, slower.
 */
const MAX_IN_FLIGHT = 512;

/**
 * How many threads glibc may use: about as many as a device serves requests at
 * once. With more it wakes threads where one that is awake could go on, and is
 * slower. What waits for a pipe or a terminal holds none.
 */
const THREADS = 32;

/** How long to poll by default; a call on another thread costs about 40 us. */
const POLL_MICROSECONDS = 100;

/** The names of engines that may be asked for. */
export const ENGINES = ["auto", "io_uring", "librt", "fs"] as const;

/**
 * What {@linkcode configure} sets.
 *
 * @example A program that reads from one slow disk
 * ```ts
 * import { type Configuration, configure } from "@posix/aio";
 *
 * const options: Configuration = { maxInFlight: 64, pollMicroseconds: 0 };
 * configure(options);
 * ```
 */
export interface Configuration {
  /**
   * The most threads of glibc that serve requests. It has an effect before the
   * first request of the process only. By default 32, and fewer where the
   * process may not have so many threads (`pids.max`, `RLIMIT_NPROC`); a number
   * that is set here holds whatever the limits.
   */
  threads?: number | undefined;
  /**
   * How many lanes a file uses: duplicates of its descriptor, which glibc serves
   * at the same time. Without it, the engine finds the best number itself.
   */
  lanes?: number | undefined;
  /**
   * How many requests the system has at once, over all files; the others wait in
   * the library.
   *
   * @default {512}
   */
  maxInFlight?: number | undefined;
  /**
   * How long to look for completions from the event loop before waiting on a
   * thread beside it, in microseconds; 0 looks once for each submission. With many
   * requests in flight it lasts up to ten times as long.
   *
   * @default {100}
   */
  pollMicroseconds?: number | undefined;
  /**
   * Whether reads are asked of the page cache first, where the system can do that
   * without waiting (Linux). What it has is read at once, on the caller's thread. The
   * environment variable `POSIX_AIO_PAGE_CACHE=0` has it begin with `false`; Deno
   * looks at that only where `--allow-env` is given.
   *
   * @default {true}
   */
  pageCache?: boolean | undefined;
  /**
   * What serves requests of files. `"io_uring"` is the kernel's own asynchronous
   * I/O: it takes the least of the processor, and cancels what the kernel has not
   * begun.
   * `"librt"` is the C library's `aio(3)`, on threads. `"fs"` is the runtime's own
   * `node:fs`, which needs no native calls. `"auto"` takes io_uring where Linux,
   * from 6.1 on, offers it to the main thread of the process, librt elsewhere, and
   * `node:fs` where neither can be had: on Windows, and where native calls are not
   * permitted; and on macOS, which allows 16 requests of `aio(3)` a process. It has
   * to be set before the first file is opened. The environment variable
   * `POSIX_AIO_ENGINE` has it begin with something else; Deno looks at that only
   * where `--allow-env` is given.
   *
   * @default {"auto"}
   */
  engine?: "auto" | "io_uring" | "librt" | "fs" | undefined;
}

/** The settings of this isolate. */
export const settings: {
  /** `null`: as many as are best, and fit into the limits of the process. */
  threads: number | null;
  /** `null`: as many as are best. */
  lanes: number | null;
  maxInFlight: number;
  pollMicroseconds: number;
  /** Whether reads are asked of the page cache first. */
  pageCache: boolean;
  /** The engine that is wanted; from the environment, anything. */
  engine: string;
} = {
  threads: null,
  lanes: null,
  maxInFlight: MAX_IN_FLIGHT,
  pollMicroseconds: POLL_MICROSECONDS,
  pageCache: variable("POSIX_AIO_PAGE_CACHE") !== "0",
  engine: variable("POSIX_AIO_ENGINE") || "auto",
};

/** The engine that serves, or would serve the first file, and who has asked for it. */
export const serving: {
  /** `null` while nobody has wanted to know. */
  engine: string | null;
  /** Whether it serves for good. */
  isSettled: boolean;
  /** Whether this isolate asked for one, and not the environment of all. */
  isAskedFor: boolean;
} = { engine: null, isSettled: false, isAskedFor: false };

/** Whether `node:fs` serves files: then nothing native is called for them. */
export function isServedByFs(): boolean {
  return serving.engine === "fs";
}

/**
 * Changes how the file level of this isolate works. What is not given stays as
 * it is.
 *
 * @param options What to change.
 * @throws {TypeError} If `pageCache` is no boolean, or `engine` none of the names.
 * @throws {AioError} `EBUSY` if another engine serves already.
 * @throws {RangeError} If a number of threads, lanes or requests is not a
 * positive integer, or a time is negative.
 *
 * @example Less processor time, and later completions
 * ```ts
 * import { configure } from "@posix/aio";
 *
 * configure({ pollMicroseconds: 0 });
 * ```
 */
export function configure(options: Configuration): void {
  assertObject(options, "options");
  const { threads, lanes, maxInFlight, pollMicroseconds, pageCache, engine } =
    options;
  assertFlag(pageCache, "pageCache");
  if (engine !== undefined) assertEngine(engine);
  if (threads !== undefined) positiveInt32(threads, "threads");
  if (lanes !== undefined) positiveInt32(lanes, "lanes");
  if (maxInFlight !== undefined) positiveInt32(maxInFlight, "maxInFlight");
  if (
    pollMicroseconds !== undefined &&
    !(typeof pollMicroseconds === "number" && pollMicroseconds >= 0)
  ) {
    throw outOfRange(
      "pollMicroseconds",
      pollMicroseconds,
      "a non-negative number",
    );
  }
  settings.threads = threads ?? settings.threads;
  settings.lanes = lanes ?? settings.lanes;
  settings.maxInFlight = maxInFlight ?? settings.maxInFlight;
  settings.pollMicroseconds = pollMicroseconds ?? settings.pollMicroseconds;
  settings.pageCache = pageCache ?? settings.pageCache;
  settings.engine = engine ?? settings.engine;
  if (!serving.isSettled) serving.engine = null;
  serving.isAskedFor ||= engine !== undefined;
}

function assertEngine(engine: unknown): void {
  if (!ENGINES.some((known) => known === engine)) {
    throw wrongType(
      "engine",
      engine,
      ENGINES.map((known) => `"${known}"`).join(" or "),
    );
  }
  const isOpen = !serving.isSettled || engine === "auto";
  if (isOpen || engine === serving.engine) return;
  throw new AioError(`The engine "${serving.engine}" serves already`, {
    errno: platform.errno.EBUSY,
    syscall: "configure",
  });
}

/** Applies what has to be known before the first request. */
export function applySettings(): void {
  if (isServedByFs()) return;
  tuneOnce(settings.threads, THREADS);
}
