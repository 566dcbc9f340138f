/**
 * What must be true of a log after a crash, whatever was running: every record
 * that was acknowledged is there, none is there that nobody wrote, and all are in
 * order.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import type {
  LogRecord,
  LogSummary,
} from "../../../examples/write_ahead_log.ts";
import { concat, decode, encode, pattern } from "../../helpers.ts";

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
  /** The last record that has to be there. */
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
  last: number;
  /** The names of the records, by number. */
  names: ReadonlyMap<number, string>;
}

/** A log before anything was appended to it. */
export const NOTHING: Known = { first: 1, last: 0, names: new Map() };

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
  { first, last }: LogSummary,
): Known {
  assert(last >= notes.guaranteed, `${last} is last, not ${notes.guaranteed}`);
  assert(first >= before.first && first > notes.forgotten, `first is ${first}`);
  const mayBeFirst = Math.max(before.first, notes.forgetting + 1);
  assert(first <= mayBeFirst, `first is ${first}, and not ${mayBeFirst}`);
  assertEquals(records.length, last - first + 1);
  const names = new Map<number, string>();
  /** The last number of each writer in this round. */
  const written = new Map<number, number>();
  records.forEach(({ sequence, data }, index) => {
    assertEquals(sequence, first + index);
    const name = nameOf(data);
    const [ofRound, writer, number] = name.split(":").map(Number);
    const expected = recordOf(ofRound, writer, number);
    assert(Buffer.compare(data, expected) === 0, `record ${sequence} is wrong`);
    names.set(sequence, name);
    if (sequence <= before.last) {
      return assertEquals(name, before.names.get(sequence));
    }
    assertEquals(ofRound, round, `record ${sequence} is of another process`);
    const isNext = !written.has(writer) || number === written.get(writer)! + 1;
    assert(isNext, `record ${sequence} of writer ${writer} is ${number}`);
    written.set(writer, number);
  });
  const acknowledged = new Map<number, number>();
  for (const [sequence, name] of notes.acknowledged) {
    if (sequence >= first) assertEquals(names.get(sequence), name);
    const [, writer, number] = name.split(":").map(Number);
    acknowledged.set(writer, number);
  }
  // A writer waits for one record before it begins the next.
  for (const [writer, number] of written) {
    const last = (acknowledged.get(writer) ?? -1) + 1;
    assert(number <= last, `writer ${writer} never came to write ${number}`);
  }
  return { first, last, names };
}
