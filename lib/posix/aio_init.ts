/** `aio_init()`: tunes the C library's implementation. */
import { assertObject, positiveInt32 } from "../checks/arguments.ts";
import { tune } from "../system/threads.ts";

/**
 * Tuning of the C library's implementation.
 *
 * @example
 * ```ts
 * import { aio_init, type AioInit } from "@posix/aio";
 *
 * const tuning: AioInit = { aio_threads: 16, aio_idle_time: 10 };
 * aio_init(tuning);
 * ```
 */
export interface AioInit {
  /**
   * The most threads that serve requests. A number that is given here holds
   * whatever number of threads the process may have (`pids.max`,
   * `RLIMIT_NPROC`). By default it is what this isolate was given before, also by
   * {@linkcode configure}, and fewer than 20 where the process may not have so many.
   *
   * @default {20}
   */
  aio_threads?: number | undefined;
  /**
   * How many simultaneous requests to expect.
   *
   * @default {64}
   */
  aio_num?: number | undefined;
  /**
   * How long a thread without work stays, in seconds.
   *
   * @default {1}
   */
  aio_idle_time?: number | undefined;
}

/**
 * Tunes glibc's implementation. It has an effect before the first request of the
 * process only, but for the idle time, and none on systems without this extension.
 *
 * @param options What to tune; see the GNU C Library manual, "Configuration of
 * Asynchronous I/O".
 * @throws {RangeError} If a number is not a positive 32-bit integer.
 *
 * @example
 * ```ts
 * import { aio_init } from "@posix/aio";
 *
 * aio_init({ aio_threads: 32, aio_num: 256 });
 * ```
 */
export function aio_init(options: AioInit): void {
  assertObject(options, "options");
  const { aio_threads, aio_num, aio_idle_time } = options;
  const values = { aio_threads, aio_num, aio_idle_time };
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) positiveInt32(value, name);
  }
  tune(values);
}
