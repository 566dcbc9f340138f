/**
 * Waits until descriptors are ready, with one `poll(2)` for all of them on a
 * thread beside the event loop: thousands that wait take one thread.
 *
 * @module
 */
import { setTimeout } from "../../../ffi/event_loop.ts";
import {
  freeNative,
  KeptMemory,
  orNull,
  tryAllocateNative,
} from "../../../ffi/memory.ts";
import { openPipe, type PipeEnds } from "../../../ffi/pipe.ts";
import { packPollfd, POLLFD, returnedEvents } from "../../../ffi/pollfd.ts";
import { librt } from "../../system/librt.ts";
import {
  POLLIN,
  POLLOUT,
  type Readiness,
  type Waiting,
} from "./stream_calls.ts";

/** Told of whether it was asked for or not: errors, and the other end is gone. */
const POLL_ANYHOW = ~(POLLIN | POLLOUT);

/**
 * After so long a call ends by itself. A call that is out cannot be taken back:
 * it holds up the end of the process, and a thread of a terminated worker.
 */
const POLL_MS = 100;
/** The same where nothing can wake it, so that it learns of new descriptors. */
const POLL_UNWAKEABLE_MS = 5;

/** A pipe to itself: a byte in it ends a `poll(2)` that is out. */
class Wake {
  readonly fd: number;
  readonly #writeFd: number;
  #isWoken = false;

  /** @returns `null` if the process may have no more descriptors, or native calls. */
  static open(): Wake | null {
    const ends = orNull(openPipe);
    return ends === null ? null : new Wake(ends);
  }

  private constructor({ readFd, writeFd }: PipeEnds) {
    this.fd = readFd;
    this.#writeFd = writeFd;
  }

  wake(): void {
    const memory = orNull(() => byte.get());
    if (this.#isWoken || memory === null) return;
    this.#isWoken = librt().write(this.#writeFd, memory.pointer, 1) === 1;
  }

  /** Takes the byte out, so that the next call waits. */
  clear(): void {
    const memory = orNull(() => byte.get());
    if (!this.#isWoken || memory === null) return;
    this.#isWoken = librt().read(this.fd, memory.pointer, 1) !== 1;
  }

  close(): void {
    librt().close(this.fd);
    librt().close(this.#writeFd);
  }
}

const byte = new KeptMemory(1);
const pollfd = new KeptMemory(POLLFD.size);

class PollThread implements Readiness {
  readonly #waiting = new Set<Waiting>();
  #wake: Wake | null = null;
  #isPolling = false;
  /** The call that is out. */
  #call: Promise<void> = Promise.resolve();

  wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    if (this.#isPolling) this.#wake?.wake();
    else this.#pollAll();
  }

  /** The call that is out must not hold the descriptor. */
  forget(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) this.#wake?.wake();
  }

  async whenForgotten(): Promise<void> {
    if (this.#isPolling) this.#wake?.wake();
    await this.#call;
  }

  async #pollAll(): Promise<void> {
    this.#isPolling = true;
    this.#wake = Wake.open();
    while (this.#waiting.size > 0) {
      this.#call = this.#poll();
      await this.#call;
    }
    this.#wake?.close();
    this.#wake = null;
    this.#isPolling = false;
  }

  async #poll(): Promise<void> {
    const named = [...this.#waiting];
    let returned: Map<number, number> | null;
    try {
      returned = await this.#returnedEvents(named);
    } catch (error) {
      return this.#fail(error as Error);
    }
    // The system refused: who waits finds out by trying.
    if (returned === null) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#serve(
      returned === null
        ? named
        : named.filter(({ fd, events }) =>
          (returned.get(fd)! & (events | POLL_ANYHOW)) !== 0
        ),
    );
  }

  /** Asks the system. Returns the events of each descriptor, or `null`. */
  async #returnedEvents(
    waiting: Waiting[],
  ): Promise<Map<number, number> | null> {
    // Each once: the system takes no more than a process may have open.
    const wanted = new Map<number, number>();
    for (const { fd, events } of waiting) {
      wanted.set(fd, (wanted.get(fd) ?? 0) | events);
    }
    const wake = this.#wake;
    if (wake !== null) wanted.set(wake.fd, POLLIN);
    const memory = tryAllocateNative(wanted.size * POLLFD.size);
    if (memory === null) return null;
    let count = 0;
    for (const [fd, events] of wanted) packPollfd(memory, count++, fd, events);
    const timeout_ms = wake === null ? POLL_UNWAKEABLE_MS : POLL_MS;
    const { poll_nonblocking } = librt();
    const result = await poll_nonblocking(memory.pointer, count, timeout_ms);
    wake?.clear();
    const returned = new Map<number, number>();
    for (const fd of wanted.keys()) {
      returned.set(fd, returnedEvents(memory, returned.size));
    }
    freeNative(memory);
    return result === -1 ? null : returned;
  }

  /** The runtime refuses, and would each time. */
  #fail(error: Error): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      waiting.threw(error);
    }
  }

  #serve(ready: Waiting[]): void {
    for (const waiting of ready) {
      // What one is told may end the waiting of another.
      if (this.#waiting.delete(waiting)) waiting.ready();
    }
  }
}

/** Whether a transfer would not wait at this moment, or would fail at once. */
export function isReady(fd: number, events: number): boolean {
  const memory = pollfd.get();
  if (memory === null) return false;
  packPollfd(memory, 0, fd, events);
  return librt().poll(memory.pointer, 1, 0) !== 0;
}

/** A thread beside the event loop waits for all of them. */
export const pollThread: Readiness = new PollThread();
