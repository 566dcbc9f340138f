/**
 * `limits()`: how much the system's implementation takes.
 *
 * @module
 */
import { platform } from "./constants.ts";
import { librt } from "./librt.ts";
import { isServedByFs } from "./settings.ts";

/**
 * The limits of the system's implementation; -1 means that there is none.
 *
 * @example
 * ```ts
 * import { type Limits, limits } from "@posix/aio";
 *
 * const { AIO_MAX }: Limits = limits();
 * console.log(AIO_MAX === -1 ? "any number of requests" : AIO_MAX);
 * ```
 */
export interface Limits {
  /** How many requests one {@linkcode lio_listio} call may have. */
  AIO_LISTIO_MAX: number;
  /** How many requests may be outstanding. */
  AIO_MAX: number;
  /** By how much `aio_reqprio` may lower the priority. */
  AIO_PRIO_DELTA_MAX: number;
}

/**
 * Asks the system for its limits, as `sysconf` does.
 *
 * @returns The limits; -1 where there is none.
 * @throws {AioError} `ENOSYS` where the system has no asynchronous I/O.
 *
 * @example
 * ```ts
 * import { limits } from "@posix/aio";
 *
 * console.log(limits().AIO_PRIO_DELTA_MAX); // 20 on glibc
 * ```
 */
export function limits(): Limits {
  return { ...systemLimits() };
}

/** By how much the priority may be lowered where nobody asks the system: as on glibc. */
const PRIORITY_MAX = 20;

/** By how much a request of a file may lower its priority, at most. */
export function priorityMax(): number {
  if (isServedByFs()) return PRIORITY_MAX;
  return Math.max(systemLimits().AIO_PRIO_DELTA_MAX, 0);
}

let known: Readonly<Limits> | null = null;

/** The same, for the library itself: the system is asked once. */
export function systemLimits(): Readonly<Limits> {
  return known ??= askSystem();
}

function askSystem(): Limits {
  const { sysconf } = librt("sysconf");
  const { _SC_AIO_LISTIO_MAX, _SC_AIO_MAX, _SC_AIO_PRIO_DELTA_MAX } =
    platform.constants;
  return {
    AIO_LISTIO_MAX: sysconf(_SC_AIO_LISTIO_MAX),
    AIO_MAX: sysconf(_SC_AIO_MAX),
    AIO_PRIO_DELTA_MAX: sysconf(_SC_AIO_PRIO_DELTA_MAX),
  };
}
