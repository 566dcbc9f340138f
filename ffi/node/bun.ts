/**
 * What is different on Bun: calls of its own for the functions of every request,
 * and workers that never wait on another thread.
 *
 * @module
 */
import Module from "node:module";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { type Native, symbolOf } from "../binding.ts";
import { clock_ms, setTimeout } from "../event_loop.ts";
import { readTimespec, TIMESPEC } from "../layout.ts";
import type { Platform } from "../platform.ts";
import type { NativeFunctions } from "../runtime.ts";
import {
  type FunctionName,
  type ParameterType,
  type ResultType,
  type Signature,
  SIGNATURE_ROWS,
} from "../signatures.ts";
import { koffi, type KoffiFunction } from "./koffi.ts";

/** What is used of `bun:ffi`. */
interface BunFfi {
  dlopen(
    library: string,
    functions: Record<string, unknown>,
  ): { symbols: Record<string, unknown> };
}

/** The words of the signatures. The fast ones come as numbers where they can. */
const TYPES: Record<ParameterType | ResultType, string> = {
  int: "i32",
  uint: "u32",
  long: "i64_fast",
  offset: "i64_fast",
  size: "u64_fast",
  pointer: "ptr",
  nullable: "ptr",
  void: "void",
};

/** Whether this is Bun and not Node. */
export const isBun: boolean = process.versions.bun !== undefined;

/** Bun's own calls take 11 ns, koffi's 158 on Bun. */
const HOT = SIGNATURE_ROWS.filter(([_, { hot }]) => hot);

/** The functions of every request, as Bun binds them; none where it can't. */
export function bunFunctions(platform: Platform): Partial<NativeFunctions> {
  if (!isBun) return {};
  const found = HOT.map(([name, signature]) => [
    name,
    find(platform.libraries, symbolOf(name, signature, platform), signature),
  ]);
  return Object.fromEntries(found.filter(([_, fn]) => fn !== null));
}

/** Each by itself: two may be called by the same symbol, and one may be missing. */
function find(
  libraries: readonly string[],
  symbol: string,
  { parameters, result }: Signature,
): unknown {
  const args = parameters.map((type) => TYPES[type]);
  const signature = { args, returns: TYPES[result] };
  for (const library of libraries) {
    try {
      // Not createRequire by its name, which webpack follows to where it fails.
      const { dlopen } = Module.createRequire(import.meta.url)(
        "bun:ffi",
      ) as BunFfi;
      return dlopen(library, { [symbol]: signature }).symbols[symbol];
    } catch {
      // Another library may have it, and koffi has it in any case.
    }
  }
  return null;
}

/** Bun crashes when a worker is terminated while a call is out on a thread. */
const isBunWorker = isBun && !isMainThread;

const SPACED_MS = 2;

/** A `struct timespec` of zeros: a call returns at once. */
const AT_ONCE = new Uint8Array(TIMESPEC.size);

/**
 * What a worker of Bun does in the place of a call that waits on a thread: it asks
 * again and again.
 *
 * @returns `null` where calls on a thread do no harm.
 */
export function spaced(name: FunctionName, fn: KoffiFunction): Native | null {
  return isBunWorker ? SPACED[name]?.(fn) ?? null : null;
}

const SPACED: { [Name in FunctionName]?: (fn: KoffiFunction) => Native } = {
  poll_nonblocking: (poll) => (list, count, timeout_ms) =>
    askSpaced(
      () => poll(list, count, 0),
      (ready) => ready !== 0,
      timeout_ms as number,
    ),
  aio_suspend: (suspend) => (list, count, timeout) =>
    askSpaced(
      () => suspend(list, count, AT_ONCE),
      (result) => result === 0,
      timeout === null ? Infinity : millisecondsOf(timeout as number),
    ),
  fallocate_nonblocking: atOnce,
  copy_file_range: atOnce,
  posix_fallocate: atOnce,
  posix_fadvise: atOnce,
};

/** What cannot be asked for piece by piece holds up the worker. */
function atOnce(fn: KoffiFunction): Native {
  return (...args) => Promise.resolve(fn(...args));
}

/** Asks again and again, until an answer or the time-out comes. */
async function askSpaced<Result>(
  ask: () => Result,
  isAnswer: (result: Result) => boolean,
  timeout_ms: number,
): Promise<Result> {
  const end_ms = clock_ms() + timeout_ms;
  for (;;) {
    const result = ask();
    if (isAnswer(result) || clock_ms() >= end_ms) return result;
    await new Promise((resolve) => setTimeout(resolve, SPACED_MS));
  }
}

/** What a `struct timespec` says. */
function millisecondsOf(address: number): number {
  return readTimespec(new DataView(koffi().view(address, TIMESPEC.size)), 0);
}
