/**
 * A tool to use: keeps a write-ahead log on the command line. It appends lines, shows and
 * checks what is there, and measures.
 *
 * ```sh
 * deno run --allow-ffi --allow-read --allow-write examples/wal.ts append LOG < lines
 * ```
 *
 * The log itself is `write_ahead_log.ts`, made to be copied into a project.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs/promises";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import process from "node:process";
import prettyBytes from "pretty-bytes";
import { CommandLine, UsageError } from "./shared/command_line.ts";
import { startBar } from "./shared/progress.ts";
import { abortOnSignal, unlessAborted } from "./shared/stopping.ts";
import { complain, print, runTool } from "./shared/tool.ts";
import { type LogSummary, readLog, WriteAheadLog } from "./write_ahead_log.ts";

/** Input that is faster than the disk waits, rather than take memory. */
const APPENDS_IN_FLIGHT_MAX = 1024;
const BYTES_IN_FLIGHT_MAX = 64 << 20;
const WRITERS_DEFAULT = 64;
const WRITERS_MAX = 10_000;
const SECONDS_DEFAULT = 5;
const SIZE_DEFAULT = 128;
const SIZE_MAX = 1 << 20;
const NEWLINE = 10;

const USAGE = `Keeps a write-ahead log.

usage: wal.ts append LOG           append each line of standard input as a record,
                                   and print its number once it is on disk
       wal.ts dump LOG             print the records, a line each
       wal.ts verify LOG           check the log without changing it
       wal.ts checkpoint LOG       forget all records, or those up to a number
       wal.ts bench LOG            measure appends per second with a new log

  --quiet            append: print no numbers
  --from NUMBER      dump: begin at this record
  --json             dump, verify, bench: print JSON, a line each
                     (the data of a record in base64)
  --up-to NUMBER     checkpoint: the last record to forget (default: the last)
  --writers N        bench: appends in flight, 1 to ${WRITERS_MAX} (default ${WRITERS_DEFAULT})
  --seconds N        bench: how long (default ${SECONDS_DEFAULT})
  --size BYTES       bench: of a record, 0 to ${SIZE_MAX} (default ${SIZE_DEFAULT})
  --help             print this

append makes the log if there is none; bench removes its own at the end.

The torn tail that a crash leaves is no fault: the next append cuts it off. But of
records at the end that are damaged, the log cannot always tell whether they were
acknowledged. Then no other record gets their numbers: where a number is missing,
a record may be lost.

Exit status: 0 done, 1 the log is damaged or could not be used, 2 wrong usage;
129, 130, 143 on SIGHUP, SIGINT, SIGTERM, and 141 if nobody reads the output.`;

/** The commands, with the options each of them takes. */
const OPTIONS = {
  append: ["quiet"],
  dump: ["from", "json"],
  verify: ["json"],
  checkpoint: ["up-to"],
  bench: ["writers", "seconds", "size", "json"],
} as const;

/** What the arguments ask for. */
export function parseCommandLine(args: string[]) {
  const line = new CommandLine(USAGE, args);
  const [name, path] = line.names;
  if (name === undefined) throw new UsageError("a command is needed");
  if (!Object.hasOwn(OPTIONS, name)) {
    throw new UsageError(`there is no command "${name}"`);
  }
  if (line.names.length !== 2) {
    const count = line.names.length - 1;
    throw new UsageError(`${name} needs one log, not ${count} names`);
  }
  const command = name as keyof typeof OPTIONS;
  const known: readonly string[] = OPTIONS[command];
  const unknown = line.given.find((option) => !known.includes(option));
  if (unknown !== undefined) {
    throw new UsageError(`${command} has no option --${unknown}`);
  }
  return {
    command,
    path,
    quiet: line.flag("quiet"),
    json: line.flag("json"),
    from: line.integer("from", 1) ?? 1,
    upTo: line.integer("up-to", 0),
    writers: line.integer("writers", 1, WRITERS_MAX) ?? WRITERS_DEFAULT,
    seconds: line.integer("seconds", 1, 3600) ?? SECONDS_DEFAULT,
    size: line.integer("size", 0, SIZE_MAX) ?? SIZE_DEFAULT,
  };
}

type Settings = ReturnType<typeof parseCommandLine>;

/** The lines of standard input, as bytes; the last one may lack its end. */
async function* inputLines(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const input = process.stdin[Symbol.asyncIterator]();
  let line: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await unlessAborted(input.next(), signal);
    if (done) break;
    const chunk: Uint8Array = value;
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      line.push(chunk.subarray(start, end));
      yield Buffer.concat(line);
      line = [];
    }
    if (start < chunk.length) line.push(chunk.subarray(start));
  }
  if (line.length > 0) yield Buffer.concat(line);
}

function describeTail(summary: LogSummary): string {
  const { last, next, tornBytes, tornRecords } = summary;
  const tail = `a torn tail of ${tornBytes} bytes behind record ${last}`;
  if (tornRecords === 0) return `${tail}, of a write that was cut short`;
  const first = next - tornRecords;
  const numbers = tornRecords === 1 ? `${first}` : `${first} to ${next - 1}`;
  return `${tail}: records that were acknowledged may have been in it, ` +
    `and no other record gets their numbers (${numbers} at most)`;
}

async function append(settings: Settings) {
  const signal = abortOnSignal();
  await using log = await WriteAheadLog.open(settings.path);
  if (log.recovered.tornBytes > 0) {
    complain("wal", `cut off ${describeTail(log.recovered)}`);
  }
  const pending: Promise<void>[] = [];
  let pendingBytes = 0;
  try {
    for await (const line of inputLines(signal)) {
      pendingBytes += line.length;
      const acknowledged = log.append(line).then((sequence) => {
        pendingBytes -= line.length;
        if (!settings.quiet) print(`${sequence}\n`);
      });
      // It may fail before its turn comes to be awaited.
      acknowledged.catch(() => {});
      pending.push(acknowledged);
      while (
        pending.length >= APPENDS_IN_FLIGHT_MAX ||
        pendingBytes > BYTES_IN_FLIGHT_MAX
      ) await pending.shift();
    }
    await Promise.all(pending);
  } finally {
    await Promise.allSettled(pending);
  }
}

