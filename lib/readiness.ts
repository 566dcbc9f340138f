/**
 * Requests that may wait for ever: those of pipes, sockets and terminals. Each
 * one holds a thread of the C library while it waits, so only a share of the
 * threads is for them. Those beyond the share are handed to the system when
 * `poll(2)` says that they would not wait.
 *
 * @module
 */
import { setTimeout } from "../ffi/event_loop.ts";
import { freeNative, KeptMemory, tryAllocateNative } from "../ffi/memory.ts";
import { runtime } from "../ffi/current.ts";
import { librt } from "./error.ts";
import type { FileQueue } from "./file_queue.ts";
import type { Request } from "./request.ts";
import { settings } from "./settings.ts";
import { threads } from "./tuning.ts";

/**
 * The part of the threads, and of the requests that the system may have at once,
 * that may be held by requests that wait for ever. In a worker none: it may be
 * terminated, and the threads would be held all the same.
 */
const SHARE = runtime.isWorker ? 0 : 1 / 2;

/** `struct pollfd` and its flags are the same on every system. */
const POLLFD_BYTES = 8;
const FD_AT = 0;
const EVENTS_AT = 4;
const REVENTS_AT = 6;
const POLLIN = 1;
const POLLOUT = 4;

/** How many descriptors one call waits for at most. */
const POLL_LIST_MAX = 256;
/** How many calls, a thread each, are out at once at most. */
const CALLS_MAX = Math.min(2, runtime.nonblockingCallsMax);
/** A call cannot be told of new descriptors: they wait until one ends. */
const POLL_MS = 100;

/** A request that waits until its descriptor is ready. */
interface Waiting {
  readonly queue: FileQueue;
  readonly events: number;
  isNamed: boolean;
}

class Readiness {
  /** How many requests that may wait for ever the system has. */
  #held = 0;
  readonly #waiting = new Map<FileQueue, Waiting>();
  #callsOut = 0;
  #isTimerDue = false;

  /**
   * Asks to hand a request to the system.
   *
   * @param isBlocking Whether the system would wait for it, rather than fail
   * with `EAGAIN`.
   * @returns Whether it may be; if not, its queue is asked to dispatch again
   * when it may.
   */
  admit(queue: FileQueue, request: Request, isBlocking: boolean): boolean {
    const events = request.operation === "read" ? POLLIN : POLLOUT;
    if (
      request.isSync || isBlocking && this.#hasShare ||
      isReady(queue.fd, events)
    ) {
      this.#waiting.delete(queue);
      return true;
    }
    // Another request may be the first one now, which waits for something else.
    if (this.#waiting.get(queue)?.events !== events) {
      this.#waiting.set(queue, { queue, events, isNamed: false });
    }
    this.#poll();
    return false;
  }

  /** The system has an admitted request. */
  enter(): void {
    this.#held++;
  }

  /** The system is done with one. */
  leave(): void {
    this.#held--;
    // The first that waits is served, and if it can't be, the next ones.
    for (const queue of [...this.#waiting.keys()]) {
      if (!this.#hasShare) break;
      this.#waiting.delete(queue);
      queue.dispatch();
    }
  }

  get #hasShare(): boolean {
    const most = Math.min(threads(), settings.maxInFlight);
    return this.#held < Math.floor(most * SHARE);
  }

  async #poll(): Promise<void> {
    for (const queue of this.#waiting.keys()) {
      // Its requests were canceled meanwhile.
      if (!queue.hasWaiting) this.#waiting.delete(queue);
    }
    const unnamed = [...this.#waiting.values()]
      .filter((waiting) => !waiting.isNamed).slice(0, POLL_LIST_MAX);
    if (unnamed.length === 0 || this.#isTimerDue) return;
    if (this.#callsOut === CALLS_MAX) {
      this.#isTimerDue = true;
      setTimeout(() => {
        this.#isTimerDue = false;
        this.#poll();
      }, POLL_MS);
      return;
    }
    for (const waiting of unnamed) waiting.isNamed = true;
    this.#callsOut++;
    const ready = await waitUntilReady(unnamed);
    this.#callsOut--;
    for (const waiting of unnamed) waiting.isNamed = false;
    for (const { queue } of ready) queue.dispatch();
    this.#poll();
  }
}

/** Waits a while for some to be ready. Returns those. */
async function waitUntilReady(waiting: Waiting[]): Promise<Waiting[]> {
  const memory = tryAllocateNative(waiting.length * POLLFD_BYTES);
  if (memory === null) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return waiting;
  }
  const { view } = memory;
  waiting.forEach(({ queue, events }, index) => {
    view.setInt32(index * POLLFD_BYTES + FD_AT, queue.fd, true);
    view.setInt16(index * POLLFD_BYTES + EVENTS_AT, events, true);
  });
  await librt().poll_nonblocking(memory.pointer, waiting.length, POLL_MS);
  const ready = waiting.filter((_, index) =>
    view.getInt16(index * POLLFD_BYTES + REVENTS_AT, true) !== 0
  );
  freeNative(memory);
  return ready;
}

const pollfd = new KeptMemory(POLLFD_BYTES);

/** Whether a transfer would not wait, or would fail at once. */
function isReady(fd: number, events: number): boolean {
  const memory = pollfd.get();
  if (memory === null) return false;
  const { pointer, view } = memory;
  view.setInt32(FD_AT, fd, true);
  view.setInt16(EVENTS_AT, events, true);
  return librt().poll(pointer, 1, 0) !== 0;
}

/** Which requests that may wait for ever the system may have. */
export const readiness: Readiness = new Readiness();
