/**
 * The one place that decides whether a request may go to the engine now, and
 * which one is next: how many the system may have at once over all files, and
 * whose turn it is when it has room again.
 *
 * @module
 */
import { BOUNCE_BYTES_MAX } from "../../ffi/bounce_buffer.ts";
import { coalesced, setTimeout } from "../../ffi/event_loop.ts";
import { assert } from "../checks/assert.ts";
import type { AskedRead, Channel, Demand } from "../engine/engine.ts";
import type { PageCache } from "../engine/page_cache.ts";
import { engine } from "../engine/serving.ts";
import { turn } from "../engine/turn.ts";
import { counters } from "../system/counters.ts";
import { settings } from "../system/settings.ts";
import type { Request, RequestQueue } from "./request.ts";

/** When nothing is in flight that could make room, how long until another try. */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 64;

/** Where requests come from: those of one file that wait. */
export interface Source extends RequestQueue, Demand {
  readonly channel: Channel;
  readonly cache: PageCache | null;
  /** Whether the page cache is not asked for a read. */
  isForEngine(read: AskedRead): boolean;
  /** The one that is next, or `null` if none may go now. */
  readonly next: Request | null;
  /** Dispatches what waits. */
  readonly dispatchNext: () => void;
  /** Takes that one, and those that go with it. */
  take(): Request;
  /** A request waits again, before the others. */
  returnFirst(request: Request): void;
}

/** Whether the page cache has all that is to be read. */
function isCached(
  cache: PageCache,
  { view, length, offset }: Request,
): boolean {
  try {
    return cache.read(view!, length, offset);
  } catch {
    // Such as the runtime's own error where it permits native calls no more: if the
    // engine cannot serve it either, its error is the request's.
    return false;
  }
}

class Dispatcher {
  /** Those whose requests wait for room, the next one first. */
  readonly #waiting = new Set<Source>();
  #isServing = false;
  #retry_ms = RETRY_MS_MIN;
  /** Whether the last request that left did so because the system refused it. */
  #isRefused = false;
  /** How often the system refused what it had taken. */
  #refusals = 0;

