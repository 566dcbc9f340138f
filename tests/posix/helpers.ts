/**
 * What the tests of the standard's sentences share: files and FIFOs that clean
 * up after themselves, control blocks, waiting, and programs that need a
 * process of their own.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readSync, writeSync } from "node:fs";
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
  SIGEV_THREAD,
  type Sigevent,
} from "../../mod.ts";
import {
  closeSync,
  constants,
  decode as text,
  delay,
  Directory as FileDirectory,
  drain,
  encode,
  fill,
  isPending,
  makeFifo,
  openSync,
  PATIENCE_MS,
  type ProgramOptions,
  report,
  succeeds,
  test,
  untilRunning,
} from "../helpers/mod.ts";

export {
  closeSync,
  constants,
  delay,
  isPending,
  openSync,
  PATIENCE_MS,
  succeeds,
  test,
  text,
  untilRunning,
};

/**
 * Whether these tests are left out: they assert what Linux with the GNU C
 * library does, where the standard leaves a choice.
 */
export const ignore = !Deno.build.target.endsWith("-linux-gnu");

/** The files with the tests of the standard's sentences, which carry their ids. */
export function sentenceFiles(): string[] {
  const others = ["assertions_test.ts", "cancellation_test.ts"];
  return [...Deno.readDirSync(new URL(".", import.meta.url))]
    .map(({ name }) => name)
    .filter((name) => name.endsWith("_test.ts") && !others.includes(name));
}

/** Pinned memory with `text` in it. */
export function bytes(text: string): Uint8Array {
  const encoded = encode(text);
  const pinned = allocatePinned(encoded.length);
  pinned.set(encoded);
  return pinned;
}

/** A directory that is removed at the end, with the descriptors opened in it. */
export class Directory implements Disposable {
  readonly #directory = new FileDirectory();
  readonly path = this.#directory.path;
  readonly #descriptors = new Set<number>();

  /** Opens a new file that contains `contents`, for reading and writing. */
  file(contents = "", flags: number = constants.O_RDWR): number {
    return this.open(this.#directory.file(contents), flags);
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
    this.#directory[Symbol.dispose]();
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
    makeFifo(this.path);
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
    writeSync(this.fd, encode(data));
  }

  /** Takes out what is there, at most `length` bytes; there must be some. */
  take(length: number): string {
    const into = new Uint8Array(length);
    return text(into.subarray(0, readSync(this.fd, into)));
  }

  /** Puts in as many bytes as it holds, so that the next write blocks. */
  fill(): void {
    this.#withoutWaiting(fill);
  }

  /** Takes out everything without blocking; returns it. */
  drain(): string {
    return text(this.#withoutWaiting(drain));
  }

  #withoutWaiting<T>(act: (fd: number) => T): T {
    const fd = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      return act(fd);
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

/** Collects the values with which notification functions are called. */
export class Calls {
  readonly values: number[] = [];

  /** A notification that is recorded here. */
  sigevent(value: number, check = () => {}): Sigevent {
    return {
      sigev_notify: SIGEV_THREAD,
      sigev_value: value,
      sigev_notify_function: (value) => {
        this.values.push(value);
        check();
      },
    };
  }

  /** Waits for `count` calls, and a little longer for any too many. */
  async settle(count: number): Promise<number[]> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.values.length < count && performance.now() < deadline) {
      await delay(1);
    }
    await delay(50);
    return this.values;
  }
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

/** Runs one of the programs beside these tests, as `report()` does. */
export function runProgram(
  name: string,
  options?: ProgramOptions,
): ReturnType<typeof report> {
  return report(`../posix/programs/${name}`, options);
}
