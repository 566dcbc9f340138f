/**
 * Settles requests that were canceled, so many in a turn of the event loop: each
 * has an error of its own, and 100,000 of those take half a second.
 *
 * @module
 */
import { coalesced, setImmediate } from "../../ffi/event_loop.ts";
import { ECANCELED } from "../system/constants.ts";
import { Fifo } from "../collections/fifo.ts";
import type { Request } from "./request.ts";

const SETTLED_PER_TURN_MAX = 4096;

class CanceledRequests {
  readonly #waiting = new Fifo<Request>();
  #settledThisTurn = 0;

  /** Settles a request that nobody else has any more. */
  settle(request: Request): void {
    request.isUnasked = true;
    this.#waiting.push(request);
    this.#settleSome();
  }

  #settleSome(): void {
    while (this.#settledThisTurn < SETTLED_PER_TURN_MAX) {
      const request = this.#waiting.shift();
      if (request === undefined) break;
      this.#settledThisTurn++;
      request.queue.fail(request, ECANCELED);
    }
    this.#turnSoon();
  }

  readonly #turnSoon = coalesced(setImmediate, () => {
    this.#settledThisTurn = 0;
    if (this.#waiting.size > 0) this.#settleSome();
  });
}

/** The canceled requests of this isolate. */
export const canceledRequests: CanceledRequests = new CanceledRequests();
