// The write-ahead log, and the program around it, run as a user runs it.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UsageError } from "../../examples/shared/command_line.ts";
import { parseCommandLine } from "../../examples/wal.ts";
import {
  LogError,
  type LogErrorCode,
  type LogRecord,
  type LogSummary,
  readLog,
  WriteAheadLog,
} from "../../examples/write_ahead_log.ts";
import { existsSync } from "node:fs";
import { AioFile, metrics } from "../../mod.ts";
import {
  assertBytes,
  canStrace,
  concat,
  decode,
  Directory,
  encode,
  execute,
  finish,
  type Finished,
  isLinux,
  makeFifo,
  pattern,
  report,
  start,
  strace,
  testWith,
  untilOpening,
} from "../helpers/mod.ts";
import { assertFailedAs, commandOf } from "./example.ts";

const test = testWith(() => new Directory());
const MIB = 1024 * 1024;
const HEADER_BYTES = 24;
const FRAME_HEAD_BYTES = 28;

const canTrace = canStrace();

/** What a process that is killed leaves of records appended one after another. */
async function crashed(
  directory: Directory,
  ...records: (string | Uint8Array)[]
): Promise<Uint8Array<ArrayBuffer>> {
  const path = directory.at(`log-${crypto.randomUUID()}`);
  await using log = await WriteAheadLog.open(path);
  for (const record of records) {
    await log.append(typeof record === "string" ? encode(record) : record);
  }
  return Deno.readFileSync(path);
}

/** The same of a process that has closed the log. */
async function closed(
  directory: Directory,
  ...records: string[]
): Promise<Uint8Array<ArrayBuffer>> {
  const path = directory.at(`log-${crypto.randomUUID()}`);
  {
    await using log = await WriteAheadLog.open(path);
    for (const record of records) await log.append(encode(record));
  }
  return Deno.readFileSync(path);
}

/** Reads a log without changing it, up to its end or the damage. */
async function read(path: string): Promise<{
  records: LogRecord[];
  summary: LogSummary | null;
  error: unknown;
}> {
  const records: LogRecord[] = [];
  const reading = readLog(path);
  try {
    for (;;) {
      const { done, value } = await reading.next();
      if (done) return { records, summary: value, error: null };
      records.push(value);
    }
  } catch (error) {
    return { records, summary: null, error };
  }
}

async function textsOf(log: WriteAheadLog, from?: number): Promise<string[]> {
  const texts = [];
  for await (const { sequence, data } of log.records(from)) {
    texts.push(`${sequence} ${decode(data)}`);
  }
  return texts;
}

async function assertLogError(
  promise: Promise<unknown>,
  code: LogErrorCode,
): Promise<LogError> {
  const error = await assertRejects(() => promise, LogError) as LogError;
  assertEquals(error.code, code, error.message);
  return error;
}

/** As many frames as fit: behind a head that is damaged there may be any number. */
function framesIn(bytes: number): number {
  return Math.floor(bytes / FRAME_HEAD_BYTES);
}

/**
 * Recovers what a crash may leave: these records, and others can follow them, with
 * numbers that nobody can have been told of.
 */
async function assertRecovers(
  path: string,
  contents: Uint8Array,
  texts: string[],
  tornBytes: number,
  tornRecords = framesIn(tornBytes),
): Promise<void> {
  Deno.writeFileSync(path, contents);
  const before = await read(path);
  assertEquals(before.error, null);
  assertEquals(before.summary!.tornBytes, tornBytes);
  assertEquals(before.summary!.tornRecords, tornRecords);
  const next = texts.length + tornRecords + 1;
  assertEquals(before.summary!.next, next);
  assertBytes(Deno.readFileSync(path), contents);
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals(log.recovered, before.summary!);
    assertEquals(log.durable, next - 1);
    assertEquals(await textsOf(log), texts);
    const whole_bytes = contents.length - tornBytes;
    const gap_bytes = tornRecords > 0 ? FRAME_HEAD_BYTES : 0;
    assertEquals(Deno.statSync(path).size, whole_bytes + gap_bytes);
    assertEquals(await log.append(encode("next")), next);
  }
  await using log = await WriteAheadLog.open(path);
  assertEquals(log.recovered.isClosed, true);
  assertEquals(await textsOf(log), [...texts, `${next} next`]);
}

/** Refuses, and leaves the file as it is; the records before can be read. */
async function assertDamaged(
  path: string,
  contents: Uint8Array,
  texts: string[],
): Promise<void> {
  Deno.writeFileSync(path, contents);
  const error = await assertLogError(WriteAheadLog.open(path), "DAMAGED");
  assert(error.message.includes(`record ${texts.length + 1} should`));
  assertBytes(Deno.readFileSync(path), contents);
  const { records, error: reading } = await read(path);
  assertEquals((reading as LogError).code, "DAMAGED");
  assertEquals(records.map(({ data }) => decode(data)), texts);
}

function flipped(contents: Uint8Array, at: number): Uint8Array {
  const copy = contents.slice();
  copy[at] ^= 1 << (at % 8);
  return copy;
}

test("WriteAheadLog.open() makes a log, and append() numbers records from 1", async (directory) => {
  const path = directory.at("log");
  const records = [
    encode("one"),
    new Uint8Array(0),
    pattern(100_000),
    new Uint8Array(50),
    encode("five"),
  ];
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals([log.first, log.durable], [1, 0]);
    assertEquals(await textsOf(log), []);
    for (let index = 0; index < 3; index++) {
      assertEquals(await log.append(records[index]), index + 1);
      assertEquals(log.durable, index + 1);
    }
  }
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals(log.durable, 3);
    assertEquals(log.recovered.isClosed, true);
    assertEquals(await log.append(records[3]), 4);
    assertEquals(await log.append(records[4]), 5);
  }
  const { records: found, summary } = await read(path);
  assertEquals(found.map(({ sequence }) => sequence), [1, 2, 3, 4, 5]);
  found.forEach(({ data }, index) => assertBytes(data, records[index]));
  const bytes = Deno.statSync(path).size;
  assertEquals(summary, {
    first: 1,
    last: 5,
    next: 6,
    bytes,
    tornBytes: 0,
    tornRecords: 0,
    isClosed: true,
  });
});

test("WriteAheadLog.open() takes an empty file for a new log, and keeps its mode", async (directory) => {
  const path = directory.file();
  Deno.chmodSync(path, 0o600);
  const empty = await read(path);
  assertEquals(empty.records, []);
  assertEquals(empty.summary!.bytes, 0);
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals(await log.append(encode("one")), 1);
  }
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  assertEquals((await read(path)).records.length, 1);
});

test("WriteAheadLog.open() follows a symbolic link, and checkpoint() leaves it", async (directory) => {
  const path = directory.file();
  const link = directory.at("link");
  Deno.symlinkSync(path, link);
  await using log = await WriteAheadLog.open(link);
  await log.append(encode("one"));
  await log.checkpoint();
  await log.append(encode("two"));
  assert(Deno.lstatSync(link).isSymlink);
  assertEquals((await read(path)).records[0].sequence, 2);
});

