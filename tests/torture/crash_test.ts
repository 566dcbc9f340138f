// Crashes of a process that appends to a write-ahead log: what it was told is on disk
// has to be there afterwards, in order, and nothing else.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import {
  type LogRecord,
  type LogSummary,
  readLog,
  WriteAheadLog,
} from "../../examples/write_ahead_log.ts";
import {
  canStrace,
  decode,
  delay,
  Directory,
  encode,
  isEmulated,
  pattern,
  Program,
  run,
  strace,
  test,
} from "../helpers/mod.ts";
import { visibleCalls } from "../helpers/native.ts";
import { limit_ms, scaled, seed, tell } from "./scale.ts";
import { Disk, MODES } from "./wal/disk.ts";
import { check, type Known, Notes, NOTHING } from "./wal/history.ts";
import {
  type Call,
  type Event,
  parse,
  STRING_BYTES_MAX,
  TRACED,
} from "./wal/trace.ts";

const PROGRAM = "../torture/programs/wal_load";
const KILLS = scaled(10, 200);

const random = xoroshiro128plus(seed);

/** When to kill: some time after a line of this kind has come so many times. */
interface Moment {
  line: "opening" | "ack" | "forget";
  times: number;
  wait_ms: number;
}

function chooseMoment(): Moment {
  const kind = uniformInt(random, 0, 9);
  const wait_ms = uniformInt(random, 0, 5);
  // While it recovers what the last one left.
  if (kind === 0) return { line: "opening", times: 1, wait_ms: 5 * wait_ms };
  if (kind === 1) return { line: "forget", times: 1, wait_ms };
  return { line: "ack", times: uniformInt(random, 1, 1500), wait_ms };
}

/** Runs the program until a moment, and kills it. Returns what it has told. */
async function killed(
  path: string,
  round: number,
  guaranteed: number,
): Promise<Notes> {
  const { line, times, wait_ms } = chooseMoment();
  const args = [path, String(round), String(seed), "Infinity"];
  await using program = new Program(PROGRAM, { args, limit_ms });
  const lines: string[] = [];
  for (let left = times; left > 0;) {
    const next = await program.line();
    lines.push(next);
    if (next.startsWith(line)) left--;
  }
  await delay(wait_ms);
  Deno.kill(program.pid, "SIGKILL");
  const { signal, stdout, stderr } = await program.end();
  assertEquals([signal, stderr], ["SIGKILL", ""]);
  lines.push(...stdout.split("\n").slice(0, -1));
  const notes = new Notes(guaranteed);
  for (const told of lines) notes.add(told);
  return notes;
}

/** Fails with what repeats it. */
async function repeatably<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw new Error(`${what} fails with TORTURE_SEED=${seed}`, {
      cause: error,
    });
  }
}

test(`WriteAheadLog keeps what it acknowledged, killed ${KILLS} times`, {
  limit_ms,
}, async () => {
  using directory = new Directory();
  const path = directory.at("log");
  let known: Known = NOTHING;
  const counts = { acknowledged: 0, others: 0, torn: 0, forgotten: 0 };
  for (let round = 1; round <= KILLS; round++) {
    await repeatably(`round ${round}`, async () => {
      const notes = await killed(path, round, known.next - 1);
      const { opened } = notes;
      if (opened !== null) {
        const { first, next } = known;
        assertEquals(opened, { first, last: next - 1 });
      }
      const { records, summary } = await readAll(path);
      const now = check(round, known, notes, records, summary);
      counts.acknowledged += notes.acknowledged.size;
      counts.others += now.next - 1 - notes.guaranteed;
      counts.forgotten += now.first - known.first;
      if (summary.tornBytes > 0) counts.torn++;
      known = now;
      if (round % 3 !== 0) return;
      // A kill seldom comes amid a write.
      tear(path);
      const { first, next } = (await readAll(path)).summary;
      known = { ...known, first, next };
    });
  }
  const { acknowledged, others, torn, forgotten } = counts;
  tell(
    `${KILLS} kills: ${acknowledged} records were acknowledged, ${others} ` +
      `more were there, ${forgotten} were forgotten; ${torn} torn tails`,
  );
  assert(acknowledged > 0);
});

/** Leaves what a write that was cut short leaves. */
function tear(path: string): void {
  const torn = pattern(uniformInt(random, 1, 5000));
  Deno.writeFileSync(path, torn, { append: true, create: false });
}

/** What a log has, which may not have come to be. */
async function readAll(
  path: string,
): Promise<{ records: LogRecord[]; summary: LogSummary }> {
  const records: LogRecord[] = [];
  if (!existsSync(path)) {
    const numbers = { first: 1, last: 0, next: 1 };
    const sizes = { bytes: 0, tornBytes: 0, tornRecords: 0 };
    return { records, summary: { ...numbers, ...sizes, isClosed: true } };
  }
  const reading = readLog(path);
  for (;;) {
    const { done, value } = await reading.next();
    if (done) return { records, summary: value };
    records.push(value);
  }
}

// SIGKILL leaves the page cache as it is, and a failing power supply does not. Of that,
// the system calls of a process tell what could be on disk at each moment.

// The record of an emulated process does not show how it opens its files.
const calls = visibleCalls();
const canTrace = !isEmulated && calls !== null && canStrace();

const RUNS = scaled(1, 5);
const CUTS = scaled(20, 400);
const APPENDS = scaled(250, 1500);