async function dump({ path, from, json }: Settings) {
  const records = readLog(path, from);
  for (;;) {
    const { done, value } = await records.next();
    if (done) {
      if (value.tornBytes > 0) {
        complain("wal", `left out ${describeTail(value)}`);
      }
      return;
    }
    if (json) {
      const data = Buffer.from(value.data).toString("base64");
      print(`${JSON.stringify({ ...value, data })}\n`);
    } else {
      print(Buffer.concat([value.data, Buffer.of(NEWLINE)]));
    }
  }
}

async function verify({ path, json }: Settings) {
  const { size } = await fs.stat(path);
  const bar = startBar(
    size,
    ({ value }) => `Verifying ${prettyBytes(value)} of ${prettyBytes(size)}`,
    { clearOnComplete: true },
  );
  let summary: LogSummary;
  let count = 0;
  try {
    const records = readLog(path);
    for (;;) {
      const { done, value } = await records.next();
      if (done) {
        summary = value;
        break;
      }
      count++;
      bar?.update(value.offset);
    }
  } finally {
    bar?.stop();
  }
  const { first, last, bytes, tornBytes, isClosed } = summary;
  if (json) return print(`${JSON.stringify(summary)}\n`);
  const missing = last - first + 1 - count;
  const records = last < first ? "no records" : `records ${first} to ${last}` +
    (missing > 0 ? ` without ${missing} of these numbers` : "");
  const state = isClosed ? "closed" : "not closed";
  print(`${path}: ${records}, ${prettyBytes(bytes)}, ${state}\n`);
  if (tornBytes > 0) print(`${path}: ${describeTail(summary)}\n`);
}

async function checkpoint({ path, upTo }: Settings) {
  await fs.stat(path); // Only append makes one.
  await using log = await WriteAheadLog.open(path);
  const { last } = log.recovered;
  await log.checkpoint(upTo);
  const rest = last < log.first
    ? "no records"
    : `records ${log.first} to ${last}`;
  print(`${path}: ${rest}\n`);
}

interface Measured {
  /** Seconds. */
  took: number;
  latencies_us: RecordableHistogram;
}

async function measureAppends(
  log: WriteAheadLog,
  { writers, seconds, size }: Settings,
  signal: AbortSignal,
): Promise<Measured> {
  const latencies_us = createHistogram();
  const record = crypto.getRandomValues(new Uint8Array(size));
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  const bar = startBar(seconds, ({ value }) => {
    const rate = Math.round(latencies_us.count / elapsed());
    return `${value.toFixed(0)} of ${seconds} s, ${rate} appends/s`;
  }, { clearOnComplete: true });
  const ticking = setInterval(() => bar?.update(elapsed()), 200);
  const write = async () => {
    while (elapsed() < seconds && !signal.aborted) {
      const before = performance.now();
      await log.append(record);
      const latency_us = Math.round((performance.now() - before) * 1000);
      latencies_us.record(Math.max(1, latency_us));
    }
  };
  try {
    await Promise.all(Array.from({ length: writers }, write));
  } finally {
    clearInterval(ticking);
    bar?.stop();
  }
  return { took: elapsed(), latencies_us };
}

async function isThere(path: string): Promise<boolean> {
  try {
    // A symbolic link to nothing is somebody's, too.
    await fs.lstat(path);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}

/** Measures with a new log, and removes that: nothing that was there before. */
async function measureNewLog(
  settings: Settings,
  signal: AbortSignal,
): Promise<Measured> {
  const { path } = settings;
  const isAlready = `${path} exists already; bench makes a log of its own`;
  if (await isThere(path)) throw new Error(isAlready);
  const lock = `${path}.lock`;
  const isLockNew = !await isThere(lock);
  await using log = await WriteAheadLog.open(path);
  // Another process may have made it since, and closed it.
  if (log.recovered.next > 1) throw new Error(isAlready);
  try {
    const measured = await measureAppends(log, settings, signal);
    signal.throwIfAborted();
    return measured;
  } finally {
    // While it is open: what has these names after that may be another process's.
    await fs.rm(path, { force: true });
    if (isLockNew) await fs.rm(lock, { force: true });
  }
}

async function bench(settings: Settings) {
  const { writers, size, json } = settings;
  const measured = await measureNewLog(settings, abortOnSignal());
  const { took, latencies_us } = measured;
  const appends = latencies_us.count;
  const perSecond = Math.round(appends / took);
  const [p50, p99, p999] = [50, 99, 99.9].map((percent) =>
    latencies_us.percentile(percent) / 1000
  );
  const max = latencies_us.max / 1000;
  if (json) {
    const latency_ms = { p50, p99, p999, max };
    const figures = { writers, size, seconds: took, appends, perSecond };
    return print(`${JSON.stringify({ ...figures, latency_ms })}\n`);
  }
  print(
    `${writers} writers, records of ${size} bytes: ${appends} appends in ` +
      `${took.toFixed(1)} s, ${perSecond} a second\n` +
      `latency in ms: median ${p50}, 99 % ${p99}, 99.9 % ${p999}, most ${max}\n`,
  );
}

const COMMANDS = { append, dump, verify, checkpoint, bench };

async function main(args: string[]): Promise<void> {
  const settings = parseCommandLine(args);
  await COMMANDS[settings.command](settings);
}

if (import.meta.main) await runTool("wal", main);