test("WriteAheadLog.open() refuses what is not a log, leaves it as it is, and leaves nothing beside it", async (directory) => {
  const log = await closed(directory, "one", "two");
  const others = [
    encode("x"),
    encode("a text that is no log\n".repeat(10)),
    new Uint8Array(HEADER_BYTES - 1),
    new Uint8Array(100),
    log.subarray(0, HEADER_BYTES - 1),
    ...Array.from({ length: HEADER_BYTES }, (_, at) => flipped(log, at)),
  ];
  for (const contents of others) {
    const path = directory.file(contents);
    await assertLogError(WriteAheadLog.open(path), "NOT_A_LOG");
    assertBytes(Deno.readFileSync(path), contents);
    await assertLogError(readLog(path).next(), "NOT_A_LOG");
    assert(!existsSync(`${path}.lock`));
  }
  await assertLogError(WriteAheadLog.open(directory.path), "NOT_A_LOG");
  assert(!existsSync(`${directory.path}.lock`));
});

test("WriteAheadLog.open() reports what the system refuses", async (directory) => {
  const path = directory.at("missing/log");
  const error = await assertRejects(() => WriteAheadLog.open(path), Error);
  assertEquals((error as Error & { code: string }).code, "ENOENT");
  assertEquals((await read(directory.at("log"))).records, []);
});

test("WriteAheadLog.open() refuses a log that is open, until it is closed", async (directory) => {
  const path = directory.at("log");
  const log = await WriteAheadLog.open(path);
  await assertLogError(WriteAheadLog.open(path), "IN_USE");
  assertEquals(await log.append(encode("one")), 1);
  await log.close();
  await using again = await WriteAheadLog.open(path);
  assertEquals(await textsOf(again), ["1 one"]);
});

test(
  "WriteAheadLog.open() refuses a log that is open by another name, and after its lock was removed",
  {
    ignore: !isLinux,
  },
  async (directory) => {
    const [path, link] = [directory.at("log"), directory.at("link")];
    {
      await using log = await WriteAheadLog.open(path);
      Deno.linkSync(path, link);
      await assertLogError(WriteAheadLog.open(link), "IN_USE");
      Deno.removeSync(`${path}.lock`);
      await assertLogError(WriteAheadLog.open(path), "IN_USE");
      assertEquals(await log.append(encode("one")), 1);
      assertEquals(await textsOf(log), ["1 one"]);
      await log.checkpoint();
      // The link has stayed with the old one.
      Deno.removeSync(link);
      Deno.linkSync(path, link);
      await assertLogError(WriteAheadLog.open(link), "IN_USE");
      assertEquals(await log.append(encode("two")), 2);
    }
    await using log = await WriteAheadLog.open(link);
    assertEquals(await textsOf(log), ["2 two"]);
  },
);

test("WriteAheadLog.open() refuses a log whose lock was removed while it was taken, and is another's", async (directory) => {
  const { open } = Deno;
  let others: Deno.FsFile | undefined;
  Deno.open = async (path, how) => {
    Deno.open = open;
    const file = await open(path, how);
    Deno.removeSync(path);
    others = await open(path, how);
    assert(await others.tryLock(true));
    return file;
  };
  try {
    const path = directory.at("log");
    await assertLogError(WriteAheadLog.open(path), "IN_USE");
    others!.close();
    await using log = await WriteAheadLog.open(path);
    assertEquals(await log.append(encode("one")), 1);
  } finally {
    Deno.open = open;
  }
});

test("WriteAheadLog.open() takes the lock that is there when another was removed meanwhile", async (directory) => {
  const { open } = Deno;
  Deno.open = async (path, how) => {
    Deno.open = open;
    const file = await open(path, how);
    Deno.removeSync(path);
    return file;
  };
  try {
    const path = directory.at("log");
    await using _log = await WriteAheadLog.open(path);
    await assertLogError(WriteAheadLog.open(path), "IN_USE");
  } finally {
    Deno.open = open;
  }
});

/** Does something the next time a log is open for appending, and not locked yet. */
function whenOpened(action: () => unknown): Disposable {
  const { open } = AioFile;
  let isDone = false;
  AioFile.open = async (path, how) => {
    const file = await open.call(AioFile, path, how);
    if (typeof how === "object" && how.append && !isDone) {
      isDone = true;
      await action();
    }
    return file;
  };
  return { [Symbol.dispose]: () => AioFile.open = open };
}

test(
  "WriteAheadLog.open() refuses a log that a checkpoint replaces before it is locked",
  {
    ignore: !isLinux,
  },
  async (directory) => {
    const path = directory.at("log");
    await using log = await WriteAheadLog.open(path);
    await log.append(encode("one"));
    Deno.removeSync(`${path}.lock`);
    {
      using _hook = whenOpened(() => log.checkpoint());
      await assertLogError(WriteAheadLog.open(path), "IN_USE");
    }
    assertEquals(await log.append(encode("two")), 2);
    assertEquals(await textsOf(log), ["2 two"]);
  },
);

test(
  "WriteAheadLog.open() takes the log that a checkpoint has put in the place of the one it opened",
  {
    ignore: !isLinux,
  },
  async (directory) => {
    const path = directory.at("log");
    const log = await WriteAheadLog.open(path);
    await log.append(encode("one"));
    await log.append(encode("two"));
    Deno.removeSync(`${path}.lock`);
    using _hook = whenOpened(async () => {
      await log.checkpoint(1);
      await log.close();
    });
    await using again = await WriteAheadLog.open(path);
    assertEquals(await again.append(encode("three")), 3);
    assertEquals(await textsOf(again), ["2 two", "3 three"]);
  },
);

test("WriteAheadLog.checkpoint() leaves nobody a moment to take the log over", {
  ignore: !isLinux,
}, async (directory) => {
  const path = directory.at("log");
  await using log = await WriteAheadLog.open(path);
  await log.append(encode("one"));
  Deno.removeSync(`${path}.lock`);
  const refused: LogError[] = [];
  {
    using _hook = whenOpened(async () => {
      refused.push(await assertLogError(WriteAheadLog.open(path), "IN_USE"));
    });
    await log.checkpoint();
  }
  assertEquals(refused.length, 1);
  assertEquals(await log.append(encode("two")), 2);
  assertEquals(await textsOf(log), ["2 two"]);
  await assertLogError(WriteAheadLog.open(path), "IN_USE");
});

