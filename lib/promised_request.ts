import type { FileQueue } from "./file_queue.ts";
import { type Operation, Request } from "./request.ts";

/** A request whose outcome a promise has. */
export class PromisedRequest extends Request {
  readonly #resolve: (bytes: number) => void;
  readonly #reject: (reason: unknown) => void;
  #ignoreSignal: (() => void) | null = null;

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
    const abort = () => this.queue.cancel(this, signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#ignoreSignal = () => signal.removeEventListener("abort", abort);
  }

  protected override handOver(error: unknown): void {
    this.#ignoreSignal?.();
    if (error === null) this.#resolve(this.transferred);
    else this.#reject(error);
  }
}
