/**
 * System calls that may take long: they are made on a thread beside the event loop, a
 * few at a time. Threads are few: the runtime's own files need them, too.
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
import { slowCallsMax } from "./threads.ts";

/** Half of the threads of Deno: the others are for its own files. */
const CALLS_MAX = 16;

/**
 * How many of these are of one file: its file system may answer no more, and others go
 * on.
 */
const CALLS_OF_FILE_MAX = 2;

/** Lets a few calls begin at a time, the others in order. */
class Turns {
  /** How many are out. */
  calls = 0;
  readonly #max: () => number;
  readonly #waiting = new Fifo<() => void>();

  /** @param max How many may be out. */
  constructor(max: () => number) {
    this.#max = max;
  }

  /** Makes a call when its turn comes. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    if (this.calls >= this.#max()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.calls++;
    try {
      return await call();
    } finally {
      const next = this.#waiting.shift();
      assert(this.calls > 0, "a call that is over was made");
      if (next === undefined) this.calls--;
      else next();
    }
  }
}

const callsMax = () => slowCallsMax(CALLS_MAX);
const all = new Turns(callsMax);

/** By descriptor: those that have calls. */
const files = new Map<number, Turns>();
const ofFile = () =>
  Math.max(1, Math.min(CALLS_OF_FILE_MAX, Math.floor(callsMax() / 2)));

/**
 * Makes a nonblocking call when there is a thread for it.
 *
 * @param fd The file's descriptor.
 * @param call The call.
 */
export async function onThread<T>(
  fd: number,
  call: () => Promise<T>,
): Promise<T> {
  const file = files.get(fd) ?? new Turns(ofFile);
  files.set(fd, file);
  try {
    return await file.during(() => all.during(call));
  } finally {
    if (file.calls === 0) files.delete(fd);
  }
}

/**
 * The same for a call that reports a failure as -1: its `errno` stays with the thread,
 * so what failed is called once more, where it tells.
 *
 * @param fd The file's descriptor.
 * @param nonblocking The call.
 * @param again The same, at once. It may succeed, too.
 * @returns The result, or a negative error number.
 */
export async function resultOnThread(
  fd: number,
  nonblocking: () => Promise<number>,
  again: () => number,
): Promise<number> {
  const result = await onThread(fd, nonblocking);
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