test("WriteAheadLog.open() leaves no lock behind when it cannot tell whose a name is", async (directory) => {
  const path = directory.at("log");
  const { open } = Deno;
  const failing = () => Promise.reject(new Error("cannot tell"));
  Deno.open = async (path, how) => {
    Deno.open = open;
    return Object.assign(await open(path, how), { stat: failing });
  };
  try {
    await assertRejects(() => WriteAheadLog.open(path), Error, "cannot tell");
  } finally {
    Deno.open = open;
  }
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals(await log.append(encode("one")), 1);
  }
  const { stat } = AioFile.prototype;
  AioFile.prototype.stat = failing;
  try {
    await assertRejects(() => WriteAheadLog.open(path), Error, "cannot tell");
  } finally {
    AioFile.prototype.stat = stat;
  }
  await using log = await WriteAheadLog.open(path);
  assertEquals(await log.append(encode("two")), 2);
});

test("WriteAheadLog.open() keeps the name locked until a log that it refuses is closed", async (directory) => {
  const contents = flipped(await closed(directory, "one"), HEADER_BYTES);
  const path = directory.file(contents);
  Deno.writeTextFileSync(`${path}.lock`, "");
  const { close } = AioFile.prototype;
  const isFree: boolean[] = [];
  AioFile.prototype.close = async function () {
    using lock = await Deno.open(`${path}.lock`, { write: true });
    isFree.push(await lock.tryLock(true));
    await close.call(this);
  };
  try {
    await assertLogError(WriteAheadLog.open(path), "DAMAGED");
  } finally {
    AioFile.prototype.close = close;
  }
  // What it was looked at with before, what it was scanned with, and what it was to be
  // appended to.
  assertEquals(isFree, [true, false, false]);
});

test("WriteAheadLog.open() cuts off the last record, wherever it is torn", async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const last = contents.length - FRAME_HEAD_BYTES - "three".length;
  for (let length = last; length < contents.length; length++) {
    await assertRecovers(
      directory.at("log"),
      contents.subarray(0, length),
      ["1 one", "2 two"],
      length - last,
      0,
    );
  }
  await assertRecovers(
    directory.at("log"),
    contents,
    ["1 one", "2 two", "3 three"],
    0,
  );
});

test("WriteAheadLog.open() cuts off a last record with any byte changed, unless it was closed", async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const whole = await closed(directory, "one", "two", "three");
  const last = contents.length - FRAME_HEAD_BYTES - "three".length;
  for (let at = last; at < contents.length; at++) {
    await assertRecovers(
      directory.at("log"),
      flipped(contents, at),
      ["1 one", "2 two"],
      contents.length - last,
    );
    await assertDamaged(directory.at("log"), flipped(whole, at), [
      "one",
      "two",
    ]);
  }
});

test("WriteAheadLog.open() cuts off what is behind the last record", async (directory) => {
  const path = directory.at("log");
  const contents = await crashed(directory, "one", "two");
  const other = await crashed(directory, "eins", "zwei", "drei", "vier");
  const tails = {
    "a byte": encode("x"),
    "zeros": new Uint8Array(3 * MIB),
    "all bits set": new Uint8Array(10_000).fill(0xff),
    "noise": crypto.getRandomValues(new Uint8Array(60_000)),
    "frames of another log": other.subarray(HEADER_BYTES),
    "another log": other,
    "zeros, and frames of another log": concat([new Uint8Array(777), other]),
  };
  for (const tail of Object.values(tails)) {
    const all = concat([contents, tail]);
    await assertRecovers(path, all, ["1 one", "2 two"], tail.length);
  }
});

test("WriteAheadLog.open() cuts off an older frame within a torn record", async (directory) => {
  const before = await crashed(directory, "one", "two", "three");
  const path = directory.file(before);
  let contents;
  {
    // A record that is a copy of the log it is in.
    await using log = await WriteAheadLog.open(path);
    await log.append(before);
    contents = Deno.readFileSync(path);
  }
  const tornBytes = FRAME_HEAD_BYTES + before.length;
  await assertRecovers(
    path,
    flipped(contents, before.length + 1),
    ["1 one", "2 two", "3 three"],
    tornBytes,
  );
});

test("WriteAheadLog.open() drops whole records behind a hole that nobody was told of", async (directory) => {
  const path = directory.at("log");
  let contents, hole;
  {
    await using log = await WriteAheadLog.open(path);
    await log.append(encode("one"));
    hole = Deno.statSync(path).size;
    // None of them knows another to be on disk.
    await Promise.all(
      ["two", "three", "four"].map((text) => log.append(encode(text))),
    );
    contents = Deno.readFileSync(path);
  }
  const end = hole + FRAME_HEAD_BYTES + "two".length;
  const zeroed = contents.slice().fill(0, hole, end);
  await assertRecovers(path, zeroed, ["1 one"], contents.length - hole);
  const missing = [contents.subarray(0, hole), contents.subarray(end)];
  const torn = contents.length - end;
  await assertRecovers(path, concat(missing), ["1 one"], torn, 2);
});

test("WriteAheadLog.open() refuses a log with a record damaged that was acknowledged", async (directory) => {
  const path = directory.at("log");
  const contents = await crashed(directory, "one", "two", "three", "four");
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  const third = second + FRAME_HEAD_BYTES + "two".length;
  for (let at = second; at < third; at++) {
    await assertDamaged(path, flipped(contents, at), ["one"]);
  }
  const zeroed = contents.slice().fill(0, second, third);
  await assertDamaged(path, zeroed, ["one"]);
  const [before, after] = [
    contents.subarray(0, second),
    contents.subarray(third),
  ];
  await assertDamaged(path, concat([before, after]), ["one"]);
  const doubled = concat([
    contents.subarray(0, third),
    contents.subarray(second),
  ]);
  await assertDamaged(path, doubled, ["one", "two"]);
});

test("WriteAheadLog.open() finds damage far before the next whole record", async (directory) => {
  const path = directory.at("log");
  const big = pattern(3 * MIB);
  const contents = await crashed(directory, "one", big, "three", "four");
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  await assertDamaged(path, flipped(contents, second + 2 * MIB), ["one"]);
  await assertDamaged(path, flipped(contents, second + 5), ["one"]);
});

test("WriteAheadLog.open() finds damage by a later head, though its record is damaged as well", async (directory) => {
  const path = directory.at("log");
  const contents = await crashed(directory, "one", "two", "three");
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  const both = flipped(flipped(contents, second), contents.length - 1);
  await assertDamaged(path, both, ["one"]);
});

test("WriteAheadLog.open() finds damage by a head wherever it is in what is read at once", async (directory) => {
  const path = directory.at("log");
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  for (let rest = 1; rest <= FRAME_HEAD_BYTES; rest += 9) {
    const big = pattern(MIB - FRAME_HEAD_BYTES - rest);
    const contents = await crashed(directory, "one", big, "three");
    await assertDamaged(path, flipped(contents, second), ["one"]);
  }
});

test("WriteAheadLog.open() finds that the record before a gap is missing", async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const path = directory.file(flipped(contents, contents.length - 1));
  const log = await WriteAheadLog.open(path);
  const gapped = Deno.readFileSync(path);
  await log.close();
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  const third = second + FRAME_HEAD_BYTES + "two".length;
  const [before, gap] = [
    gapped.subarray(0, second),
    gapped.subarray(third),
  ];
  await assertDamaged(path, concat([before, gap]), ["one"]);
});

