/**
 * The native calls that hand requests to the system. Where many threads serve
 * them, those that are made at the same time share one `lio_listio`: glibc takes
 * a lock for each call, the same one that its threads need for each request.
 *
 * @module
 */
import { queueMicrotask, setImmediate } from "../../../ffi/event_loop.ts";
import { EAGAIN } from "../../system/constants.ts";
import { librt } from "../../system/error.ts";
import { limits } from "../../system/limits.ts";
import { callListio, LISTIO_MAX } from "./listio.ts";
import type { Request } from "../../requests/request.ts";

class Submission {
  /** Requests that their lanes have already, but the system has not. */
  #listed: Request[] = [];
  #listedMax = 0;
  #holders = 0;
  #isList = false;
  #isFlushDue = false;

  /** Puts a request that is packed into the next call. */
  add(request: Request): void {
    if (this.#listedMax === 0) {
      const { AIO_LISTIO_MAX } = limits();
      this.#listedMax = AIO_LISTIO_MAX < 0
        ? LISTIO_MAX
        : Math.min(LISTIO_MAX, AIO_LISTIO_MAX);
    }
    this.#listed.push(request);
    if (this.#listed.length === this.#listedMax) this.flush();
  }

  /** Whether a request has to be in the next call, behind those that are. */
  get isGathering(): boolean {
    return this.#isList || this.#listed.length > 0;
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
    this.#holders--;
    if (this.#holders === 0) this.flush();
  }

  /**
   * Hands the first request over at once, so that the system can begin, and
   * those that the program makes right after it together.
   */
  flushSoon(): void {
    if (this.#holders > 0 || this.#isFlushDue) return;
    if (this.#listed.length === 0) return;
    this.flush();
    this.#isFlushDue = true;
    queueMicrotask(this.#flushDue);
  }

  /**
   * Hands over what comes together until the next turn of the event loop. For a
   * request that has to wait anyway.
   */
  flushLater(): void {
    if (this.#holders > 0 || this.#isFlushDue) return;
    if (this.#listed.length === 0) return;
    this.#isFlushDue = true;
    setImmediate(this.#flushDue);
  }

  readonly #flushDue = (): void => {
    this.#isFlushDue = false;
    if (this.#holders === 0) this.flush();
  };

  /** Hands everything over now: has to be done before anybody looks. */
  flush(): void {
    const listed = this.#listed;
    if (listed.length === 0) return;
    this.#listed = [];
    if (listed.length === 1) listed[0].lane!.call(listed[0]);
    else callList(listed);
  }
}

function callList(requests: Request[]): void {
  const blocks = requests.map((request) => request.block!);
  let errno: number;
  try {
    errno = callListio(blocks, null);
  } catch {
    // Without memory for the list, each one needs a call of its own.
    for (const request of requests) request.lane!.call(request);
    return;
  }
  for (const request of requests) request.isSubmitted = true;
  if (errno === 0) return;
  // Backwards, so that they wait in the order in which they came.
  for (const request of requests.reverse()) {
    const status = librt().aio_error(request.block!.pointer);
    if (status === EAGAIN) request.lane!.putBack(request);
  }
}

/** The next native call of this isolate. */
export const submission: Submission = new Submission();

/** Submits requests with one call, as far as the system may have them at once. */
export function submitList(requests: Request[]): void {
  submission.list(() => {
    for (const request of requests) request.queue.submit(request);
  });
}
