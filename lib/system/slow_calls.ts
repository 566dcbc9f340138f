/**
 * System calls that may take long: they are made on a thread beside the event loop, a
 * few at a time.
 *
 * @module
 */
import { runtime } from "../../ffi/current.ts";
import { type Librt, whyUnavailable } from "../../ffi/librt.ts";
import { assert } from "../checks/assert.ts";
import { Fifo } from "../collections/fifo.ts";
import { platform } from "./constants.ts";
import { AioError } from "./error.ts";
import type { NamedFile } from "./hints.ts";
import { librt } from "./librt.ts";
import { waitingCallsMax } from "./threads.ts";

/** Threads are few: those of Node serve its own files, too. */
const CALLS_MAX = 2;

let calls = 0;
const waiting = new Fifo<() => void>();

/** Makes a nonblocking call when there is a thread for it. */
export async function onThread<T>(call: () => Promise<T>): Promise<T> {
  if (calls >= Math.max(waitingCallsMax(CALLS_MAX), 1)) {
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else calls++;
  try {
    return await call();
  } finally {
    const next = waiting.shift();
    assert(calls > 0, "a call that is over was made");
    if (next === undefined) calls--;
    else next();
  }
}

/**
 * The same for a call that reports a failure as -1: its `errno` stays with the thread,
 * so what failed is called once more, where it tells.
 *
 * @param nonblocking The call.
 * @param again The same, at once. It may succeed, too.
 * @returns The result, or a negative error number.
 */
export async function resultOnThread(
  nonblocking: () => Promise<number>,
  again: () => number,
): Promise<number> {
  const result = await onThread(nonblocking);
  if (result !== -1) return result;
  const second = again();
  return second === -1 ? -runtime.errno() : second;
}

/**
 * The native calls, for what cannot be done without.
 *
 * @param what What is to be done, for the message.
 * @param syscall By which function.
 * @throws {AioError} `ENOTSUP` where there are none.
 */
export function nativeFor(
  what: string,
  syscall: string,
  file: NamedFile,
): Librt {
  const reason = whyUnavailable();
  if (reason === null) return librt(syscall);
  throw notSupported(what, syscall, file, reason);
}

/** The error where the system, or the runtime, lacks what is needed. */
export function notSupported(
  what: string,
  syscall: string,
  file: NamedFile,
  reason = `${platform.os} has no ${syscall}() for it`,
): AioError {
  const { ENOTSUP: errno } = platform.errno;
  return new AioError(`${what}: ${reason}`, { errno, syscall, ...file });
}
