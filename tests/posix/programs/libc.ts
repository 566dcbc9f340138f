/**
 * The functions of the C library that the programs need to arrange what no
 * JavaScript can: limits, signal masks, priorities.
 *
 * @module
 */

import { timeLimit } from "../../helpers/system.ts";

export const libc = Deno.dlopen(
  "libc.so.6",
  {
    getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    pthread_sigmask: {
      parameters: ["i32", "buffer", "pointer"],
      result: "i32",
    },
    sigtimedwait: {
      parameters: ["buffer", "buffer", "buffer"],
      result: "i32",
    },
    pthread_self: { parameters: [], result: "usize" },
    pthread_setschedparam: {
      parameters: ["usize", "i32", "buffer"],
      result: "i32",
    },
    tgkill: { parameters: ["i32", "i32", "i32"], result: "i32" },
    setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
    execv: { parameters: ["buffer", "buffer"], result: "i32" },
    usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
  } as const,
).symbols;

export const RLIMIT_FSIZE = 1;
export const RLIMIT_NPROC = 6;
export const RLIMIT_MEMLOCK = 8;

/**
 * Sets the soft limit of a resource.
 *
 * @returns A function that sets it back.
 */
export function limit(resource: number, value: bigint): () => void {
  const before = new BigUint64Array(2); // struct rlimit: soft, hard
  libc.getrlimit(resource, before);
  const set = (soft: bigint) => {
    const wanted = new BigUint64Array([soft, before[1]]);
    if (libc.setrlimit(resource, wanted) !== 0) {
      throw new Error(`setrlimit(${resource}) failed`);
    }
  };
  set(value);
  return () => set(before[0]);
}

/**
 * Becomes a user without rights, for whom limits hold. It is another one for each
 * process, because some limits count what all processes of a user have.
 */
export function becomeOrdinaryUser(): void {
  if (Deno.uid() !== 0) return;
  const uid = 60_000 + Deno.pid % 5_000;
  if (libc.setresuid(uid, uid, uid) !== 0) {
    throw new Error("setresuid() failed");
  }
}

/** More than Deno starts for calls like these. */
const THREADS = 40;

/**
 * Has the runtime start threads for what it does beside the event loop, all that it
 * may have: it ends the process when it wants one more and may not start it.
 */
export async function startThreads(): Promise<void> {
  const sleep_us = timeLimit(100) * 1000;
  // On a busy machine a thread may be done, and serve another call, before the last one
  // is made.
  for (let round = 0; round < 2; round++) {
    const calls = Array.from({ length: THREADS }, () => libc.usleep(sleep_us));
    await Promise.all(calls);
  }
}

/** A `sigset_t` of these signals. */
export function signalSet(...signals: number[]): BigUint64Array<ArrayBuffer> {
  const set = new BigUint64Array(16);
  for (const signal of signals) set[0] |= 1n << BigInt(signal - 1);
  return set;
}

/** A signal that arrived: `siginfo_t` as Linux has it. */
export interface Received {
  signo: number;
  code: number;
  value: number;
  own: boolean;
}

/** The next signal of a set, or `null` if none comes in time. */
export function receive(
  set: BigUint64Array<ArrayBuffer>,
  timeout_ms: number,
): Received | null {
  const info = new Int32Array(32);
  const timeout = new BigInt64Array([
    BigInt(Math.trunc(timeout_ms / 1000)),
    BigInt(timeout_ms % 1000) * 1_000_000n,
  ]);
  const signo = libc.sigtimedwait(set, info, timeout);
  if (signo < 0) return null;
  return { signo, code: info[2], value: info[6], own: info[4] === Deno.pid };
}

/** Has these signals wait to be received, on each thread of the process. */
export function blockSignals(set: BigUint64Array<ArrayBuffer>): void {
  if (Deno.args[0] === "blocked") return;
  libc.pthread_sigmask(SIG_BLOCK, set, null);
  runAgain("blocked");
}

const SIG_BLOCK = 0;

const encoder = new TextEncoder();

/** Text as C has it. */
function cString(value: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${value}\0`);
}

/** Replaces this process's program by another run of itself. */
function runAgain(...args: string[]): never {
  const argv = [
    Deno.execPath(),
    "run",
    "--allow-all",
    Deno.mainModule,
    ...args,
  ].map(cString);
  const pointers = new BigUint64Array(argv.length + 1);
  argv.forEach((argument, index) => {
    const pointer = Deno.UnsafePointer.of(argument);
    pointers[index] = BigInt(Deno.UnsafePointer.value(pointer));
  });
  libc.execv(argv[0], pointers);
  throw new Error("execv failed");
}
