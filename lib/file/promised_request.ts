/** A request that settles a promise. */
import { runtime } from "../../ffi/current.ts";
import {
  type AbortListener,
  isAborted,
  listen,
  reasonOf,
  unlisten,
} from "../checks/abort_signal.ts";
import { ECANCELED } from "../system/constants.ts";
import {
  AioError,
  isCancellation,
  withCallerFirst,
  withoutStack,
} from "../system/error.ts";
import {
  Request,
  type RequestFields,
  type RequestQueue,
} from "../requests/request.ts";

/** Stands for a cancellation of which nobody sees more than the reason. */
const CANCELED = new AioError("The request was canceled", {
  errno: ECANCELED,
  syscall: "aio_cancel",
});

/** Resolves a promise, or has it follow one that is rejected. */
export type Resolve = (outcome: number | Promise<never>) => void;

/** See the module's documentation. */
export class PromisedRequest extends Request implements AbortListener {
  readonly #resolve: Resolve;
  readonly #reject: (reason: unknown) => void;
  #signal: AbortSignal | null = null;

  constructor(
    queue: RequestQueue,
    fields: RequestFields,
    resolve: Resolve,
    reject: (reason: unknown) => void,
  ) {
    super(queue, fields, "auto");
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Cancels the request, if it still can be, when `signal` is aborted. */
  cancelOn(signal: AbortSignal): void {
    this.#signal = signal;
    listen(signal, this);
  }

  /** The signal is aborted. */
  aborted(): void {
    this.queue.cancel(this);
  }

  override errorOf(errno: number): Error {
    const isReasonEnough = errno === ECANCELED && this.#hasReason;
    if (isReasonEnough) return CANCELED;
    return withoutStack(() => super.errorOf(errno));
  }

  override handOver(error: Error | null): void {
    const signal = this.#signal;
    if (signal !== null) unlisten(signal, this);
    if (error === null) return this.#resolve(this.transferred);
    if (isCancellation(error) && signal !== null && isAborted(signal)) {
      if (this.#hasReason) return this.#reject(reasonOf(signal));
      error.cause = reasonOf(signal);
    }
    this.#resolve(rejection(error));
  }

  /**
   * Whether the signal's reason is all that there is to say. It cannot tell how
   * much of a write is in the file already.
   */
  get #hasReason(): boolean {
    return this.#signal !== null && isAborted(this.#signal) &&
      (!this.isWrite || this.transferred === 0);
  }
}

/**
 * Makes a request of a promise, which a signal cancels.
 *
 * @param signal If it is aborted already, the promise is rejected with its reason.
 * @returns The request, for its queue; `null` if there is none.
 */
export function requestFor(
  queue: RequestQueue,
  fields: RequestFields,
  signal: AbortSignal | undefined,
  resolve: Resolve,
  reject: (reason: unknown) => void,
): PromisedRequest | null {
  if (signal !== undefined && isAborted(signal)) {
    reject(reasonOf(signal));
    return null;
  }
  const request = new PromisedRequest(queue, fields, resolve, reject);
  if (signal !== undefined) request.cancelOn(signal);
  return request;
}

/**
 * A promise that is rejected as soon as another one follows it. The stack of an
 * error shows the functions that await it (in V8) if it is taken while that other
 * promise is being rejected, so it is taken then.
 */
async function rejection(error: Error): Promise<never> {
  // To follow a promise takes two microtasks.
  await null;
  await null;
  Error.captureStackTrace?.(error, rejection);
  throw error;
}

/**
 * The same promise, also for where {@linkcode rejection} does not find the functions
 * that await it.
 */
export function awaitable<Value>(promise: Promise<Value>): Promise<Value> {
  return runtime.losesAwaiters ? awaited(promise) : promise;
}

/** What has a stack keeps that: what is refused at once, and reasons. */
async function awaited<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    throw hasStack(error) ? error : withCallerFirst(error, awaited);
  }
}

/** `Promise.allSettled()`, whose errors have such stacks as well. */
export function allSettled<Value>(
  promises: Promise<Value>[],
): Promise<PromiseSettledResult<Value>[]> {
  const outcomes = Promise.allSettled(promises);
  return runtime.losesAwaiters ? awaitedAll(outcomes) : outcomes;
}

async function awaitedAll<Value>(
  outcomes: Promise<PromiseSettledResult<Value>[]>,
): Promise<PromiseSettledResult<Value>[]> {
  const all = await outcomes;
  for (const outcome of all) {
    if (outcome.status === "fulfilled" || hasStack(outcome.reason)) continue;
    withCallerFirst(outcome.reason, awaitedAll);
  }
  return all;
}

function hasStack(error: unknown): boolean {
  return error instanceof Error && /\n +at /.test(String(error.stack));
}
