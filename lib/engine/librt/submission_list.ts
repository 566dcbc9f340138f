/**
 * In which native call requests go to the system. Where many threads serve them,
 * those that are made at the same time share one `lio_listio`: glibc takes a lock
 * for each call, the same one that its threads need for each request.
 *
 * @module
 */
import { queueMicrotask, setImmediate } from "../../../ffi/event_loop.ts";
import { assert } from "../../checks/assert.ts";
import { EAGAIN } from "../../system/constants.ts";
import { counters } from "../../system/counters.ts";
import { librt } from "../../system/librt.ts";
import { systemLimits } from "../../system/limits.ts";
import { threads } from "../../system/threads.ts";
import type { Flight } from "./flight.ts";
import { callListio, LISTIO_MAX } from "./listio.ts";

class SubmissionList {
  /** Requests that their lanes have already, but the system has not. */
  #flights: Flight[] = [];
  #holders = 0;
  #isList = false;
  #isFlushDue = false;

  /** Puts a request that is packed into the next call. */
  add(flight: Flight): void {
    this.#flights.push(flight);
    if (this.#flights.length === listMax()) this.flush();
  }

  /** Whether a request has to be in the next call, behind those that are. */
  get isGathering(): boolean {
    return this.#isList || this.#flights.length > 0;
  }

  /** Whether it is to be one call, whatever the depth of lanes. */
  get isList(): boolean {
    return this.#isList;
  }

  /** Makes one call, as far as the system may have so many, of what `fn` submits. */
  list(fn: () => void): void {
    this.hold();
    this.#isList = true;
    try {
      fn();
    } finally {
      this.#isList = false;
      this.release();
    }
  }

  /** Gathers everything until {@linkcode release}. */
  hold(): void {
    this.#holders++;
  }

  /** Hands over what was gathered. */
  release(): void {
    assert(this.#holders > 0, "what is released was held");
    this.#holders--;
    if (this.#holders === 0) this.flush();
  }

  /**
   * Hands the first request over at once, so that the system can begin, and those
   * that the program makes right after it together. Where a request has to wait
   * for a thread anyway, it waits for company until the next turn of the event
   * loop: each call takes the lock that glibc's threads need to come to an end.
   */
  flushSoon(): void {
    if (this.#holders > 0 || this.#isFlushDue) return;
    if (this.#flights.length === 0) return;
    this.#isFlushDue = true;
    if (counters.inFlight > threads()) return void setImmediate(this.#due);
    this.flush();
    queueMicrotask(this.#due);
  }

  readonly #due = (): void => {
    this.#isFlushDue = false;
    this.flush();
  };

  /** Hands everything over now. */
  flush(): void {
    const flights = this.#flights;
    if (flights.length === 0) return;
    this.#flights = [];
    if (flights.length > 1) return callList(flights);
    flights[0].lane.callAlone(flights[0]);
  }
}

function listMax(): number {
  const { AIO_LISTIO_MAX } = systemLimits();
  return AIO_LISTIO_MAX < 0 ? LISTIO_MAX : Math.min(LISTIO_MAX, AIO_LISTIO_MAX);
}

function callList(flights: Flight[]): void {
  const blocks = flights.map(({ block }) => block);
  let errno: number;
  try {
    errno = callListio(blocks, null);
  } catch {
    // Without memory for the list, each one needs a call of its own.
    for (const flight of flights) flight.lane.callAlone(flight);
    return;
  }
  for (const flight of flights) flight.isSubmitted = true;
  if (errno === 0) return;
  // Backwards, so that they wait in the order in which they came.
  for (const flight of flights.reverse()) {
    const status = librt().aio_error(flight.block.pointer);
    if (status === EAGAIN) flight.lane.refused(flight);
  }
}

/** The next native call of this isolate. */
export const submissions: SubmissionList = new SubmissionList();
