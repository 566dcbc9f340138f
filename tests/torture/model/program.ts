/**
 * Random programs: what is done with a few files, and when. A program is data
 * only, so that fast-check can print it, shrink it and run it again.
 *
 * @module
 */
import fc from "fast-check";
import { LASTING, type MemoryKind, SPOILED } from "./memory.ts";

/** The part of a file in which most transfers lie. */
const REGION_BYTES = 32_768;
const MIB = 1024 * 1024;

/** How a file is opened besides `"all"`, which is for reading and writing. */
export type Access = "all" | "read" | "append";

/** A file, and the `AioFile`s on it. */
export interface FilePlan {
  readonly size_bytes: number;
  /** Whether it lies on a disk rather than in memory. */
  readonly isOnDisk: boolean;
  /** Whether transfers go past the page cache. */
  readonly isDirect: boolean;
  readonly accesses: Access[];
}

/** Which `AioFile`: the numbers are taken modulo how many there are. */
export interface Target {
  readonly file: number;
  readonly handle: number;
}

/** What a transfer is like. */
export interface Transfer extends Target {
  readonly type: "read" | "write";
  readonly offset: number;
  readonly length: number;
  readonly memory: MemoryKind;
  readonly priority: number;
  /** Whether it keeps to the part of the file that its thread has to itself. */
  readonly isApart: boolean;
}

/** An abort controller of the round, or `null` for none. */
type Signal = number | null;

/** One of several appends that are made together. */
export interface Append {
  readonly length: number;
  readonly memory: MemoryKind;
  readonly signal: Signal;
}

/** One thing to do. */
export type Action =
  | Transfer & { readonly signal: Signal }
  | Target & { readonly type: "append"; readonly appends: Append[] }
  | Target & { readonly type: "sync" | "syncData"; readonly signal: Signal }
  | Target & { readonly type: "batch"; readonly transfers: Transfer[] }
  | {
    readonly type: "submit";
    readonly transfers: Transfer[];
    /** Whether they are not handed over as a list. */
    readonly isSingle: boolean;
  }
  | Target & { readonly type: "queuedSync"; readonly dataOnly: boolean }
  | { readonly type: "queueCancel"; readonly isAll: boolean }
  | Target & { readonly type: "truncate"; readonly length: number }
  | Target & { readonly type: "size" | "cancel" | "close" }
  | Target & {
    readonly type: "readable";
    readonly offset: number;
    readonly length: number | null;
    readonly chunkSize: number;
    readonly depth: number;
    /** After how many chunks it is canceled. */
    readonly chunksMax: number | null;
    readonly isByob: boolean;
  }
  | Target & {
    readonly type: "writable";
    readonly offset: number;
    readonly chunks: number[];
    readonly depth: number;
    readonly isAborted: boolean;
  }
  | {
    readonly type: "abort";
    readonly signal: number;
    /** Whether later steps get a signal that is not aborted yet. */
    readonly isRenewed: boolean;
  }
  | { readonly type: "turn"; readonly turns: number };

/** An action of a thread, which may wait for it before it goes on. */
export interface Step {
  readonly action: Action;
  readonly isAwaited: boolean;
}

/** What may change the size of a file in a round; see {@linkcode Round}. */
export type Mode = "write" | "append" | "truncate";

/**
 * Threads that run at the same time, each a sequence of steps. What has no
 * order must not make the outcome unclear, so a file is written, appended to or
 * truncated in one round, and what does not fit is left out.
 */
export interface Round {
  readonly modes: Mode[];
  readonly threads: Step[][];
}

/** What is done, from opening the files to closing them. */
export interface Program {
  readonly maxInFlight: number;
  readonly pollMicroseconds: number;
  /** `null` leaves the number as it is. */
  readonly lanes: number | null;
  readonly notify: "auto" | "suspend" | "thread" | "poll";
  readonly pageCache: boolean;
  readonly files: FilePlan[];
  readonly rounds: Round[];
}

/** How many abort controllers a round has. */
export const SIGNALS = 3;
/** How many threads a round has at most. */
export const THREADS_MAX = 4;
/** The part of a file that a thread has to itself. */
export const APART_BYTES = REGION_BYTES / THREADS_MAX;
/** The most that one transfer has. */
export const TRANSFER_BYTES_MAX = 2 * MIB + 2 * 4096;

