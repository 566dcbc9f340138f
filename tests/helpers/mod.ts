/**
 * What the tests of files share: directories and FIFOs that clean up after
 * themselves, contents that tell where they belong, and programs that need a
 * process of their own.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeSync,
} from "node:fs";
import {
  setImmediate as turn,
  setTimeout as delay,
} from "node:timers/promises";
import { AioError, AioFile } from "../../mod.ts";
import { isEmulated, timeLimit } from "./emulation.ts";

export { closeSync, constants, delay, isEmulated, openSync, timeLimit, turn };

/** FIFOs that can be opened for both, and `/proc`, are Linux's. */
export const isLinux = Deno.build.os === "linux";

/** Longer than anything here takes; a wait that reaches it is a failure. */
const PATIENCE_MS = timeLimit(5_000);

/** A directory that is removed at the end. */
export class Directory implements Disposable {
  readonly path: string;
  #files = 0;

  /** @param parent Where to make it, unless where temporary files belong. */
  constructor(parent?: string) {
    this.path = Deno.makeTempDirSync({ dir: parent, prefix: "posix_aio_" });
  }

  /** The path of a name in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Makes a file. Returns its path. */
  file(contents: string | Uint8Array = ""): string {
    const path = this.at(`file${this.#files++}`);
    if (typeof contents === "string") Deno.writeTextFileSync(path, contents);
    else Deno.writeFileSync(path, contents);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/**
 * A FIFO and a file on it. A read while it is empty, and a write while it is full,
 * wait in the library for as long as a test likes.
 */
export class Fifo implements AsyncDisposable {
  readonly #directory = new Directory();
  readonly path: string = this.#directory.at("fifo");
  readonly file: AioFile;
  /** Feeds and drains, and never blocks. */
  readonly #control: number;
  #isControlled = true;
  /** How many bytes were put in to fill it. */
  filling = 0;

  constructor() {
    const made = new Deno.Command("mkfifo", { args: [this.path] }).outputSync();
    assert(made.success, "mkfifo failed");
    // Open for both, or opening would wait for the other end.
    this.file = AioFile.adopt(openSync(this.path, constants.O_RDWR));
    this.#control = openSync(
      this.path,
      constants.O_RDWR | constants.O_NONBLOCK,
    );
  }

  /** Puts bytes in; there must be room. */
  feed(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? encode(data) : data;
    assertEquals(writeSync(this.#control, bytes), bytes.length);
  }

  /** Puts in as many bytes as it holds, so that the next write blocks. */
  fill(): void {
    untilAgain(() =>
      this.filling += writeSync(this.#control, new Uint8Array(4096))
    );
  }

  /** Takes out what is there. */
  drain(): Uint8Array {
    const parts: Uint8Array[] = [];
    untilAgain(() => {
      const part = new Uint8Array(1 << 16);
      parts.push(part.subarray(0, readSync(this.#control, part)));
    });
    return concat(parts);
  }

  /** Takes out bytes as they come, until there were `length` of them. */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const deadline = performance.now() + PATIENCE_MS;
    for (let taken = 0; taken < length;) {
      assert(performance.now() < deadline, `only ${taken} of ${length} bytes`);
      const part = this.drain();
      parts.push(part);
      taken += part.length;
      if (part.length === 0) await delay(1);
    }
    return concat(parts);
  }

  /** Starts a read while it is empty; resolves when the library waits for it. */
  async waitingRead(
    into: Uint8Array = new Uint8Array(1),
    signal?: AbortSignal,
  ): Promise<{ read: Promise<number> }> {
    const read = this.file.readAt(into, 0, { signal });
    read.catch(() => {}); // The test has its own look at it.
    await turn(); // In which the library has tried it.
    return { read };
  }

  /** Starts a write when there is no room; resolves when the library waits. */
  async waitingWrite(
    from: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ write: Promise<number> }> {
    this.fill();
    const write = this.file.writeAt(from, 0, { signal });
    write.catch(() => {});
    await turn();
    return { write };
  }

  /** Leaves the FIFO to those that opened it themselves. */
  closeControl(): void {
    if (!this.#isControlled) return;
    this.#isControlled = false;
    closeSync(this.#control);
  }

  /** Ends what a failed test left behind, lest it hides the failure. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.cancel().catch(() => {});
    const closing = this.file.close().catch(() => {});
    while (this.#isControlled && await isPending(closing, 1)) {
      this.drain();
      this.feed("\0");
    }
    this.closeControl();
    this.#directory[Symbol.dispose]();
  }
}

function untilAgain(call: () => void): void {
  try {
    for (;;) call();
  } catch (error) {
    assertEquals((error as { code?: string }).code, "EAGAIN");
  }
}

/** Whether a thread of a process blocks in a transfer of the file at `path`. */
function isBlocked(path: string, pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((task) => {
    try {
      const call = readFileSync(`/proc/${pid}/task/${task}/syscall`, "utf8");
      const [number, fd] = call.split(" ");
      return BLOCKING_CALLS.has(number) &&
        readlinkSync(`/proc/${pid}/fd/${Number(fd)}`) === path;
    } catch {
      return false; // The thread ended, or the descriptor is closed.
    }
  });
}

/**
 * The system call numbers of read, write, pread64 and pwrite64, on x86-64 and on
 * aarch64.
 */
const BLOCKING_CALLS = new Set(
  [0, 1, 17, 18, 63, 64, 67, 68].map(String),
);

/** Resolves when a thread of a process is in a transfer of the file at `path`. */
export async function untilBlocked(
  path: string,
  pid: number = Deno.pid,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isBlocked(path, pid)) {
    assert(performance.now() < deadline, `no transfer of ${path} runs`);
    await delay(1);
  }
}

/** Whether a promise is still pending after `wait_ms`. */
export async function isPending(
  promise: Promise<unknown>,
  wait_ms = 50,
): Promise<boolean> {
  const pending = Symbol();
  const ignored = promise.catch(() => {});
  return await Promise.race([ignored, delay(wait_ms, pending)]) === pending;
}

/** Text as bytes. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Bytes, which may be shared memory, as text. */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}

/** Bytes each of which tells where in a file it belongs. */
export function pattern(
  byteLength: number,
  start = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  for (let index = 0; index < byteLength; index++) {
    const at = start + index;
    bytes[index] = at * 31 + (at >>> 8) * 17 + (at >>> 16) * 13 +
      (at >>> 24) * 7;
  }
  return bytes;
}

/** All bytes of the parts. */
export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Asserts that bytes are the same, fast, and says where they differ. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(actual.length, expected.length, "the lengths differ");
  for (let at = 0; at < expected.length; at++) {
    if (actual[at] === expected[at]) continue;
    assertEquals(actual[at], expected[at], `the bytes at ${at} differ`);
  }
}

/** What an error has to say besides its code. */
export type Particulars = Partial<
  Pick<
    AioError,
    "errno" | "syscall" | "fd" | "path" | "offset" | "bytesTransferred"
  >
>;

/** Asserts that a promise rejects with an `AioError`; returns that. */
export async function assertAioError(
  promise: Promise<unknown>,
  code: string,
  particulars: Particulars = {},
): Promise<AioError> {
  const error = await assertRejects(() => promise, AioError) as AioError;
  assertEquals(error.code, code, error.message);
  for (const [name, value] of Object.entries(particulars)) {
    assertEquals(error[name as keyof Particulars], value, name);
  }
  return error;
}

/** How to run a program. */
export interface ProgramOptions {
  args?: string[];
  /** Flags of `deno run`; all permissions unless given. */
  flags?: string[];
  /** A command that runs the program, such as `bash -c …`. */
  wrapper?: string[];
  env?: Record<string, string>;
  timeout_ms?: number;
}

/** How a program ended. */
export interface Ended {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

/** One of the programs beside these tests, in a process of its own. */
export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #text = "";

  constructor(
    name: string,
    {
      args = [],
      flags = ["--allow-all"],
      wrapper = [],
      env,
      timeout_ms = 9_000,
    }: ProgramOptions = {},
  ) {
    const program = new URL(`../programs/${name}.ts`, import.meta.url).pathname;
    const [command, ...rest] = [
      ...wrapper,
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--quiet",
      ...flags,
      program,
      ...args,
    ];
    this.#process = new Deno.Command(command, {
      args: rest,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(timeLimit(timeout_ms)),
    }).spawn();
    const { stdout, stderr } = this.#process;
    this.#output = stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(stderr).text().then(withoutCacheNotices);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#output.read();
      if (done) throw new Error(`It ended: ${await this.#errors}`);
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Whether it still runs after a while. */
  isRunning(wait_ms = 300): Promise<boolean> {
    return isPending(this.#process.status, wait_ms);
  }

  /** Waits for its end. */
  async end(): Promise<Ended> {
    for (;;) {
      const { done, value } = await this.#output.read();
      if (done) break;
      this.#text += value;
    }
    const { code, signal } = await this.#process.status;
    return { code, signal, stdout: this.#text, stderr: await this.#errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.end();
  }
}

/** Takes out what Deno says when another process has its caches locked. */
export function withoutCacheNotices(stderr: string): string {
  return stderr.replace(/^Failed to open cache file .*\n/gm, "");
}

/** Runs a program to its end. */
export async function run(
  name: string,
  options?: ProgramOptions,
): Promise<Ended> {
  await using program = new Program(name, options);
  return await program.end();
}

/**
 * Runs a program that has to succeed.
 *
 * @returns What it prints, which is JSON.
 */
export async function report(
  name: string,
  options?: ProgramOptions,
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const { code, signal, stdout, stderr } = await run(name, options);
  assertEquals({ code, signal }, { code: 0, signal: null }, stderr || stdout);
  return JSON.parse(stdout);
}

/** Whether strace can record what a program does. */
export function canStrace(): boolean {
  return isLinux &&
    succeeds("strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "true");
}

/**
 * Tries to cancel a transfer of a file while it runs, which takes a tracer.
 *
 * @param how By a `"signal"`, by `"cancel"`, or by a completion queue that
 * notices in this way.
 * @param operation What to do with the file.
 * @param contents What the file has; a write writes as much.
 * @param isReadOnly Whether the file is open for reading only.
 */
export async function cancelRunning(
  how: string,
  operation: "read" | "write",
  contents: Uint8Array,
  isReadOnly = false,
): Promise<unknown> {
  using directory = new Directory();
  const path = directory.file(contents);
  const call = operation === "read" ? "pread64" : "pwrite64";
  const inject = `inject=${call}:delay_enter=300000`;
  return await report("running_transfer", {
    args: [path, how, operation, String(contents.length), `${isReadOnly}`],
    wrapper: [
      ...["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"],
      ...["-P", path, "-e", `trace=${call}`, "-e", inject],
    ],
  });
}

/** Whether a command runs here and succeeds. */
export function succeeds(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args }).outputSync().success;
  } catch {
    return false;
  }
}

/** Whether the file system of temporary files has direct transfers. */
export function hasDirectTransfers(): boolean {
  using directory = new Directory();
  try {
    const flags = constants.O_RDONLY | constants.O_DIRECT;
    closeSync(openSync(directory.file(), flags));
    return true;
  } catch (error) {
    assertEquals((error as { code?: string }).code, "EINVAL");
    return false;
  }
}