test("WriteAheadLog.open() finds damage before numbers that go far beyond the file", async (directory) => {
  const path = directory.at("log");
  const contents = await crashed(directory, "one", "two");
  Deno.writeFileSync(path, concat([contents, new Uint8Array(3 * MIB)]));
  {
    await using log = await WriteAheadLog.open(path);
    assert(await log.append(encode("next")) > 100_000);
  }
  const whole = Deno.readFileSync(path);
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  await assertDamaged(path, flipped(whole, second), ["one"]);
  const next = contents.length + FRAME_HEAD_BYTES;
  await assertDamaged(path, flipped(whole, contents.length), ["one", "two"]);
  Deno.writeFileSync(path, flipped(whole, next));
  await assertLogError(WriteAheadLog.open(path), "DAMAGED");
});

/** A torn record of heads that look as if they knew the next record to be on disk. */
function heads(
  bytes: Uint8Array<ArrayBuffer>,
  distance: number,
  lengthAt: (at: number) => number,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + FRAME_HEAD_BYTES <= bytes.length; at += distance) {
    view.setUint32(at + 8, lengthAt(at), true);
    view.setUint32(at + 12, 3, true);
    view.setUint32(at + 20, 3, true);
  }
  return bytes;
}

// Longer than what is read at once.
const TAIL_BYTES = MIB * 5 / 4;
const TAILS: [string, Uint8Array][] = [
  [
    "heads of long records",
    heads(
      new Uint8Array(TAIL_BYTES),
      FRAME_HEAD_BYTES,
      (at) => TAIL_BYTES - at - FRAME_HEAD_BYTES,
    ),
  ],
  [
    "heads of empty records",
    heads(new Uint8Array(TAIL_BYTES), FRAME_HEAD_BYTES, () => 0),
  ],
  ["heads that overlap", heads(new Uint8Array(TAIL_BYTES), 8, () => 3)],
];
for (const [what, tail] of TAILS) {
  // The log itself refuses to take more checksums than CHECKSUMS_PER_BYTE_MAX.
  test(`WriteAheadLog.open() goes through a torn tail a few times, though it is made of ${what}`, async (directory) => {
    const contents = await crashed(directory, "one", "two");
    const path = directory.file(concat([contents, tail]));
    const before = metrics().submitted;
    {
      await using log = await WriteAheadLog.open(path);
      assertEquals(log.recovered.tornBytes, tail.length);
      assertEquals(await textsOf(log), ["1 one", "2 two"]);
    }
    const requests = metrics().submitted - before;
    assert(requests < 50, `${requests} requests`);
  });
}

test("WriteAheadLog.open() gives no number again that may have been told", async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const path = directory.file(flipped(contents, contents.length - 1));
  let left;
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals([log.recovered.last, log.durable], [2, 3]);
    assertEquals(await textsOf(log), ["1 one", "2 two"]);
    left = Deno.readFileSync(path);
  }
  // As if it had been killed before it appended anything, and again amid a record.
  for (const torn of ["", "x", "x".repeat(FRAME_HEAD_BYTES)]) {
    Deno.writeFileSync(path, concat([left, encode(torn)]));
    const next = 4 + framesIn(torn.length);
    await using log = await WriteAheadLog.open(path);
    assertEquals(log.recovered.next, next);
    assertEquals(await log.append(encode("four")), next);
    assertEquals(await log.append(encode("five")), next + 1);
    const texts = [`${next} four`, `${next + 1} five`];
    assertEquals(await textsOf(log), ["1 one", "2 two", ...texts]);
    assertEquals(await textsOf(log, 3), texts);
  }
  const { records, summary } = await read(path);
  assertEquals(records.map(({ sequence }) => sequence), [1, 2, 5, 6]);
  assertEquals([summary!.first, summary!.last, summary!.isClosed], [
    1,
    6,
    true,
  ]);
});

test("WriteAheadLog.open() gives no number again of a log with no record left", async (directory) => {
  const contents = await crashed(directory, "one");
  const path = directory.file(flipped(contents, contents.length - 1));
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals([log.first, log.durable], [2, 1]);
    assertEquals(await textsOf(log), []);
  }
  const { records, summary } = await read(path);
  assertEquals(records, []);
  assertEquals([summary!.first, summary!.last, summary!.next], [2, 1, 2]);
  assertEquals(summary!.isClosed, true);
  await using log = await WriteAheadLog.open(path);
  assertEquals(await log.append(encode("two")), 2);
  assertEquals(log.first, 2);
});

test("WriteAheadLog.open() goes on where another had not yet cut off the tail", async (directory) => {
  const path = directory.at("log");
  let contents;
  {
    await using log = await WriteAheadLog.open(path);
    await log.append(encode("one"));
    // The gap takes the place of the second, and leaves the third and the fourth whole.
    await Promise.all(
      ["", "three", "four"].map((text) => log.append(encode(text))),
    );
    contents = Deno.readFileSync(path);
  }
  const second = HEADER_BYTES + FRAME_HEAD_BYTES + "one".length;
  Deno.writeFileSync(path, flipped(contents, second));
  const log = await WriteAheadLog.open(path);
  const gapped = Deno.readFileSync(path);
  await log.close();
  assertEquals(gapped.length, second + FRAME_HEAD_BYTES);
  const leftOver = contents.subarray(gapped.length);
  Deno.writeFileSync(path, concat([gapped, leftOver]));
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals(log.recovered.tornBytes, leftOver.length);
    assertEquals(await textsOf(log), ["1 one"]);
    assert(await log.append(encode("next")) > 4);
  }
  const { records } = await read(path);
  assertEquals(records.map(({ data }) => decode(data)), ["one", "next"]);
});

test("WriteAheadLog.append() takes records longer than any buffer, but not without bound", async (directory) => {
  const path = directory.at("log");
  const records = [40 * MIB + 17, 3, MIB, 0, 5 * MIB].map((length, index) =>
    pattern(length, index)
  );
  {
    await using log = await WriteAheadLog.open(path);
    const numbers = records.map((record) => log.append(record));
    assertEquals(await Promise.all(numbers), [1, 2, 3, 4, 5]);
    const tooLong = new Uint8Array(256 * MIB + 1);
    await assertRejects(() => log.append(tooLong), RangeError);
    // deno-lint-ignore no-explicit-any
    await assertRejects(() => log.append("text" as any), TypeError);
    assertEquals(await log.append(encode("last")), 6);
  }
  const { records: found } = await read(path);
  assertEquals(found.length, 6);
  records.forEach((record, index) => assertBytes(found[index].data, record));
});

