/**
 * How a tool stops when a signal tells it to, so that it can bring to an end what it
 * has begun.
 *
 * @module
 */

import process from "node:process";

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

type SignalName = keyof typeof SIGNAL_NUMBERS;

/** A signal has stopped the tool. */
export class Stopped extends Error {
  override name = "Stopped";
  /** The exit status, as shells have it. */
  readonly status: number;

  constructor(readonly signal: SignalName) {
    super(`stopped by ${signal}`);
    this.status = 128 + SIGNAL_NUMBERS[signal];
  }
}

/**
 * Listens to SIGHUP, SIGINT and SIGTERM.
 *
 * @param onSecond Called with every signal but the first.
 * @returns Aborts on the first signal, with {@linkcode Stopped}.
 */
export function abortOnSignal(
  onSecond: (stopped: Stopped) => void = () => {},
): AbortSignal {
  const controller = new AbortController();
  for (const name of Object.keys(SIGNAL_NUMBERS) as SignalName[]) {
    process.on(name, () => {
      const stopped = new Stopped(name);
      if (controller.signal.aborted) onSecond(stopped);
      else controller.abort(stopped);
    });
  }
  return controller.signal;
}

/** Rejects as soon as `signal` aborts, though `promise` may be pending for ever. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    if (signal.aborted) onAbort();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