/** Of plain objects, which are easier to read when one is printed. */
function record<T>(
  model: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const target = { file: fc.nat(2), handle: fc.nat(2) };
const offset = fc.nat(REGION_BYTES - 1);
const priority = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat(20) },
);
const memory = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...LASTING) },
  { weight: 1, arbitrary: fc.constantFrom(...SPOILED) },
);
const signal: fc.Arbitrary<Signal> = fc.option(fc.nat(SIGNALS - 1), {
  freq: 2,
});
const chunksMax: fc.Arbitrary<number | null> = fc.option(fc.nat(4));
const lengthOrNull: fc.Arbitrary<number | null> = fc.option(
  fc.nat(REGION_BYTES),
);
/** Some of them more than the library's own memory takes at once. */
function lengths(largeOnesWeight: number): fc.Arbitrary<number> {
  const large = fc.integer({ min: MIB - 4096, max: 2 * MIB + 4096 });
  return fc.oneof(
    { weight: 20, arbitrary: fc.nat(64) },
    { weight: 120, arbitrary: fc.nat(8192) },
    { weight: 40, arbitrary: fc.constantFrom(512, 4096, 8192, 12_288) },
    { weight: 20, arbitrary: fc.nat(65_536) },
    { weight: largeOnesWeight, arbitrary: large },
  );
}
const length = lengths(15);

const transfer: fc.Arbitrary<Transfer> = record({
  ...target,
  type: fc.constantFrom("read" as const, "write" as const),
  offset,
  length,
  memory,
  priority,
  isApart: fc.boolean(),
});
const transfers = fc.array(transfer, { minLength: 1, maxLength: 6 });

const append = record({ length: lengths(3), memory, signal });
const appends = fc.array(append, { minLength: 1, maxLength: 5 });

function type<T extends string>(...names: T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...names);
}

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.tuple(transfer, signal)
      .map(([transfer, signal]) => ({ ...transfer, signal })),
  },
  {
    weight: 10,
    arbitrary: record({ type: type("append"), ...target, appends }),
  },
  {
    weight: 4,
    arbitrary: record({ type: type("sync", "syncData"), ...target, signal }),
  },
  {
    weight: 5,
    arbitrary: record({ type: type("batch"), ...target, transfers }),
  },
  {
    weight: 8,
    arbitrary: record({
      type: type("submit"),
      transfers,
      isSingle: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: record({
      type: type("queuedSync"),
      ...target,
      dataOnly: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: record({ type: type("queueCancel"), isAll: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: record({
      type: type("truncate"),
      ...target,
      length: fc.nat(2 * REGION_BYTES),
    }),
  },
  { weight: 4, arbitrary: record({ type: type("size"), ...target }) },
  { weight: 3, arbitrary: record({ type: type("cancel"), ...target }) },
  { weight: 1, arbitrary: record({ type: type("close"), ...target }) },
  {
    weight: 2,
    arbitrary: record({
      type: type("readable"),
      ...target,
      offset,
      length: lengthOrNull,
      chunkSize: fc.integer({ min: 700, max: 20_000 }),
      depth: fc.integer({ min: 1, max: 6 }),
      chunksMax,
      isByob: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: record({
      type: type("writable"),
      ...target,
      offset,
      chunks: fc.array(fc.nat(9000), { maxLength: 6 }),
      depth: fc.integer({ min: 1, max: 6 }),
      isAborted: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: record({
      type: type("abort"),
      signal: fc.nat(SIGNALS - 1),
      isRenewed: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: record({ type: type("turn"), turns: fc.nat(3) }) },
);

const step: fc.Arbitrary<Step> = record({
  action,
  isAwaited: fc.integer({ min: 0, max: 2 }).map((number) => number === 2),
});

const round: fc.Arbitrary<Round> = record({
  modes: fc.array(
    fc.constantFrom("write" as const, "append" as const, "truncate" as const),
    { minLength: 3, maxLength: 3 },
  ),
  threads: fc.array(fc.array(step, { maxLength: 16, size: "max" }), {
    minLength: 1,
    maxLength: THREADS_MAX,
    size: "max",
  }),
});

const file: fc.Arbitrary<FilePlan> = record({
  size_bytes: fc.nat(2 * REGION_BYTES),
  isOnDisk: fc.integer({ min: 0, max: 7 }).map((number) => number === 7),
  isDirect: fc.integer({ min: 0, max: 7 }).map((number) => number === 7),
  accesses: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant("all" as const) },
      { weight: 2, arbitrary: fc.constant("append" as const) },
      { weight: 1, arbitrary: fc.constant("read" as const) },
    ),
    { minLength: 1, maxLength: 3 },
  ),
});

/** Any program. */
export const program: fc.Arbitrary<Program> = record({
  maxInFlight: fc.constantFrom(512, 32, 4, 2, 1),
  pollMicroseconds: fc.constantFrom(100, 0, 5000),
  lanes: fc.constantFrom<number | null>(1, 2, 3, 8),
  notify: fc.constantFrom("auto", "suspend", "thread", "poll"),
  pageCache: fc.boolean(),
  files: fc.array(file, { minLength: 1, maxLength: 3 }),
  rounds: fc.array(round, { minLength: 1, maxLength: 3 }),
});
