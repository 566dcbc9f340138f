/**
 * Uses sockets, or a FIFO, in both directions at once: in one of them a request
 * waits for the other end. Prints what the other end and this one got.
 */
import { AioFile } from "../../mod.ts";
import {
  concat,
  constants,
  delay,
  isPending,
  pattern,
  timeLimit,
} from "../helpers/mod.ts";
import { openSockets, SOCK_STREAM } from "../helpers/channels.ts";
import { makeFifos } from "./fifos.ts";
import { printOutcome } from "./where.ts";

/** What the test asks for. */
interface Options {
  where: "main" | "worker";
  /** Which direction waits. */
  task: "read waits" | "write waits" | "one FIFO";
  sockets: number;
  isNonblocking: boolean;
}

const options: Options = JSON.parse(Deno.args[0]);
const PATIENCE_MS = timeLimit(3_000);
const LINE_BYTES = 16;
const LINES = 20;
/** More than a socket holds. */
const LONG_BYTES = 2 * 1024 * 1024;

const MSG_DONTWAIT = 0x40;

const libc = Deno.dlopen(
  "libc.so.6",
  {
    recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  } as const,
).symbols;

/** A file on one end of a socket, and the descriptor of the other end. */
function connect(): { file: AioFile; peer: number } {
  // SOCK_NONBLOCK has the same value as O_NONBLOCK.
  const type = SOCK_STREAM | (options.isNonblocking ? constants.O_NONBLOCK : 0);
  const [fd, peer] = openSockets(type);
  return { file: AioFile.adopt(fd), peer };
}

/** Takes `length` bytes, or those that come until nothing does for a while. */
async function take(peer: number, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let progress_ms = performance.now();
  for (let taken = 0; taken < length;) {
    const part = new Uint8Array(length - taken);
    const result = libc.recv(peer, part, BigInt(part.length), MSG_DONTWAIT);
    if (result > 0) {
      parts.push(part.subarray(0, Number(result)));
      taken += Number(result);
      progress_ms = performance.now();
    } else if (performance.now() - progress_ms > PATIENCE_MS) break;
    else await delay(1);
  }
  return concat(parts);
}

function send(peer: number, bytes: Uint8Array): void {
  libc.send(peer, new Uint8Array(bytes), BigInt(bytes.length), MSG_DONTWAIT);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length &&
    one.every((byte, at) => byte === other[at]);
}

const lines = Array.from(
  { length: LINES },
  (_, at) => pattern(LINE_BYTES, at * LINE_BYTES),
);
const text = concat(lines);

const tasks = {
  /** Reads wait for answers; the other end answers what is written. */
  async "read waits"(): Promise<string> {
    const { file, peer } = connect();
    const answers = lines.map(() => new Uint8Array(LINE_BYTES));
    const reads = Promise.all(answers.map((into) => file.readAt(into, 0)));
    await delay(timeLimit(20));
    const writes = lines.map((line) => file.writeAt(line, 0));
    const taken = await take(peer, text.length);
    if (!isEqual(taken, text)) return `${taken.length} bytes were written`;
    await Promise.all(writes);
    send(peer, taken);
    if (await isPending(reads, PATIENCE_MS)) return "no answer is read";
    return isEqual(concat(answers), text) ? "done" : "answers in disorder";
  },

  /** A write waits for room; the other end sends something meanwhile. */
  async "write waits"(): Promise<string> {
    const { file, peer } = connect();
    const long = pattern(LONG_BYTES);
    const writes = [file.writeAt(long, 0), file.writeAt(text, 0)];
    await delay(timeLimit(20));
    const into = lines.map(() => new Uint8Array(LINE_BYTES));
    const reads = Promise.all(into.map((line) => file.readAt(line, 0)));
    send(peer, text);
    if (await isPending(reads, PATIENCE_MS)) return "nothing is read";
    if (!isEqual(concat(into), text)) return "read in disorder";
    const taken = await take(peer, LONG_BYTES + text.length);
    if (!isEqual(taken, concat([long, text]))) return "written in disorder";
    await Promise.all(writes);
    return "done";
  },

  /** A read of an empty FIFO waits for what the same file writes. */
  async "one FIFO"(): Promise<string> {
    const flags = options.isNonblocking ? constants.O_NONBLOCK : 0;
    const file = AioFile.adopt(makeFifos(1, flags)[0].fd);
    const into = lines.map(() => new Uint8Array(LINE_BYTES));
    const reads = Promise.all(into.map((line) => file.readAt(line, 0)));
    await delay(timeLimit(20));
    const writes = lines.map((line) => file.writeAt(line, 0));
    const all = Promise.all([reads, ...writes]);
    if (await isPending(all, PATIENCE_MS)) return "nothing is read";
    return isEqual(concat(into), text) ? "done" : "read in disorder";
  },
};

function work(): Promise<string[]> {
  const { task, sockets } = options;
  return Promise.all(Array.from({ length: sockets }, tasks[task]));
}

await printOutcome(import.meta.url, options.where, work);
