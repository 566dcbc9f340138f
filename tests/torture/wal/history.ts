/**
 * What must be true of a log after a crash, whatever was running: every record
 * that was acknowledged is there, none is there that nobody wrote, all are in order,
 * and no number that was told is used again.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type {
  LogRecord,
  LogSummary,
} from "../../../examples/write_ahead_log.ts";
import { concat, decode, encode, pattern } from "../../helpers/mod.ts";

/** Made once, so that what fills a record is a part of it. */
const FILLING = pattern(1 << 20);

/** Most records are short, some longer, and a few longer than any buffer. */
function fillingOf(hash: number): number {
  if (hash % 200 === 0) return hash % 400_000;
  return hash % 11 === 0 ? hash % 9000 : hash % 200;
}

/** A record that tells who wrote it, with contents that follow from that. */
export function recordOf(
  round: number,
  writer: number,
  number: number,
): Uint8Array<ArrayBuffer> {
  const hash = round * 7919 + writer * 104_729 + number * 1_299_709;
  const start = hash % (FILLING.length / 2);
  const filling = FILLING.subarray(start, start + fillingOf(hash));
  return concat([encode(`${round}:${writer}:${number};`), filling]);
}

/** The part of a record that tells who wrote it. */
function nameOf(data: Uint8Array): string {
  return decode(data.subarray(0, data.indexOf(";".charCodeAt(0))));
}

/** What a process has told, until it ended. */
export class Notes {
  /** The names of the records that it acknowledged, by number. */
  readonly acknowledged = new Map<number, string>();
  /** The last number that was told: no record that comes later may get it. */
  guaranteed: number;
  /** Up to here it was about to forget records. */
  forgetting = 0;
  /** Up to here it has forgotten them. */
  forgotten = 0;
  /** What it found in the log. */
  opened: { first: number; last: number } | null = null;

  constructor(guaranteed: number) {
    this.guaranteed = guaranteed;
  }

  /** Takes a line that tests/torture/programs/wal_load.ts has printed. */
  add(line: string): void {
    const [what, ...values] = line.split(" ");
    const [first, last] = values.map(Number);
    if (what === "open") {
      this.opened = { first, last };
      this.guaranteed = Math.max(this.guaranteed, last);
    } else if (what === "forget") {
      // Two may be under way at a time, and end in any order.
      this.forgetting = Math.max(this.forgetting, first);
    } else if (what === "forgot") {
      this.forgotten = Math.max(this.forgotten, first);
    } else if (what === "ack") {
      this.acknowledged.set(first, values[1]);
      this.guaranteed = Math.max(this.guaranteed, first);
    }
  }
}

/** What is in a log. */
export interface Known {
  first: number;
  /** What the next record gets; nothing at the end of the log is damaged later. */
  next: number;
  /** The names of the records, by number. */
  names: ReadonlyMap<number, string>;
}

/** A log before anything was appended to it. */
export const NOTHING: Known = { first: 1, next: 1, names: new Map() };

/**
 * Checks a log after a crash.
 *
 * @param round Which process ran when it came.
 * @param before What was in the log when that process began.
 * @param notes What the process told.
 * @param records What is in the log now.
 * @param summary The same, in short.
 * @returns What is in the log.
 */
export function check(
  round: number,
  before: Known,
  notes: Notes,
  records: LogRecord[],
  { first, next }: LogSummary,
): Known {
  assert(
    next > notes.guaranteed,
    `${next} is next, and ${notes.guaranteed} was told`,
  );
  assert(first >= before.first && first > notes.forgotten, `first is ${first}`);
  const names = new Map<number, string>();
  /** The last number of each writer in this round. */
  const written = new Map<number, number>();
  let previous = first - 1;
  for (const { sequence, data } of records) {
    const name = nameOf(data);
    const [ofRound, writer, number] = name.split(":").map(Number);
    const expected = recordOf(ofRound, writer, number);
    assert(Buffer.compare(data, expected) === 0, `record ${sequence} is wrong`);
    assert(sequence > previous, `record ${sequence} is behind ${previous}`);
    // Only a torn tail leaves numbers out: they are none of this process.
    const isFollowing = sequence === previous + 1 || previous < before.next;
    assert(isFollowing, `record ${sequence} follows ${previous}`);
    names.set(previous = sequence, name);
    if (sequence < before.next) continue;
    assertEquals(ofRound, round, `record ${sequence} is of another process`);
    const isNext = !written.has(writer) || number === written.get(writer)! + 1;
    assert(isNext, `record ${sequence} of writer ${writer} is ${number}`);
    written.set(writer, number);
  }
  const mayBeForgotten = Math.max(before.first - 1, notes.forgetting);
  for (const [sequence, name] of [...before.names, ...notes.acknowledged]) {
    const isThere = sequence <= notes.guaranteed &&
      (sequence > mayBeForgotten || sequence >= first);
    if (isThere || names.has(sequence)) {
      assertEquals(names.get(sequence), name, `record ${sequence}`);
    }
  }
  for (const sequence of names.keys()) {
    const isKnown = sequence >= before.next || before.names.has(sequence);
    assert(isKnown, `record ${sequence} was not there before`);
  }
  const acknowledged = new Map<number, number>();
  for (const name of notes.acknowledged.values()) {
    const [, writer, number] = name.split(":").map(Number);
    acknowledged.set(writer, number);
  }
  // A writer waits for one record before it begins the next.
  for (const [writer, number] of written) {
    const last = (acknowledged.get(writer) ?? -1) + 1;
    assert(number <= last, `writer ${writer} never came to write ${number}`);
  }
  return { first, next, names };
}