test("WriteAheadLog.append() copies the record before it returns", async (directory) => {
  const path = directory.at("log");
  await using log = await WriteAheadLog.open(path);
  const record = encode("before");
  const appending = log.append(record);
  record.fill(0);
  await appending;
  assertEquals(await textsOf(log), ["1 before"]);
});

test("WriteAheadLog.append() keeps the order of many writers, and acknowledges in it", async (directory) => {
  const path = directory.at("log");
  const acknowledged: number[] = [];
  const expected = new Map<number, string>();
  {
    await using log = await WriteAheadLog.open(path);
    const write = async (writer: number) => {
      let before = 0;
      for (let number = 0; number < 50; number++) {
        const text = `${writer}:${number}`.padEnd(writer * 7);
        const sequence = await log.append(encode(text));
        assert(sequence > before && log.durable >= sequence);
        acknowledged.push(before = sequence);
        expected.set(sequence, text);
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)));
  }
  const inOrder = Array.from({ length: 64 * 50 }, (_, index) => index + 1);
  assertEquals(acknowledged, inOrder);
  const { records } = await read(path);
  assertEquals(records.map(({ sequence }) => sequence), inOrder);
  for (const { sequence, data } of records) {
    assertEquals(decode(data), expected.get(sequence));
  }
});

test("WriteAheadLog.append() and checkpoint() reject when the log is closed", async (directory) => {
  const log = await WriteAheadLog.open(directory.at("log"));
  const appending = log.append(encode("one"));
  const closing = log.close();
  await assertLogError(log.append(encode("two")), "CLOSED");
  assertEquals(await appending, 1);
  await closing;
  await log.close();
  await assertLogError(log.checkpoint(), "CLOSED");
  const { records, summary } = await read(directory.at("log"));
  assertEquals([records.length, summary!.isClosed], [1, true]);
});

test("WriteAheadLog.records() gives what is on disk at the time of the call, from a number on", async (directory) => {
  await using log = await WriteAheadLog.open(directory.at("log"));
  for (const text of ["a", "b", "c", "d"]) await log.append(encode(text));
  assertEquals(await textsOf(log, 3), ["3 c", "4 d"]);
  assertEquals(await textsOf(log, 5), []);
  const reading = log.records();
  await reading.next();
  for (let number = 0; number < 100; number++) await log.append(encode("e"));
  const rest = [];
  for await (const { sequence } of reading) rest.push(sequence);
  assertEquals(rest, [2, 3, 4]);
  assertEquals((await textsOf(log)).length, 104);
});

test("WriteAheadLog.checkpoint() forgets records up to a number, and numbers go on", async (directory) => {
  const path = directory.at("log");
  {
    await using log = await WriteAheadLog.open(path);
    for (const text of ["a", "b", "c", "d"]) await log.append(encode(text));
    await assertRejects(() => log.checkpoint(5), RangeError);
    await log.checkpoint(0);
    assertEquals(log.first, 1);
    await log.checkpoint(2);
    assertEquals(log.first, 3);
    assertEquals(await textsOf(log), ["3 c", "4 d"]);
    await log.checkpoint(1);
    assertEquals(await log.append(encode("e")), 5);
  }
  {
    await using log = await WriteAheadLog.open(path);
    assertEquals([log.first, log.durable], [3, 5]);
    assertEquals(await textsOf(log), ["3 c", "4 d", "5 e"]);
    await log.checkpoint();
    assertEquals(await textsOf(log), []);
    assert(Deno.statSync(path).size <= HEADER_BYTES + FRAME_HEAD_BYTES);
  }
  await using log = await WriteAheadLog.open(path);
  assertEquals([log.first, log.durable], [6, 5]);
  assertEquals(await log.append(encode("f")), 6);
  const names = [...Deno.readDirSync(directory.path)].map(({ name }) => name);
  assertEquals(names.sort(), ["log", "log.lock"]);
});

test("WriteAheadLog.checkpoint() forgets up to a number that no record has", async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  // Of a head that is damaged it is not known how many records were behind it.
  const damaged = contents.length - FRAME_HEAD_BYTES - "three".length;
  const torn = concat([
    flipped(contents, damaged),
    new Uint8Array(3 * FRAME_HEAD_BYTES),
  ]);
  for (const upTo of [1, 2, 4, 6]) {
    const path = directory.file(torn);
    {
      await using log = await WriteAheadLog.open(path);
      assertEquals(log.durable, 6);
      assertEquals(await log.append(encode("seven")), 7);
      await log.checkpoint(upTo);
      assertEquals(log.first, upTo === 1 ? 2 : 7);
      assertEquals(await log.append(encode("eight")), 8);
    }
    const texts = ["7 seven", "8 eight"];
    await using log = await WriteAheadLog.open(path);
    assertEquals(
      await textsOf(log),
      upTo === 1 ? ["2 two", ...texts] : texts,
    );
  }
  const path = directory.file(torn);
  await using log = await WriteAheadLog.open(path);
  await log.checkpoint(4);
  assertEquals([log.first, log.durable], [7, 6]);
  assertEquals(await log.append(encode("seven")), 7);
});

test("WriteAheadLog.checkpoint() loses nothing of writers that go on meanwhile", async (directory) => {
  const path = directory.at("log");
  const acknowledged = new Map<number, string>();
  let forgotten = 0;
  {
    await using log = await WriteAheadLog.open(path);
    const write = async (writer: number) => {
      for (let number = 0; number < 40; number++) {
        const text = `${writer}:${number}`;
        acknowledged.set(await log.append(encode(text)), text);
      }
    };
    const writing = Promise.all(
      Array.from({ length: 16 }, (_, writer) => write(writer)),
    );
    const numbers = () => [...acknowledged.keys()];
    for (let round = 0; round < 5; round++) {
      await log.append(encode("mark")).then((at) =>
        acknowledged.set(at, "mark")
      );
      forgotten = numbers().length - 3;
      await Promise.all([log.checkpoint(forgotten), log.checkpoint(forgotten)]);
      assertEquals(log.first, forgotten + 1);
    }
    await writing;
  }
  const { records } = await read(path);
  assertEquals(records[0].sequence, forgotten + 1);
  assertEquals(records.at(-1)!.sequence, 16 * 40 + 5);
  for (const { sequence, data } of records) {
    assertEquals(decode(data), acknowledged.get(sequence));
  }
});

test("WriteAheadLog.append() keeps the order of the calls behind a checkpoint", async (directory) => {
  await using log = await WriteAheadLog.open(directory.at("log"));
  for (const text of ["a", "b"]) await log.append(encode(text));
  const checkpoint = log.checkpoint(1);
  const waiting = ["c", "d"].map((text) => log.append(encode(text)));
  await checkpoint;
  const later = ["e", "f"].map((text) => log.append(encode(text)));
  assertEquals(await Promise.all([...waiting, ...later]), [3, 4, 5, 6]);
});

