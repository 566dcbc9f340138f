/**
 * The faults that `faults.c` injects, as a program under test orders them.
 *
 * @module
 */
import { platform } from "../../../lib/system/constants.ts";

/** The calls that can be made to fail, as `enum call` in `faults.c`. */
export const CALLS = {
  pread: 0,
  pwrite: 1,
  read: 2,
  write: 3,
  fsync: 4,
  fdatasync: 5,
  dup: 6,
  thread: 7,
  aligned_alloc: 8,
  submission_alloc: 9,
} as const;

/** See {@linkcode CALLS}. */
export type Call = keyof typeof CALLS;

/** Which calls of a kind: from the first to the last, every so many. */
export interface Positions {
  readonly first: number;
  readonly last: number;
  readonly step?: number;
}

/** What is done to a call: an error, or a transfer of so many bytes at most. */
export type Fault = string | number;

/** A call of the watched file, and what came of it. */
export interface Recorded {
  readonly call: Call;
  readonly offset: number;
  readonly length: number;
  /** Whether it was tampered with. */
  readonly isFaulty: boolean;
  /** Bytes, or minus an error number. */
  readonly result: number;
}

const RECORD_FIELDS = 5;
const FOREVER = 2 ** 53 - 1;

/** Every call there is. */
export const EVERY: Positions = { first: 1, last: FOREVER };

const library = Deno.dlopen(
  Deno.env.get("LD_PRELOAD")!,
  {
    faults_watch: { parameters: ["i32"], result: "void" },
    faults_add: {
      parameters: ["i32", "i32", "i64", "i64", "i64"],
      result: "void",
    },
    faults_stop: { parameters: [], result: "void" },
    faults_reset: { parameters: [], result: "void" },
    faults_count: { parameters: ["i32"], result: "i64" },
    faults_hits: { parameters: ["i32"], result: "i64" },
    faults_record_count: { parameters: [], result: "i64" },
    faults_records: { parameters: [], result: "pointer" },
  } as const,
).symbols;

/** From now on, only calls of the file of this descriptor count. */
export function watch(fd: number): void {
  library.faults_watch(fd);
}

/** Orders a fault. */
export function order(call: Call, fault: Fault, positions: Positions): void {
  const { first, last, step = 1 } = positions;
  library.faults_add(
    CALLS[call],
    // From -1 on downwards: at most 0 bytes, at most 1 byte, …
    typeof fault === "string" ? platform.errno[fault] : -1 - fault,
    BigInt(first),
    BigInt(last),
    BigInt(step),
  );
}

/** Ends all faults; what happened is still to be had. */
export function stop(): void {
  library.faults_stop();
}

/** Counts from 0 again. */
export function reset(): void {
  library.faults_reset();
}

/** How many calls of a kind there were. */
export function countOf(call: Call): number {
  return Number(library.faults_count(CALLS[call]));
}

/** How many calls of a kind were tampered with. */
export function hitsOf(call: Call): number {
  return Number(library.faults_hits(CALLS[call]));
}

/** The calls of the watched file so far, in order. */
export function recorded(): Recorded[] {
  const count = Number(library.faults_record_count());
  if (count === 0) return [];
  const fields = new BigInt64Array(
    Deno.UnsafePointerView.getArrayBuffer(
      library.faults_records()!,
      count * RECORD_FIELDS * BigInt64Array.BYTES_PER_ELEMENT,
    ),
  );
  const names = Object.keys(CALLS) as Call[];
  return Array.from({ length: count }, (_, index) => {
    const [call, offset, length, fault, result] = fields.subarray(
      index * RECORD_FIELDS,
      (index + 1) * RECORD_FIELDS,
    );
    return {
      call: names[Number(call)],
      offset: Number(offset),
      length: Number(length),
      isFaulty: fault !== 0n,
      result: Number(result),
    };
  });
}
