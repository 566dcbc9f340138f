/** `metrics()` and `supported()`: what the library has done, and whether it can. */
import { hostPlatform, UnavailableError } from "../../ffi/librt.ts";
import { runtime } from "../../ffi/current.ts";
import { engine, likelyEngine } from "../engine/serving.ts";
import { counters } from "../system/counters.ts";
import { reasonAgainst } from "../system/librt.ts";

/**
 * What {@linkcode metrics} counts, at the file level of this isolate.
 *
 * @example What a part of a program has done
 * ```ts
 * import { AioFile, type Metrics, metrics } from "@posix/aio";
 *
 * const before: Metrics = metrics();
 * await using file = await AioFile.open("deno.json");
 * await file.readAt(new Uint8Array(16), 0);
 * console.log(metrics().completed - before.completed); // 1
 * ```
 */
export interface Metrics {
  /** Requests that were made. */
  submitted: number;
  /** Requests that succeeded. */
  completed: number;
  /** Requests that failed. */
  failed: number;
  /** Requests that were canceled. */
  canceled: number;
  /** Requests that the system has at this moment. */
  inFlight: number;
  /** Requests that wait in the library, also for pipes and the like. */
  queued: number;
  /** Lanes that are open, over all files. */
  lanes: number;
  /** Calls so far that waited beside the event loop, such as `aio_suspend`. */
  suspends: number;
  /** Looks from the event loop so far. */
  polls: number;
  /** What serves: `"io_uring"`, `"librt"` or `"fs"`. */
  engine: string;
  /** Reads that the page cache answered, before any engine. */
  cacheHits: number;
  /** Reads that it was asked for, and did not have. */
  cacheMisses: number;
}

/**
 * Counts of what the file level of this isolate has done, and does.
 *
 * @returns The counts of this moment.
 * @throws {AioError} `ENOSYS` if an engine was asked for that cannot be had here.
 * @throws The runtime's own error if one was asked for whose native calls it does not
 * permit.
 *
 * @example
 * ```ts
 * import { metrics } from "@posix/aio";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(metrics().inFlight, 0);
 * ```
 */
export function metrics(): Metrics {
  const { submitted, completed, failed, canceled } = counters;
  const unsettled = submitted - completed - failed - canceled;
  // One synchronization may be several of the system's: one for each descriptor.
  const inFlight = Math.min(counters.inFlight, unsettled);
  const { name, counts } = engine();
  const { lanes, suspends, polls } = counts();
  return {
    submitted,
    completed,
    failed,
    canceled,
    inFlight,
    queued: unsettled - inFlight,
    lanes: counters.descriptors + lanes,
    suspends,
    polls,
    engine: name,
    cacheHits: counters.cacheHits,
    cacheMisses: counters.cacheMisses,
  };
}

/**
 * Whether this system and this runtime have the C interface, and what serves files.
 *
 * @example
 * ```ts
 * import { type Support, supported } from "@posix/aio";
 *
 * const support: Support = supported();
 * console.log(support.platform); // such as linux-glibc-x86_64
 * ```
 */
export interface Support {
  /**
   * Whether they have the C interface. Files work without it, unless an engine was
   * asked for by name that cannot be had.
   */
  available: boolean;
  /** Why not, and what works all the same; or why no engine can serve files. */
  reason?: string;
  /**
   * What serves files, or would if one were opened now: `"fs"` where nothing native
   * can be called. It is missing if one was asked for by name that cannot be had.
   */
  engine?: "io_uring" | "librt" | "fs";
  /** The system, such as `"linux-glibc-x86_64"`. */
  platform: string;
}

/**
 * Tells whether the C interface is available, and what serves files, without
 * throwing for any reason or asking anybody for a permission.
 *
 * @returns Whether it is, if not, why, and the engine of files.
 *
 * @example
 * ```ts
 * import { supported } from "@posix/aio";
 *
 * const { available, reason, engine } = supported();
 * if (!available) console.error(`${reason}; files are served by ${engine}`);
 * ```
 */
export function supported(): Support {
  const known = hostPlatform();
  const { os, arch } = runtime.host;
  const platform = known instanceof UnavailableError
    ? `${os}-${arch}`
    : known.name;
  const against = reasonAgainst();
  const likely = likelyEngine();
  const reason = likely.name === null ? likely.reason : against;
  return {
    available: against === null,
    ...(reason === null ? {} : { reason }),
    ...(likely.name === null ? {} : { engine: likely.name }),
    platform,
  };
}
