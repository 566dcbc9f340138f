/**
 * What all files of an isolate share: how many requests the system may have at
 * once, and whose turn it is when it has room again.
 *
 * @module
 */
import { setTimeout } from "../../ffi/event_loop.ts";
import type { FileQueue } from "../requests/file_queue.ts";
import { settings } from "../system/settings.ts";
import { submission } from "./librt/submission.ts";
import { threads } from "../system/threads.ts";

/**
 * How a completion is noticed: by polling from the event loop and then in
 * `aio_suspend` (`"auto"`), by only one of them, or by `SIGEV_THREAD`.
 */
export type Notify = "auto" | "suspend" | "thread" | "poll";

/** When nothing is in flight that could make room, how long until another try. */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 64;

class Engine {
  /** How many requests the system has. */
  inFlight = 0;
  /** How many files, with a lane each at least, are open. */
  files = 0;

  /** Files whose requests wait for room, the next one first. */
  readonly #hungry = new Set<FileQueue>();
  #isFeeding = false;
  #retry_ms = RETRY_MS_MIN;
  #isRetryDue = false;

  get hasRoom(): boolean {
    return this.inFlight < settings.maxInFlight;
  }

  /** Whether another request would have to wait for a thread. */
  get isBusy(): boolean {
    return this.inFlight > threads();
  }

  /** Whether a file may submit, or others wait that have to be served first. */
  get isFree(): boolean {
    return this.#hungry.size === 0 || this.#isFeeding;
  }

  /** A file could not submit: it is served again when there is room. */
  waitForRoom(queue: FileQueue): void {
    this.#hungry.add(queue);
    // Nothing is going to make room: the system itself refused.
    if (this.inFlight === 0) this.#retryLater();
  }

  /** There may be room: serves those that wait, one request each in turn. */
  feed(): void {
    if (this.#isFeeding) return;
    this.#isFeeding = true;
    for (const queue of this.#hungry) {
      if (!this.hasRoom) break;
      // Deleted and added again, a queue comes last in the set's order.
      this.#hungry.delete(queue);
      const lane = queue.nextLane();
      if (lane === null) continue;
      const isServed = queue.submitTo(lane);
      if (queue.nextLane() !== null) this.#hungry.add(queue);
      if (!isServed) break;
      this.#retry_ms = RETRY_MS_MIN;
    }
    this.#isFeeding = false;
    if (this.#hungry.size > 0 && this.inFlight === 0) this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isRetryDue) return;
    this.#isRetryDue = true;
    setTimeout(() => {
      this.#isRetryDue = false;
      this.feed();
      submission.flush();
    }, this.#retry_ms);
    this.#retry_ms = Math.min(this.#retry_ms * 2, RETRY_MS_MAX);
  }
}

/** The engine of this isolate. */
export const engine: Engine = new Engine();