test("WriteAheadLog.checkpoint() begins anew what a crash has left of another", async (directory) => {
  const path = directory.at("log");
  Deno.writeFileSync(directory.at(".log.new"), pattern(100_000));
  Deno.chmodSync(directory.at(".log.new"), 0o777);
  await using log = await WriteAheadLog.open(path);
  await log.append(encode("one"));
  Deno.chmodSync(path, 0o640);
  await log.checkpoint();
  assertEquals(Deno.statSync(path).size, HEADER_BYTES);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o640);
});

/** What tests/programs/wal_writers.ts prints. */
interface Outcomes {
  acknowledged: [sequence: number, text: string][];
  failures: { is: string; cause: string; errno: number }[];
  durable: number;
}

/**
 * Asserts that writers met a failure and stayed with it, that everything acknowledged
 * is in the log, and that it can be appended to again.
 */
async function assertFailedHonestly(
  path: string,
  { acknowledged, failures, durable }: Outcomes,
  cause: string,
): Promise<void> {
  assert(acknowledged.length > 0 && failures.length > 0);
  for (const failure of failures) {
    assertEquals({ is: failure.is, cause: failure.cause }, {
      is: "FAILED",
      cause,
    });
  }
  const numbers = acknowledged.map(([sequence]) => sequence);
  assertEquals(numbers, numbers.map((_, index) => index + 1));
  assertEquals(durable, numbers.length);
  await using log = await WriteAheadLog.open(path);
  assertEquals(log.recovered.isClosed, false);
  assert(log.durable >= durable);
  const texts = await textsOf(log);
  acknowledged.forEach(([sequence, text], index) =>
    assertEquals(texts[index], `${sequence} ${text}`)
  );
  const next = texts.length + 1;
  assertEquals(await log.append(encode("next")), next);
  assertEquals(await textsOf(log), [...texts, `${next} next`]);
}

for (const [writers, size_bytes] of [[1, 3000], [64, 100], [64, 5000]]) {
  test(
    `WriteAheadLog.append() stays failed past the limit of the file size, with ${writers} writers of ${size_bytes} bytes`,
    { ignore: !isLinux },
    async (directory) => {
      const path = directory.at("log");
      const limited = `trap '' XFSZ; ulimit -S -f 1000; exec "$@"`;
      const outcomes = await report("wal_writers", {
        args: [path, writers, 1000, size_bytes].map(String),
        wrapper: ["bash", "-c", limited, "bash"],
      });
      await assertFailedHonestly(path, outcomes, "EFBIG");
      assertEquals(outcomes.failures.length, writers * 1000 - outcomes.durable);
    },
  );
}

for (
  const [what, injection, cause] of [
    ["a synchronization", "fdatasync:error=EIO:when=9", "EIO"],
    ["a write", "pwrite64:error=ENOSPC:when=9", "ENOSPC"],
  ]
) {
  for (const writers of [1, 64]) {
    test(
      `WriteAheadLog.append() stays failed after ${what} of ${writers} writers has failed once`,
      { ignore: !canTrace },
      async (directory) => {
        const path = directory.at("log");
        const args = [path, writers, 100, 50].map(String);
        const outcomes = await report("wal_writers", {
          args,
          wrapper: strace(
            "/dev/null",
            ...["-e", "trace=pwrite64,fdatasync", "-P", path],
            ...["-e", `inject=${injection}`],
          ),
        });
        await assertFailedHonestly(path, outcomes, cause);
        assertEquals(
          outcomes.failures.length,
          writers * 100 - outcomes.durable,
        );
      },
    );
  }
}

/** The calls that decide what is on disk when, each with the names of its files. */
async function traced(directory: Directory, args: string[]): Promise<string[]> {
  const record = directory.at("record");
  await report("wal_writers", {
    args,
    wrapper: strace(
      record,
      ...["-y", "-e", "trace=pwrite64,fdatasync,fsync,/^rename,ftruncate"],
    ),
  });
  return Deno.readTextFileSync(record).split("\n").filter((line) =>
    line.includes(directory.path)
  ).map((line) => line.replace(/^\d+ +/, "").replaceAll(directory.path, "DIR"));
}

test(
  "WriteAheadLog.open() has the name of a new log on disk before the first record",
  { ignore: !canTrace },
  async (directory) => {
    const calls = await traced(directory, [directory.at("log"), "1", "1", "1"]);
    const steps = [
      /^fsync\(\d+<DIR\/\.log\.new>/,
      /^rename\w*\(.*"DIR\/\.log\.new", .*"DIR\/log"/, // renameat on ARM64
      /^fsync\(\d+<DIR>\)/,
      /^pwrite64\(\d+<DIR\/log>/,
      /^fdatasync\(\d+<DIR\/log>\)/,
    ];
    let at = -1;
    for (const step of steps) {
      const next = calls.findIndex((call, index) =>
        index > at && step.test(call)
      );
      assert(next > at, `${step} is not there in\n${calls.join("\n")}`);
      at = next;
    }
  },
);

test("WriteAheadLog.open() writes again what may be in the page cache alone", {
  ignore: !canTrace,
}, async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const last = contents.length - FRAME_HEAD_BYTES - "three".length;
  const path = directory.file(concat([contents, encode("torn")]));
  const calls = await traced(directory, [path, "1", "1", "1"]);
  const cut = calls.findIndex((call) => call.startsWith("ftruncate("));
  assertStringIncludes(calls[cut], `, ${contents.length})`);
  const rewritten = calls.findIndex((call) => call.startsWith("pwrite64("));
  const [, length, offset] = calls[rewritten].match(/, (\d+), (\d+)\)/)!;
  assert(Number(offset) <= last);
  assertEquals(Number(offset) + Number(length), contents.length);
  const synced = calls.findIndex((call) => call.startsWith("fsync("));
  assert(rewritten < synced && cut < synced, calls.join("\n"));
  const appended = calls.findIndex((call, index) =>
    index > rewritten && call.startsWith("pwrite64(")
  );
  assert(synced < appended, calls.join("\n"));
});

test("WriteAheadLog.open() has a gap on disk before it cuts off the tail", {
  ignore: !canTrace,
}, async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const end = contents.length - FRAME_HEAD_BYTES - "three".length;
  const path = directory.file(flipped(contents, contents.length - 1));
  const calls = await traced(directory, [path, "1", "1", "1"]);
  const steps = calls.filter((call) => !call.includes("<DIR>"));
  const of = (pattern: RegExp) => steps.findIndex((call) => pattern.test(call));
  const gap = of(RegExp(`^pwrite64.*, ${FRAME_HEAD_BYTES}, ${end}\\)`));
  const cut = of(RegExp(`^ftruncate.*, ${end + FRAME_HEAD_BYTES}\\)`));
  assert(gap > 0 && cut > 0, steps.join("\n"));
  // What is before it is on disk before it says so.
  for (const at of [gap - 1, gap + 1, cut + 1]) {
    assert(steps[at].startsWith("fsync("), steps.join("\n"));
  }
  assertEquals(cut, gap + 2);
});

// The program.