/** Runs processes one after another on one log. Returns what they did. */
async function traced(log: string, endings: string[]): Promise<Event[]> {
  using directory = new Directory();
  const [record, notes] = [directory.at("record"), directory.at("notes")];
  const paths = [log, `${dirname(log)}/.log.new`, dirname(log), notes];
  const recording = strace(
    record,
    ...["-y", "-xx", "-s", String(STRING_BYTES_MAX), "-e", `trace=${TRACED}`],
    ...paths.flatMap((path) => ["-P", path]),
  ).join(" ");
  // One record of them all: what one leaves in the page cache, the next one finds.
  const rounds = endings.map((ending, index) =>
    `"$@" ${index + 1} ${seed} ${APPENDS} ${ending}`
  );
  const script = `exec ${recording} sh -ec '${
    rounds.join("; ")
  }' sh "$@" > ${notes}`;
  const { code, stderr } = await run(PROGRAM, {
    args: [log],
    env: calls!,
    wrapper: ["sh", "-c", script, "sh"],
    limit_ms,
  });
  assertEquals([code, stderr], [0, ""]);
  return parse(Deno.readTextFileSync(record));
}

/** What became of simulated losses of power. */
interface Outcome {
  states: number;
  torn: number;
  /** The most changes that were not on disk at some moment. */
  unsynced: number;
}

/** After which events to cut the power: some, and all that have to do with names. */
function chooseCuts(log: string, events: Event[]): Set<number> {
  const isNote = (event?: Event) =>
    event !== undefined && "begun" in event && isTold(log, event.begun);
  const isOfNames = (event: Event) =>
    "ended" in event && (event.ended.name === "rename" ||
      event.ended.name === "create" ||
      event.ended.name === "sync" && event.ended.path !== log);
  // Of many notes in a row, the last one promises the most.
  const moments = [...events.keys()].filter((index) =>
    !isNote(events[index]) || !isNote(events[index + 2])
  );
  const chosen = Array.from(
    { length: CUTS },
    () => moments[uniformInt(random, 0, moments.length - 1)],
  );
  const ofNames = moments.flatMap((index) =>
    isOfNames(events[index]) ? [index, index + 2] : []
  );
  return new Set([...chosen, ...ofNames]);
}

/** Whether a call is a note, and not of the disk. */
function isTold(
  log: string,
  call: Call,
): call is Call & { name: "write"; data: Uint8Array } {
  return call.name === "write" && !call.path.startsWith(dirname(log) + "/");
}

/** Cuts the power at moments of what was recorded, and recovers what may be left. */
async function cutPower(log: string, events: Event[]): Promise<Outcome> {
  const outcome = { states: 0, torn: 0, unsynced: 0 };
  const disk = new Disk(log);
  let round = 0;
  let before = NOTHING;
  let notes = new Notes(0);
  const cuts = chooseCuts(log, events);
  for (const [index, event] of events.entries()) {
    const call = "begun" in event ? event.begun : event.ended;
    let isCut = cuts.has(index);
    if (!isTold(log, call)) disk.add(event);
    else if ("begun" in event) {
      const told = decode(call.data).trimEnd();
      if (told === "opening") {
        using view = written(disk.state("all", random));
        const { records, summary } = await readAll(view.at("log"));
        before = check(round++, before, notes, records, summary);
        notes = new Notes(notes.guaranteed);
        isCut = true;
      } else notes.add(told);
    }
    if (!isCut) continue;
    outcome.unsynced = Math.max(outcome.unsynced, disk.unsynced);
    for (const mode of MODES) {
      const state = disk.state(mode, random);
      const recovered = await recover(state, round, before, notes);
      outcome.states++;
      if (recovered.tornBytes > 0) outcome.torn++;
    }
  }
  return outcome;
}

/** Puts files into a directory. */
function written(contents: Map<string, Uint8Array>): Directory {
  const directory = new Directory(MEMORY);
  for (const [path, bytes] of contents) {
    Deno.writeFileSync(directory.at(basename(path)), bytes);
  }
  return directory;
}

/** Where files take no disk: these have no power to lose. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : undefined;

async function recover(
  state: Map<string, Uint8Array>,
  round: number,
  before: Known,
  notes: Notes,
): Promise<LogSummary> {
  using directory = written(state);
  const path = directory.at("log");
  let recovered: LogSummary;
  {
    await using log = await WriteAheadLog.open(path);
    recovered = log.recovered;
    const records = [];
    for await (const record of log.records()) records.push(record);
    check(round, before, notes, records, recovered);
    assertEquals(await log.append(encode("next")), recovered.next);
  }
  const { summary } = await readAll(path);
  assertEquals([summary.last, summary.isClosed], [recovered.next, true]);
  return recovered;
}

test("WriteAheadLog keeps what it acknowledged when the power fails", {
  ignore: !canTrace,
  limit_ms,
}, async () => {
  const total = { states: 0, torn: 0, unsynced: 0 };
  for (let round = 0; round < RUNS; round++) {
    using directory = new Directory();
    const log = directory.at("log");
    const events = await traced(log, ["unsynced", "unsynced", "closed"]);
    await repeatably(`run ${round}`, async () => {
      const { states, torn, unsynced } = await cutPower(log, events);
      total.states += states;
      total.torn += torn;
      total.unsynced = Math.max(total.unsynced, unsynced);
    });
  }
  tell(
    `${total.states} states of a disk without power were recovered, ` +
      `${total.torn} of them torn, with up to ${total.unsynced} changes lost`,
  );
  assert(total.torn > 0 && total.unsynced > 1);
});

test("A loss of power is found that a log does not survive", {
  ignore: !canTrace,
  limit_ms,
}, async () => {
  using directory = new Directory();
  const log = directory.at("log");
  const events = await traced(log, ["unsafe"]);
  await assertRejects(() => cutPower(log, events), Error, "was told");
});
