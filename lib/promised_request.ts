import { isAborted, listen, reasonOf, unlisten } from "./abort_signal.ts";
import { isCancellation } from "./error.ts";
import type { FileQueue } from "./file_queue.ts";
import { type Operation, Request } from "./request.ts";

/** A request whose outcome a promise has. */
export class PromisedRequest extends Request {
  readonly #resolve: (bytes: number) => void;
  readonly #reject: (reason: unknown) => void;
  #signal: AbortSignal | null = null;
  #onAbort: (() => void) | null = null;

  constructor(
    queue: FileQueue,
    operation: Operation,
    view: Uint8Array | null,
    address: number,
    offset: number | bigint,
    priority: number,
    resolve: (bytes: number) => void,
    reject: (reason: unknown) => void,
  ) {
    super(queue, operation, view, address, offset, priority);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Cancels the request, if it still can be, when `signal` is aborted. */
  cancelOn(signal: AbortSignal): void {
    this.#signal = signal;
    this.#onAbort = () => void this.queue.cancel(this);
    listen(signal, this.#onAbort);
  }

  protected override handOver(error: Error | null): void {
    const signal = this.#signal;
    if (signal !== null) unlisten(signal, this.#onAbort!);
    if (error === null) return this.#resolve(this.transferred);
    if (signal === null || !isAborted(signal) || !isCancellation(error)) {
      return this.#reject(error);
    }
    // The reason cannot tell how much of a write is in the file already.
    if (!this.isWrite || this.transferred === 0) {
      return this.#reject(reasonOf(signal));
    }
    error.cause = reasonOf(signal);
    this.#reject(error);
  }
}
