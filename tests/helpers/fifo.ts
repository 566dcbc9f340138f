/**
 * FIFOs, on which a request waits for as long as a test likes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
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
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
} from "../../mod.ts";
import { concat, encode } from "./bytes.ts";
import { Directory } from "./files.ts";
import { succeeds } from "./system.ts";
import { delay, isPending, PATIENCE_MS, turn, until } from "./waiting.ts";

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
    makeFifo(this.path);
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
    this.filling += fill(this.#control);
  }

  /** Takes out what is there. */
  drain(): Uint8Array {
    return drain(this.#control);
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

  /** Has a thread of the system wait for it, once one is free, until released. */
  occupyThread(): () => Promise<void> {
    const cb = new Aiocb({
      aio_fildes: this.file.fd,
      aio_buf: allocatePinned(1),
    });
    aio_read(cb);
    return async () => {
      this.feed("x");
      await aio_suspend([cb]);
      aio_return(cb);
    };
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

/** Makes FIFOs. */
export function makeFifo(...paths: string[]): void {
  assert(succeeds("mkfifo", ...paths), "mkfifo failed");
}

/** Fills what is behind a descriptor that does not block. Returns the bytes it took. */
export function fill(fd: number): number {
  let filling = 0;
  const zeros = new Uint8Array(4096);
  untilAgain(() => filling += writeSync(fd, zeros));
  return filling;
}

/** Takes out all that is behind a descriptor that does not block. */
export function drain(fd: number): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  untilAgain(() => {
    const part = new Uint8Array(1 << 16);
    const length = readSync(fd, part);
    parts.push(part.subarray(0, length));
    return length;
  });
  return concat(parts);
}

/** Calls until it would have to wait, or there is no more. */
function untilAgain(call: () => number): void {
  try {
    while (call() > 0);
  } catch (error) {
    assertEquals((error as { code?: string }).code, "EAGAIN");
  }
}

/**
 * The system call numbers of read, write, pread64 and pwrite64, on x86-64 and on
 * aarch64.
 */
const BLOCKING_CALLS = new Set(
  [0, 1, 17, 18, 63, 64, 67, 68].map(String),
);

/** The descriptors in whose transfers threads of a process block. */
function blockedDescriptors(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try {
      const call = readFileSync(`/proc/${pid}/task/${task}/syscall`, "utf8");
      const [number, fd] = call.split(" ");
      return BLOCKING_CALLS.has(number) ? [Number(fd)] : [];
    } catch {
      return []; // The thread ended.
    }
  });
}

/** Resolves when a thread of this process is in a transfer of a descriptor. */
export function untilRunning(fd: number): Promise<void> {
  return until(
    () => blockedDescriptors(Deno.pid).includes(fd),
    `nothing runs on descriptor ${fd}`,
  );
}

/** Resolves when a thread of a process is in a transfer of the file at `path`. */
export function untilBlocked(path: string, pid = Deno.pid): Promise<void> {
  const isIt = (fd: number) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false; // It is closed.
    }
  };
  return until(
    () => blockedDescriptors(pid).some(isIt),
    `no transfer of ${path} runs`,
  );
}

/** Resolves when a thread of a process opens a FIFO, and waits for its other end. */
export function untilOpening(pid: number): Promise<void> {
  const isWaiting = (task: string) =>
    readFileSync(`/proc/${pid}/task/${task}/wchan`, "utf8") ===
      "wait_for_partner";
  return until(
    () => readdirSync(`/proc/${pid}/task`).some(isWaiting),
    `process ${pid} opens no FIFO`,
  );
}
