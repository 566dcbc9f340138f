/**
 * A record of the system calls that decide what of a log is on disk when, as strace
 * writes it: `strace -f -y -xx`.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What the calls do to files and names. */
export type Call =
  | { name: "write"; path: string; data: Uint8Array; offset: number }
  | { name: "truncate"; path: string; length: number }
  | { name: "create"; path: string }
  | { name: "sync"; path: string }
  | { name: "rename"; from: string; to: string }
  | { name: "unlink"; path: string };

/** When a call began, or that it has ended. */
export type Event = { begun: Call } | { ended: Call };

/** The calls that are recorded: on ARM64, `rename` is `renameat` and so on. */
export const TRACED =
  "openat,pwrite64,write,fsync,fdatasync,ftruncate,/^rename,/^unlink";

/** What `-s` has to be, so that all of each write is in the record. */
export const STRING_BYTES_MAX = 4 << 20;

/** The events of a record, in order. */
export function parse(record: string): Event[] {
  const events: Event[] = [];
  const unfinished = new Map<string, Call>();
  for (const line of record.split("\n")) {
    const [, thread, name] = line.match(/^(\d+) +(\w+)\(/) ?? [];
    const [, resumed] = line.match(/^(\d+) +<\.\.\. \w+ resumed>/) ?? [];
    const call = resumed === undefined
      ? callOf(name, line)
      : unfinished.get(resumed);
    if (call === undefined) continue;
    const isUnfinished = line.endsWith("<unfinished ...>");
    if (isUnfinished) unfinished.set(thread, call);
    // It may turn out to have had nothing to do.
    if (call.name === "unlink") {
      if (isUnfinished || line.includes("ENOENT")) continue;
      events.push({ begun: call });
    } else if (resumed === undefined) events.push({ begun: call });
    if (isUnfinished) continue;
    assertDone(call, line);
    events.push({ ended: call });
  }
  return events;
}

function assertDone(call: Call, line: string): void {
  const result = Number(line.match(/= (-?\d+)[^=]*$/)?.[1]);
  if (call.name === "write" ? result === call.data.length : result >= 0) return;
  throw new Error(`Not done: ${call.name}, ${line.slice(-100)}`);
}

function callOf(name: string | undefined, line: string): Call | undefined {
  if (line.includes(">(deleted)")) {
    throw new Error(`A file without a name is used: ${line.slice(0, 200)}`);
  }
  const strings = [...line.matchAll(/"([^"]*)"/g)].map(([, text]) => text);
  const file = line.match(/^\d+ +\w+\(\d+<([^>]*)>/)?.[1];
  const path = bytesOf(file ?? strings[0] ?? "").toString();
  switch (name) {
    case "pwrite64":
    case "write": {
      const data = bytesOf(strings[0]);
      const [, offset] = line.match(/, \d+, (\d+)(?:\)| <)/) ?? [];
      return { name: "write", path, data, offset: Number(offset ?? 0) };
    }
    case "fsync":
    case "fdatasync":
      return { name: "sync", path };
    case "ftruncate":
      return {
        name: "truncate",
        path,
        length: Number(line.match(/>, (\d+)/)![1]),
      };
    case "rename":
    case "renameat":
    case "renameat2": {
      const [from, to] = strings.map((text) => bytesOf(text).toString());
      return { name: "rename", from, to };
    }
    case "unlink":
    case "unlinkat":
      return { name: "unlink", path };
    case "openat":
      return line.includes("O_EXCL")
        ? { name: "create", path: bytesOf(strings[0]).toString() }
        : undefined;
  }
}

function bytesOf(escaped: string): Buffer {
  return Buffer.from(escaped.replaceAll("\\x", ""), "hex");
}
