/**
 * The requests of the C interface that are in progress. In C such a request
 * needs nobody; here somebody has to hold its block and buffer, notice that it
 * is done although nobody asks, and keep the process alive until then.
 *
 * @module
 */
import {
  joinQueue,
  leaveQueue,
  type Queued,
  type QueueUser,
} from "../engine/librt/serial_queues.ts";
import { type Unattended, waiter } from "../engine/librt/waiter.ts";
import { assert } from "../checks/assert.ts";

/** What has to be known of a request in progress. */
interface InProgress {
  readonly fildes: number;
  /** Looks whether it is done. */
  check(): unknown;
}

/** Those of a descriptor, in the order in which they were submitted. */
export class RequestsInProgress<Request extends InProgress>
  implements Unattended, QueueUser {
  readonly #byDescriptor = new Map<number, Set<Request>>();

  /**
   * Holds a request until it is done.
   *
   * @returns Whether it is the only one of its descriptor.
   */
  add(request: Request): boolean {
    const { fildes } = request;
    const others = this.#byDescriptor.get(fildes);
    if (others === undefined) {
      this.#byDescriptor.set(fildes, new Set([request]));
      joinQueue(fildes, this);
    } else others.add(request);
    waiter.keepLooking(this);
    return others === undefined;
  }

  /** A request is done. */
  delete(request: Request): void {
    const requests = this.#byDescriptor.get(request.fildes);
    const wasHeld = requests?.delete(request) === true;
    assert(wasHeld, "a request ends that was not in progress");
    if (requests!.size === 0) {
      this.#byDescriptor.delete(request.fildes);
      leaveQueue(request.fildes, this);
    }
    if (this.#byDescriptor.size === 0) waiter.stopLooking(this);
  }

  /** They could be taken back, but the system would announce that. */
  queued(fildes: number): Queued[] | null {
    // One that is done is noticed when somebody looks.
    for (const request of this.of(fildes)) request.check();
    return this.#byDescriptor.has(fildes) ? null : [];
  }

  /** Those of a descriptor, in the order in which they were submitted. */
  of(fildes: number): Request[] {
    return [...this.#byDescriptor.get(fildes) ?? []];
  }

  /** Looks which of them are done. */
  check(): void {
    for (const requests of this.#byDescriptor.values()) {
      for (const request of requests) request.check();
    }
  }
}