const assertFailed = assertFailedAs("wal");

function spawn(...args: string[]): Deno.ChildProcess {
  return start([...commandOf("wal"), ...args], { stdin: "piped" });
}

function wal(
  args: string[],
  input: string | Uint8Array = "",
  permissions?: string[],
): Promise<Finished> {
  return execute([...commandOf("wal", permissions), ...args], { input });
}

function assertPrinted(result: Finished, stdout: string, stderr = ""): void {
  assertEquals(result, { code: 0, stdout, stderr });
}

test("wal.ts append takes lines as records, and dump gives them back", async (directory) => {
  const log = directory.at("log");
  const lines = "one\n\nthree \xff\0\nfour";
  assertPrinted(await wal(["append", log], lines), "1\n2\n3\n4\n");
  assertPrinted(await wal(["append", "--quiet", log], "five\n"), "");
  assertPrinted(await wal(["append", log]), "");
  assertPrinted(await wal(["dump", log]), `${lines}\nfive\n`);
  assertPrinted(await wal(["dump", "--from=4", log]), "four\nfive\n");
  const json = await wal(["dump", "--from=5", "--json", log]);
  const { sequence, data } = JSON.parse(json.stdout);
  assertEquals([sequence, atob(data)], [5, "five"]);
});

test("wal.ts append takes more lines than may be in flight, and long ones", async (directory) => {
  const log = directory.at("log");
  const lines = Array.from({ length: 5000 }, (_, at) => `${at}`.repeat(at % 9));
  lines.push("x".repeat(3 * MIB), "last");
  const input = lines.join("\n") + "\n";
  const appended = await wal(["append", log], input);
  const numbers = lines.map((_, at) => `${at + 1}\n`).join("");
  assertPrinted(appended, numbers);
  assertPrinted(await wal(["dump", log]), input);
});

test("wal.ts append acknowledges a line while more are to come", async (directory) => {
  const child = spawn("append", directory.at("log"));
  const writer = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let number = 1; number <= 3; number++) {
    await writer.write(encode("line\n"));
    assertEquals((await output.read()).value, `${number}\n`);
  }
  await writer.close();
  assertEquals((await output.read()).done, true);
  assertEquals((await child.status).code, 0);
  await child.stderr.cancel();
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`wal.ts append closes the log on ${signal}`, async (directory) => {
    const log = directory.at("log");
    const child = spawn("append", log);
    const writer = child.stdin.getWriter();
    const output = child.stdout.getReader();
    await writer.write(encode("one\ntwo\nhalf"));
    for (let text = ""; text !== "1\n2\n";) {
      text += decode((await output.read()).value!);
    }
    child.kill(signal);
    assertEquals((await output.read()).done, true);
    assertEquals((await child.status).code, code);
    assertEquals(
      await new Response(child.stderr).text(),
      `wal: stopped by ${signal}\n`,
    );
    await writer.close().catch(() => {});
    const { records, summary } = await read(log);
    assertEquals(records.map(({ data }) => decode(data)), ["one", "two"]);
    assertEquals(summary!.isClosed, true);
  });
}

test("wal.ts tells of a torn tail, and append cuts it off", async (directory) => {
  const contents = await crashed(directory, "one", "two");
  const log = directory.file(concat([contents, encode("torn")]));
  const tail = "a torn tail of 4 bytes behind record 2";
  const dumped = await wal(["dump", log]);
  assertEquals([dumped.code, dumped.stdout], [0, "one\ntwo\n"]);
  assertStringIncludes(dumped.stderr, tail);
  const verified = await wal(["verify", log]);
  assertEquals(verified.code, 0);
  assertStringIncludes(verified.stdout, "records 1 to 2");
  assertStringIncludes(verified.stdout, "not closed");
  assertStringIncludes(verified.stdout, tail);
  const appended = await wal(["append", log], "three\n");
  assertEquals([appended.code, appended.stdout], [0, "3\n"]);
  assertStringIncludes(appended.stderr, `cut off ${tail}`);
  assertPrinted(await wal(["dump", log]), "one\ntwo\nthree\n");
  const json = await wal(["verify", "--json", log]);
  assertEquals(JSON.parse(json.stdout), {
    first: 1,
    last: 3,
    next: 4,
    bytes: Deno.statSync(log).size,
    tornBytes: 0,
    tornRecords: 0,
    isClosed: true,
  });
});

test("wal.ts says that records may be lost, and leaves their numbers free", async (directory) => {
  const contents = await crashed(directory, "one", "two", "three");
  const log = directory.file(flipped(contents, contents.length - 1));
  const tail = "a torn tail of 33 bytes behind record 2: records that were " +
    "acknowledged may have been in it, and no other record gets their numbers " +
    "(3 at most)\n";
  const verified = await wal(["verify", log]);
  assertEquals(verified.code, 0);
  assertStringIncludes(verified.stdout, "records 1 to 2, ");
  assertStringIncludes(verified.stdout, tail);
  const appended = await wal(["append", log], "four\n");
  assertEquals([appended.code, appended.stdout], [0, "4\n"]);
  assertEquals(appended.stderr, `wal: cut off ${tail}`);
  const again = await wal(["verify", log]);
  const numbers = "records 1 to 4 without 1 of these numbers, ";
  assertStringIncludes(again.stdout, numbers);
  const checkpointed = await wal(["checkpoint", "--up-to=2", log]);
  assertPrinted(checkpointed, `${log}: records 4 to 4\n`);
  Deno.writeFileSync(log, flipped(contents, contents.length - 1));
  const first = await wal(["checkpoint", "--up-to=1", log]);
  assertPrinted(first, `${log}: records 2 to 2\n`);
  const gapped = Deno.readFileSync(log);
  Deno.writeFileSync(log, concat([gapped, new Uint8Array(FRAME_HEAD_BYTES)]));
  const twice = await wal(["dump", log]);
  assertStringIncludes(twice.stderr, "behind record 2: ");
  assertStringIncludes(twice.stderr, "(4 at most)\n");
  const damaged = contents.slice().fill(0, contents.length - 60);
  Deno.writeFileSync(log, damaged);
  const dumped = await wal(["dump", log]);
  assertStringIncludes(dumped.stderr, "behind record 1: ");
  assertStringIncludes(dumped.stderr, "(2 to 3 at most)\n");
});

test("wal.ts reports damage, and exits with 1", async (directory) => {
  const contents = await closed(directory, "one", "two", "three");
  const log = directory.file(flipped(contents, contents.length - 30));
  const damage = `${log} is damaged at byte `;
  const dumped = await wal(["dump", log]);
  assertFailed(dumped, 1, damage);
  assertEquals(dumped.stdout, "one\ntwo\n");
  for (const command of ["verify", "append", "checkpoint"]) {
    assertFailed(await wal([command, log], "x\n"), 1, damage);
  }
  assertBytes(
    Deno.readFileSync(log),
    flipped(contents, contents.length - 30),
  );
});

