/**
 * What the tests of the standard's sentences share: files and FIFOs that clean
 * up after themselves, control blocks, waiting, and programs that need a
 * process of their own.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  aio_cancel,
  aio_error,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  type AiocbFields,
  AioError,
  allocatePinned,
  EINPROGRESS,
  LIO_READ,
  LIO_WRITE,
} from "../../mod.ts";
import { timeLimit } from "../helpers/emulation.ts";

export { closeSync, constants, delay, openSync };

/**
 * Whether these tests are left out: they assert what Linux with the GNU C
 * library does, where the standard leaves a choice.
 */
export const ignore = !Deno.build.target.endsWith("-linux-gnu");

/** For each test, in milliseconds. */
export const timeout = 10_000;

/** Longer than anything here takes; a wait that reaches it is a failure. */
export const PATIENCE_MS = timeLimit(5_000);

/** Pinned memory with `text` in it. */
export function bytes(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const pinned = allocatePinned(encoded.length);
  pinned.set(encoded);
  return pinned;
}

/** The text in `view`, which may be shared memory. */
export function text(view: Uint8Array): string {
  return new TextDecoder().decode(view.slice());
}

/** A directory that is removed at the end, with the descriptors opened in it. */
export class Directory implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "posix_aio_" });
  readonly #descriptors = new Set<number>();
  #files = 0;

  /** Opens a new file that contains `contents`, for reading and writing. */
  file(contents = "", flags: number = constants.O_RDWR): number {
    const path = `${this.path}/file${this.#files++}`;
    Deno.writeTextFileSync(path, contents);
    return this.open(path, flags);
  }

  /** Opens `path`; the descriptor is closed with the directory. */
  open(path: string, flags: number): number {
    const fd = openSync(path, flags);
    this.#descriptors.add(fd);
    return fd;
  }

  /** Closes a descriptor ahead of the directory. */
  close(fd: number): void {
    this.#descriptors.delete(fd);
    closeSync(fd);
  }

  /** What the file of a descriptor contains. */
  contents(fd: number): string {
    return Deno.readTextFileSync(`/proc/self/fd/${fd}`);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#descriptors) closeSync(fd);
    Deno.removeSync(this.path, { recursive: true });
  }
}

/**
 * A FIFO, open for reading and writing, so that opening never blocks. A read on
 * it while it is empty is a request in progress for as long as a test likes;
 * requests behind it on the same descriptor have not started.
 */
export class Fifo implements Disposable {
  readonly #directory = new Directory();
  readonly path = `${this.#directory.path}/fifo`;
  readonly fd: number;

  constructor() {
    const made = new Deno.Command("mkfifo", { args: [this.path] }).outputSync();
    assert(made.success, "mkfifo failed");
    this.fd = this.#directory.open(this.path, constants.O_RDWR);
  }

  /** Opens the same FIFO once more. */
  open(flags: number): number {
    return this.#directory.open(this.path, flags);
  }

  /** Closes a descriptor of this FIFO ahead of time. */
  close(fd: number): void {
    this.#directory.close(fd);
  }

  /** Puts `data` in. */
  feed(data: string): void {
    writeSync(this.fd, new TextEncoder().encode(data));
  }

  /** Takes out what is there, at most `length` bytes; there must be some. */
  take(length: number): string {
    const into = new Uint8Array(length);
    return text(into.subarray(0, readSync(this.fd, into)));
  }

  /** Puts in as many bytes as it holds, so that the next write blocks. */
  fill(): void {
    const fd = openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
    const filling = new Uint8Array(4096).fill(0x2e);
    try {
      for (;;) writeSync(fd, filling);
    } catch (error) {
      assertEquals((error as { code?: string }).code, "EAGAIN");
    } finally {
      closeSync(fd);
    }
  }

  /** Takes out everything without blocking; returns it. */
  drain(): string {
    const fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    const into = new Uint8Array(1 << 16);
    let all = "";
    try {
      for (;;) {
        const count = readSync(fd, into);
        if (count === 0) return all;
        all += text(into.subarray(0, count));
      }
    } catch (error) {
      assertEquals((error as { code?: string }).code, "EAGAIN");
      return all;
    } finally {
      closeSync(fd);
    }
  }

  /** Ends requests that a failed test left behind, lest others wait for them. */
  [Symbol.dispose](): void {
    try {
      aio_cancel(this.fd);
      this.drain();
      this.feed("\0".repeat(64));
    } catch {
      // The descriptor may be closed already; the test has its own verdict.
    }
    this.#directory[Symbol.dispose]();
  }
}