  /**
   * Hands over what waits in a queue, as far as the system takes it.
   *
   * @param source The queue.
   * @param isNewTurn Whether the event loop has begun a turn.
   */
  dispatch(source: Source, isNewTurn = false): void {
    if (!isBounded(source) || this.#waiting.size === 0 || this.#isServing) {
      while (this.#isReady(source, isNewTurn)) {
        if (this.#submitNext(source)) continue;
        this.waitForRoom(source);
        break;
      }
      // A synchronization counts, and may have left room for others.
      if (!isBounded(source)) this.#serveWaiting();
    } else {
      if (this.#isReady(source, isNewTurn)) this.waitForRoom(source);
      this.#serveWaiting();
    }
    engine().flushSoon();
  }

  /**
   * Hands over a request that does not wait behind others.
   *
   * @returns Whether it was taken.
   */
  submitAtOnce(request: Request, source: Source): boolean {
    if (isBounded(source) && !hasRoom()) return false;
    return this.#submit(request, source);
  }

  /** Lets requests of callers enter together, to go with one call if possible. */
  submitTogether(requests: Request[]): void {
    engine().list(() => {
      for (const request of requests) request.queue.submit(request);
    });
  }

  /** The engine has a request no more. */
  left(request: Request): void {
    if (!request.isInFlight) return;
    assert(counters.inFlight > 0, "what leaves was in flight");
    request.isInFlight = false;
    counters.inFlight--;
    this.#isRefused = false;
  }

  /** The system serves again. */
  served(): void {
    this.#retry_ms = RETRY_MS_MIN;
  }

  /** The system would not have a request of a queue after all. */
  refused(source: Source): void {
    this.#refusals++;
    this.#isRefused = true;
    this.waitForRoom(source);
  }

  /** A queue could not hand over: it is served again when there is room. */
  waitForRoom(source: Source): void {
    this.#waiting.add(source);
    // Nothing is going to make room: the system itself refused.
    if (counters.inFlight === 0) this.#retryLater();
  }

  /** There may be room: serves those that wait, one request each in turn. */
  #serveWaiting(): void {
    // The system takes hundreds before it refuses: what is due then tries again.
    if (this.#isServing || this.#isRefused && counters.inFlight === 0) return;
    this.#isServing = true;
    try {
      this.#serveEach();
    } finally {
      this.#isServing = false;
    }
    if (this.#waiting.size > 0 && counters.inFlight === 0) this.#retryLater();
  }

  #serveEach(): void {
    for (const source of this.#waiting) {
      if (!hasRoom()) break;
      // Deleted and added again, a queue comes last in the set's order.
      this.#waiting.delete(source);
      if (!this.#isReady(source)) continue;
      let isServed: boolean;
      do {
        isServed = this.#submitNext(source);
        // Alone, a queue gives way to nobody, and the set takes long for it.
      } while (
        isServed && this.#waiting.size === 0 && hasRoom() &&
        this.#isReady(source)
      );
      if (canGo(source)) this.#waiting.add(source);
      if (!isServed) break;
    }
  }

  /** Whether the first one of a queue is for the engine, and could be handed over. */
  #isReady(source: Source, isNewTurn = false): boolean {
    return this.#isNextForEngine(source, isNewTurn) && canGo(source);
  }

  /**
   * Has the page cache answer what it can. Returns whether the first one that is
   * left is for the engine: not if it waits for the next turn of the event loop. So
   * does one whose priority is lowered, for what is asked for in this turn.
   */
  #isNextForEngine(source: Source, isNewTurn: boolean): boolean {
    const { cache } = source;
    if (cache === null) return true;
    for (;;) {
      const { next } = source;
      if (next === null || next.operation !== "read") return true;
      const isAsked = !next.isCacheAsked && !next.isViewLost() &&
        !source.isForEngine(next) &&
        cache.isAskedFor(next.view!, next.length);
      const isTurn = next.priority === 0 || isNewTurn;
      if (isAsked && !(isTurn && turn.hasRoom)) {
        turn.next(source.dispatchNext);
        return false;
      }
      next.isCacheAsked = true;
      if (!isAsked) return true;
      const isWhole = isCached(cache, next);
      next.transferred = cache.bytes;
      if (!isWhole) return true;
      source.take();
      source.settle(next, null);
    }
  }

  /**
   * Returns whether the system took the first one, or whether it failed: not if the
   * system refused others meanwhile, which it had taken.
   */
  #submitNext(source: Source): boolean {
    if (isBounded(source) && !hasRoom()) return false;
    const refusals = this.#refusals;
    const request = source.take();
    const isTaken = this.#submit(request, source);
    if (!isTaken) source.returnFirst(request);
    return isTaken && refusals === this.#refusals;
  }

  #submit(request: Request, source: Source): boolean {
    // What goes in place, without a copy, cannot be lost.
    const lost = request.lostView(BOUNCE_BYTES_MAX);
    if (lost !== null) {
      source.settle(request, lost);
      return true;
    }
    // What may wait for ever must not take the room of others.
    if (isBounded(source) || request.isSync) {
      request.isInFlight = true;
      counters.inFlight++;
    }
    const isTaken = this.#handOver(request, source);
    if (!isTaken) this.left(request);
    return isTaken;
  }

  /** Returns whether the channel took it, or whether it failed. */
  #handOver(request: Request, source: Source): boolean {
    try {
      return source.channel.submit(request);
    } catch (error) {
      if (request.entry !== null) throw error;
      // Such as the runtime's own, where it permits native calls no more.
      this.left(request);
      source.settle(request, error as Error);
      return true;
    }
  }

  readonly #retryLater = coalesced((retry) => {
    setTimeout(retry, this.#retry_ms);
    this.#retry_ms = Math.min(this.#retry_ms * 2, RETRY_MS_MAX);
  }, () => {
    this.#isRefused = false;
    this.#serveWaiting();
    engine().flush();
  });
}

/** Whether the system may have one more request. */
function hasRoom(): boolean {
  return counters.inFlight < settings.maxInFlight;
}

/** Requests of pipes and the like may wait for ever, and do not count. */
function isBounded(source: Source): boolean {
  return source.file.isSeekable;
}

/** Whether the first one of a queue could be handed over, if there is room. */
function canGo(source: Source): boolean {
  const { next } = source;
  return next !== null &&
    (next.isSync || source.channel.hasRoom(next, source));
}

/** The dispatcher of this isolate. */
export const dispatcher: Dispatcher = new Dispatcher();