test("wal.ts checkpoint forgets records", async (directory) => {
  const log = directory.at("log");
  await wal(["append", log], "one\ntwo\nthree\n");
  const some = await wal(["checkpoint", "--up-to=2", log]);
  assertPrinted(some, `${log}: records 3 to 3\n`);
  assertPrinted(await wal(["dump", log]), "three\n");
  const tooMany = await wal(["checkpoint", "--up-to=4", log]);
  assertFailed(tooMany, 1, "cannot forget up to record 4");
  const all = await wal(["checkpoint", log]);
  assertPrinted(all, `${log}: no records\n`);
  assertPrinted(await wal(["append", log], "four\n"), "4\n");
});

test("wal.ts bench measures with a log of its own, and leaves nothing", async (directory) => {
  const args = ["--seconds=1", "--writers=8", "--size=20", "--json"];
  const result = await wal(["bench", ...args, directory.at("log")]);
  assertEquals(result.code, 0, result.stderr);
  const figures = JSON.parse(result.stdout);
  assertEquals([figures.writers, figures.size], [8, 20]);
  assert(figures.appends >= 8 && figures.perSecond > 0);
  assert(figures.latency_ms.p50 <= figures.latency_ms.max);
  assertEquals([...Deno.readDirSync(directory.path)], []);
  const log = directory.file("mine");
  assertFailed(await wal(["bench", log]), 1, "exists already");
  assertEquals(Deno.readTextFileSync(log), "mine");
});

test("wal.ts bench leaves the lock of another process, and a file that was there by its name", async (directory) => {
  const log = directory.at("log");
  const lock = `${log}.lock`;
  Deno.writeTextFileSync(lock, "mine");
  {
    using held = Deno.openSync(lock, { write: true });
    held.lockSync(true);
    const refused = await wal(["bench", "--seconds=1", log]);
    assertFailed(refused, 1, "is in use by another process");
    assertEquals(Deno.readTextFileSync(lock), "mine");
  }
  const { code, stderr } = await wal(["bench", "--seconds=1", log]);
  assertEquals(code, 0, stderr);
  assertEquals([...Deno.readDirSync(directory.path)].length, 1);
  assertEquals(Deno.readTextFileSync(lock), "mine");
});

test("wal.ts bench leaves symbolic links that lead nowhere", async (directory) => {
  const link = directory.at("link");
  for (const target of ["missing", "link"]) {
    Deno.symlinkSync(target, link);
    assertFailed(await wal(["bench", link]), 1, "exists already");
    assertEquals(Deno.readLinkSync(link), target);
    Deno.removeSync(link);
  }
});

test("wal.ts bench leaves a log that another process has made meanwhile", {
  ignore: !isLinux,
}, async (directory) => {
  const contents = await closed(directory, "one");
  const log = directory.at("log");
  // Opening it waits for a reader, when it is known already that there is no log.
  makeFifo(`${log}.lock`);
  const child = spawn("bench", "--seconds=1", log);
  await untilOpening(child.pid);
  Deno.writeFileSync(log, contents);
  using _reader = await Deno.open(`${log}.lock`);
  assertFailed(await finish(child), 1, "exists already");
  assertEquals((await read(log)).records.length, 1);
});

test("wal.ts bench removes its log while others cannot have it open", {
  ignore: !canTrace,
}, async (directory) => {
  const record = directory.at("record");
  const log = directory.at("log");
  const options = ["-y", "-e", "trace=/^unlink,close"];
  const bench = [...commandOf("wal"), "bench", "--seconds=1", log];
  const result = await execute([...strace(record, ...options), ...bench]);
  assertEquals(result.code, 0, result.stderr);
  const calls = Deno.readTextFileSync(record).split("\n")
    .filter((call) => call.includes(log));
  const of = (pattern: RegExp) =>
    calls.findLastIndex((call) => pattern.test(call));
  const removed = of(RegExp(`unlink.*"${log}"`));
  const lockRemoved = of(RegExp(`unlink.*"${log}\\.lock"`));
  const unlocked = of(RegExp(`close\\(\\d+<${log}\\.lock`));
  assert(removed >= 0 && removed < unlocked, calls.join("\n"));
  assert(lockRemoved >= 0 && lockRemoved < unlocked, calls.join("\n"));
});

test("wal.ts says what it cannot use, and exits with 1", async (directory) => {
  const text = directory.file("a text");
  const missing = directory.at("missing");
  for (const command of ["append", "dump", "verify", "checkpoint"]) {
    assertFailed(await wal([command, text]), 1, "is not a write-ahead log");
  }
  for (const command of ["dump", "verify", "checkpoint"]) {
    assertFailed(
      await wal([command, missing]),
      1,
      `cannot stat "${missing}": No such file`,
    );
  }
  assert(!existsSync(missing));
  const permitted = ["--allow-ffi", "--allow-read"];
  const result = await wal(["append", missing], "x\n", permitted);
  assertFailed(result, 1, "--allow-write");
});

test("wal.ts dump ends without a word when nobody reads on", async (directory) => {
  const log = directory.at("log");
  await wal(["append", "--quiet", log], "line\n".repeat(50_000));
  const child = spawn("dump", log);
  await child.stdin.close();
  const output = child.stdout.getReader();
  assertStringIncludes(decode((await output.read()).value!), "line\n");
  await output.cancel();
  assertEquals((await child.status).code, 141);
  assertEquals(await new Response(child.stderr).text(), "");
});

const MISUSES: [string[], string][] = [
  [["erase", "log"], 'there is no command "erase"'],
  [["dump"], "dump needs one log, not 0 names"],
  [["dump", "a", "b"], "dump needs one log, not 2 names"],
  [["dump", "--quiet", "log"], "dump has no option --quiet"],
  [["dump", "--from=0", "log"], '--from must be 1 or more, not "0"'],
  [["bench", "--writers=x", "log"], '--writers must be 1 to 10000, not "x"'],
  [["append", "--fast", "log"], "Unknown option '--fast'"],
];
for (const [args, message] of MISUSES) {
  test(`parseCommandLine() of wal.ts refuses "${args.join(" ")}"`, () => {
    assertThrows(() => parseCommandLine(args), UsageError, message);
  });
}

test("wal.ts refuses no command, and exits with 2", async () => {
  const result = await wal([]);
  assertFailed(result, 2, "a command is needed");
  assertStringIncludes(result.stderr, "--help");
});

test("wal.ts --help names every command and option", async () => {
  const { code, stdout } = await wal(["--help"]);
  assertEquals(code, 0);
  for (const command of ["append", "dump", "verify", "checkpoint", "bench"]) {
    assertStringIncludes(stdout, `wal.ts ${command} `);
  }
  const options = ["quiet", "from", "json", "up-to", "writers", "seconds"];
  for (const option of [...options, "size", "help"]) {
    assertStringIncludes(stdout, `--${option} `);
  }
});