/** Submits a read of `length` bytes. */
export function startRead(
  fd: number,
  length = 1,
  offset = 0,
  fields: AiocbFields = {},
): Aiocb {
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(length),
    aio_offset: offset,
    aio_lio_opcode: LIO_READ,
    ...fields,
  });
  aio_read(block);
  return block;
}

/** Submits a write of `data`. */
export function startWrite(fd: number, data: string, offset = 0): Aiocb {
  const block = new Aiocb({
    aio_fildes: fd,
    aio_buf: bytes(data),
    aio_offset: offset,
    aio_lio_opcode: LIO_WRITE,
  });
  aio_write(block);
  return block;
}

/** Waits until each of the requests is done. */
export async function done(...blocks: Aiocb[]): Promise<void> {
  for (const block of blocks) {
    while (aio_error(block) === EINPROGRESS) {
      await aio_suspend([block], PATIENCE_MS);
    }
  }
}

/** The system call numbers of read and write, on x86-64 and on aarch64. */
const BLOCKING_CALLS = new Set(["0", "1", "63", "64"]);

/** Whether a thread of this process is inside read or write on `fd`. */
function isBusy(fd: number): boolean {
  return readdirSync("/proc/self/task").some((task) => {
    try {
      const call = readFileSync(`/proc/self/task/${task}/syscall`, "utf8");
      const [number, argument] = call.split(" ");
      return BLOCKING_CALLS.has(number) && Number(argument) === fd;
    } catch {
      return false; // The thread ended meanwhile.
    }
  });
}

/** Waits until a thread of the system has begun with a request on `fd`. */
export async function untilRunning(fd: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isBusy(fd)) {
    assert(performance.now() < deadline, `nothing runs on descriptor ${fd}`);
    await delay(1);
  }
}

/** Starts a read on an empty FIFO; resolves when a thread blocks in it. */
export async function blockedRead(fifo: Fifo): Promise<Aiocb> {
  const block = startRead(fifo.fd);
  await untilRunning(fifo.fd);
  return block;
}

/**
 * The error status of a request, whether it is detected at the call or later;
 * the standard leaves that open. The return status must agree.
 */
export async function statusOf(
  submit: (block: Aiocb) => void,
  block: Aiocb,
): Promise<number> {
  try {
    submit(block);
  } catch (error) {
    if (!(error instanceof AioError)) throw error;
    return error.errno;
  }
  await done(block);
  const status = aio_error(block);
  if (status === 0) aio_return(block);
  else assertErrno(status, () => aio_return(block));
  return status;
}

/** Whether `promise` is still pending after `wait_ms`. */
export async function isPending(
  promise: Promise<unknown>,
  wait_ms = 50,
): Promise<boolean> {
  const pending = Symbol();
  return await Promise.race([promise, delay(wait_ms, pending)]) === pending;
}

/** Asserts that `call` throws an `AioError` with `errno`; returns it. */
export function assertErrno(errno: number, call: () => unknown): AioError {
  const error = assertThrows(call, AioError) as AioError;
  assertEquals(error.errno, errno, error.message);
  return error;
}

/** Asserts that `call` throws or rejects with `errno`; returns the error. */
export async function assertRejectsErrno(
  errno: number,
  call: () => Promise<unknown>,
): Promise<AioError> {
  const error = await assertRejects(async () => await call(), AioError);
  assertEquals((error as AioError).errno, errno, (error as AioError).message);
  return error as AioError;
}

/**
 * Runs one of the programs beside these tests in a process of its own.
 *
 * @returns What it prints, which is JSON.
 */
export async function runProgram(
  name: string,
  { wrapper = [] as string[], flags = [] as string[] } = {},
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const program = new URL(`./programs/${name}.ts`, import.meta.url);
  const [command, ...args] = [
    ...wrapper,
    Deno.execPath(),
    "run",
    "--allow-all",
    ...flags,
    program.href,
  ];
  const process = new Deno.Command(command, {
    args,
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(2 * PATIENCE_MS),
  });
  const { success, signal, stdout, stderr } = await process.output();
  const errors = new TextDecoder().decode(stderr);
  assert(success, `${name} ended with ${signal ?? "an error"}: ${errors}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Whether a command runs here and succeeds. */
export function succeeds(command: string, ...args: string[]): boolean {
  try {
    const { success } = new Deno.Command(command, { args }).outputSync();
    return success;
  } catch {
    return false;
  }
}
