/**
 * The {@linkcode Runtime} on koffi, for Node and Bun. A native address is a
 * plain number here: that is what koffi takes and gives fastest.
 *
 * @module
 */
import {
  clearInterval,
  clock_ms,
  setInterval,
  setTimeout,
} from "./event_loop.ts";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import type { Platform } from "./platform.ts";
import type {
  NativeCallback,
  NativeFunctions,
  Pointer,
  Runtime,
} from "./runtime.ts";

type Native = (...args: unknown[]) => number;

interface KoffiFunction extends Native {
  /** Takes a Node callback as its last argument. */
  async: (...args: unknown[]) => void;
}

/** What is used of koffi. */
interface Koffi {
  load(path: string): {
    func(name: string, result: string, parameters: string[]): KoffiFunction;
  };
  view(address: number, byteLength: number): ArrayBuffer;
  address(buffer: unknown): bigint;
  proto(result: string, parameters: string[]): unknown;
  pointer(type: unknown): unknown;
  register(fn: (value: number) => void, type: unknown): bigint;
}

// An address as "void *" would come back as a BigInt, and costs more.
const ADDRESS = "uintptr_t";

/** Result and parameters, as C has them but for the result of `aio_return`. */
const SIGNATURES: Record<string, [string, string[]]> = {
  aio_read: ["int", [ADDRESS]],
  aio_write: ["int", [ADDRESS]],
  aio_fsync: ["int", ["int", ADDRESS]],
  aio_error: ["int", [ADDRESS]],
  aio_return: ["int", [ADDRESS]],
  aio_cancel: ["int", ["int", ADDRESS]],
  aio_suspend: ["int", [ADDRESS, "int", ADDRESS]],
  lio_listio: ["int", ["int", ADDRESS, "int", ADDRESS]],
  sysconf: ["int", ["int"]],
  getpid: ["int", []],
  this_thread: ["int", ["int64_t"]],
  poll: ["int", [ADDRESS, "size_t", "int"]],
  getrusage: ["int", ["int", ADDRESS]],
  isatty: ["int", ["int"]],
  read: ["int", ["int", ADDRESS, "size_t"]],
  write: ["int", ["int", ADDRESS, "size_t"]],
  pipe: ["int", [ADDRESS]],
  // Its variable arguments go another way than others on ARM64 macOS.
  fcntl: ["int", ["int", "int", "..."]],
  open: ["int", [ADDRESS, "int", "..."]],
  close: ["int", ["int"]],
  getdents: ["int", ["int64_t", "int", ADDRESS, "size_t"]],
  lseek: ["int64_t", ["int", "int64_t", "int"]],
  ftruncate: ["int", ["int", "int64_t"]],
  aligned_alloc: [ADDRESS, ["size_t", "size_t"]],
  free: ["void", [ADDRESS]],
};

const VECTOR_TRANSFER: [string, string[]] = [
  "int",
  ["int", ADDRESS, "int", "int64_t", "int"],
];

/** What not every C library has. */
const OPTIONAL: typeof SIGNATURES = {
  aio_init: ["void", [ADDRESS]],
  ptsname_r: ["int", ["int", ADDRESS, "size_t"]],
  preadv2: VECTOR_TRANSFER,
  pwritev2: VECTOR_TRANSFER,
  statx: ["int", ["int", ADDRESS, "int", "uint", ADDRESS]],
};

/** Bun's own calls take 11 ns, koffi's 158 on Bun; these are made all the time. */
const BUN_SIGNATURES = {
  aio_read: { args: ["ptr"], returns: "i32" },
  aio_write: { args: ["ptr"], returns: "i32" },
  aio_error: { args: ["ptr"], returns: "i32" },
  aio_return: { args: ["ptr"], returns: "i32" },
  lio_listio: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
};

/** What is used of `bun:ffi`. */
interface BunFfi {
  dlopen(
    library: string,
    functions: Record<string, unknown>,
  ): { symbols: Record<string, unknown> };
}

const INSTALL = "npm install koffi";

/** libuv's threads unless told otherwise; `node:fs` waits for the same ones. */
const NODE_POOL_THREADS = 4;

/** A timer that never comes; the longest delay there is. */
const KEEPING_ALIVE_MS = 2 ** 31 - 1;

const isBun = process.versions.bun !== undefined;
// Bun crashes when a worker is terminated while a nonblocking call is out.
const isBunWorker = isBun && !isMainThread;
const SPACED_MS = 2;
const TIMESPEC_BYTES = 16;

let koffi: Koffi | null = null;
let errnoView: Int32Array;

/** Objects of koffi: Bun, until 1.3, aborts when one of them is collected. */
const kept: unknown[] = [];

function loadKoffi(): string | null {
  if (koffi !== null) return null;
  try {
    const loaded = createRequire(import.meta.url)("koffi") as Koffi;
    if (typeof loaded.view !== "function") throw new Error("it has no view()");
    koffi = loaded;
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === "MODULE_NOT_FOUND"
      ? "is not installed"
      : `cannot be loaded (${message})`;
    return `The package koffi, which calls the C library, ${what}: ` +
      `run ${INSTALL}`;
  }
}

/** {@linkcode Runtime} for Node and Bun. */
export const runtime: Runtime = {
  name: isBun ? "bun" : "node",
  host: {
    os: process.platform === "win32" ? "windows" : process.platform,
    arch: archOf(process.arch),
    libc: libcOf(process.platform),
  },
  nonblockingCallsMax: nonblockingCallsMax(),
  threadsOnDemand: threadsOnDemand(),
  // koffi crashes when more than 256 of its calls are under way.
  callbacksMax: 128,
  bindsAtImport: false,
  get unusable(): string | null {
    return loadKoffi();
  },

  bind(platform: Platform): NativeFunctions | null {
    const found: Record<string, KoffiFunction> = {};
    for (const library of platform.libraries) {
      findFunctions(found, library, platform);
    }
    const isComplete = "errnoLocation" in found &&
      Object.keys(SIGNATURES).every((name) => name in found);
    if (!isComplete) return null;
    // errno has one address a thread, and an isolate stays on its thread.
    errnoView = new Int32Array(koffi!.view(found.errnoLocation(), 4));
    newArena(found.aligned_alloc);
    return { ...functionsOf(found), ...bunFunctions(platform) };
  },

  errno(): number {
    return errnoView[0];
  },

  view(memory: Pointer, byteLength: number): Uint8Array<ArrayBuffer> {
    const address = asNumber(memory);
    return pieces.get(address) ??
      new Uint8Array(koffi!.view(address, byteLength));
  },

  address: asNumber,

  pointerTo: asPointer,

  addressOfBuffer(buffer: ArrayBufferLike): number {
    // Without koffi nobody is going to use the address.
    if (loadKoffi() !== null) return 0;
    // Older versions of Node-API know no SharedArrayBuffer, but its views.
    return Number(koffi!.address(new Uint8Array(buffer as ArrayBuffer)));
  },

  callback(fn: (value: number) => void): NativeCallback {
    // A union sigval travels in one register; its first 32 bits are the int.
    const proto = koffi!.proto("void", ["int"]);
    const type = koffi!.pointer(proto);
    kept.push(proto, type);
    const address = Number(koffi!.register(fn, type));
    let timer: ReturnType<typeof setInterval> | null = null;
    return {
      address,
      setReferenced(wanted: boolean): void {
        if (wanted) timer ??= setInterval(() => {}, KEEPING_ALIVE_MS);
        else if (timer !== null) {
          clearInterval(timer);
          timer = null;
        }
      },
    };
  },
};

/**
 * Small pieces of memory come from arenas and are reused, not given back: that
 * is faster; and koffi aborts the process when a worker asks it for a view in the
 * moment in which it is terminated.
 */
const PIECE_BYTES_MAX = 64 * 1024;
const ARENA_BYTES = 4 * 1024 * 1024;
const PAGE_BYTES = 4096;

let arena: Uint8Array<ArrayBuffer>;
let arenaAddress = 0;
let arenaUsed = ARENA_BYTES;
const pieces = new Map<number, Uint8Array<ArrayBuffer>>();
/** Free pieces by their length. */
const unused = new Map<number, number[]>();

/** Takes a whole number of pages. Returns 0 if there is no memory left. */
function allocatePiece(byteLength: number, aligned_alloc: Native): number {
  const reused = unused.get(byteLength)?.pop();
  if (reused !== undefined) return reused;
  if (arenaUsed + byteLength > ARENA_BYTES && !newArena(aligned_alloc)) {
    return 0;
  }
  const address = arenaAddress + arenaUsed;
  pieces.set(address, arena.subarray(arenaUsed, arenaUsed + byteLength));
  arenaUsed += byteLength;
  return address;
}

function newArena(aligned_alloc: Native): boolean {
  const address = aligned_alloc(PAGE_BYTES, ARENA_BYTES);
  if (address === 0) return false;
  arena = new Uint8Array(koffi!.view(address, ARENA_BYTES));
  arenaAddress = address;
  arenaUsed = 0;
  return true;
}

function asNumber(pointer: Pointer): number {
  return pointer as unknown as number;
}

function asPointer(address: number): Pointer {
  return address as unknown as Pointer;
}

/** Adds the functions a library has; on FreeBSD it takes two to have all. */
function findFunctions(
  found: Record<string, KoffiFunction>,
  library: string,
  platform: Platform,
): void {
  let loaded;
  try {
    loaded = koffi!.load(library);
  } catch {
    return;
  }
  kept.push(loaded, found);
  const wanted: typeof SIGNATURES = {
    ...SIGNATURES,
    ...OPTIONAL,
    errnoLocation: [ADDRESS, []],
  };
  for (const [name, [result, parameters]] of Object.entries(wanted)) {
    const systemName = name === "errnoLocation"
      ? platform.errnoLocation
      : platform.symbols[name] ?? name;
    try {
      found[name] ??= loaded.func(systemName, result, parameters);
    } catch {
      // Another library may have it.
    }
  }
}

type HotFunctions = Pick<NativeFunctions, keyof typeof BUN_SIGNATURES>;

/** The functions of every request, as Bun binds them; none where it can't. */
function bunFunctions(platform: Platform): Partial<HotFunctions> {
  if (!isBun) return {};
  const systemName = (name: string) => platform.symbols[name] ?? name;
  const wanted = Object.entries(BUN_SIGNATURES)
    .map(([name, signature]) => [systemName(name), signature]);
  for (const library of platform.libraries) {
    try {
      const { dlopen } = createRequire(import.meta.url)("bun:ffi") as BunFfi;
      const { symbols } = dlopen(library, Object.fromEntries(wanted));
      const found = Object.keys(BUN_SIGNATURES)
        .map((name) => [name, symbols[systemName(name)]]);
      return Object.fromEntries(found) as HotFunctions;
    } catch {
      // Another library may have them, and koffi has them in any case.
    }
  }
  return {};
}

function functionsOf(found: Record<string, KoffiFunction>): NativeFunctions {
  const { aio_cancel, lio_listio, fcntl, aligned_alloc, free, ...rest } = found;
  return {
    ...rest as unknown as NativeFunctions,
    ...optionalFunctions(found),
    aio_suspend: isBunWorker
      ? spacedSuspend(found.aio_suspend, aligned_alloc)
      : nonblocking(found.aio_suspend),
    poll_nonblocking: isBunWorker
      ? spacedPoll(found.poll)
      : nonblocking(found.poll),
    aio_cancel: (fd, block) => aio_cancel(fd, block ?? 0),
    lio_listio: (mode, list, count, sigevent) =>
      lio_listio(mode, list, count, sigevent ?? 0),
    fcntl: (fd, command, argument) => fcntl(fd, command, "int", argument),
    aligned_alloc(alignment, byteLength) {
      const isPiece = byteLength <= PIECE_BYTES_MAX &&
        byteLength % PAGE_BYTES === 0 && alignment <= PAGE_BYTES;
      const address = isPiece
        ? allocatePiece(byteLength, aligned_alloc)
        : aligned_alloc(alignment, byteLength);
      return address === 0 ? null : asPointer(address);
    },
    free(memory) {
      const address = asNumber(memory);
      const piece = pieces.get(address);
      if (piece === undefined) free(address);
      else if (unused.has(piece.byteLength)) {
        unused.get(piece.byteLength)!.push(address);
      } else unused.set(piece.byteLength, [address]);
    },
  };
}

type OptionalFunctions = Pick<
  NativeFunctions,
  "aio_init" | "ptsname_r" | "preadv2" | "pwritev2" | "statx"
>;

/** `null` for each that the C library does not have. */
function optionalFunctions(
  found: Record<string, KoffiFunction>,
): OptionalFunctions {
  const functions = Object.keys(OPTIONAL)
    .map((name) => [name, found[name] ?? null]);
  return Object.fromEntries(functions) as OptionalFunctions;
}

function nonblocking(
  fn: KoffiFunction,
): (list: Pointer, count: number, timeout: unknown) => Promise<number> {
  return (list, count, timeout) =>
    new Promise((resolve, reject) =>
      fn.async(
        list,
        count,
        timeout ?? 0,
        (error: unknown, result: number) =>
          error ? reject(error) : resolve(result),
      )
    );
}

/** Asks again and again, until an answer or the time-out comes. */
async function askSpaced(
  ask: () => number,
  isAnswer: (result: number) => boolean,
  timeout_ms: number,
): Promise<number> {
  const end_ms = clock_ms() + timeout_ms;
  for (;;) {
    const result = ask();
    if (isAnswer(result) || clock_ms() >= end_ms) return result;
    await new Promise((resolve) => setTimeout(resolve, SPACED_MS));
  }
}

function spacedPoll(poll: KoffiFunction): NativeFunctions["poll_nonblocking"] {
  return (list, count, timeout_ms) =>
    askSpaced(
      () => poll(list, count, 0),
      (ready) => ready !== 0,
      timeout_ms,
    );
}

function spacedSuspend(
  aio_suspend: KoffiFunction,
  aligned_alloc: KoffiFunction,
): NativeFunctions["aio_suspend"] {
  const atOnce = aligned_alloc(TIMESPEC_BYTES, TIMESPEC_BYTES);
  new Uint8Array(koffi!.view(atOnce, TIMESPEC_BYTES)).fill(0);
  return (list, count, timeout) =>
    askSpaced(
      () => aio_suspend(list, count, atOnce),
      (result) => result === 0,
      timeout === null ? Infinity : millisecondsOf(timeout),
    );
}

/** What a `struct timespec` says; both its fields have 64 bits everywhere. */
function millisecondsOf(timespec: Pointer): number {
  const view = new DataView(koffi!.view(asNumber(timespec), TIMESPEC_BYTES));
  const seconds = Number(view.getBigInt64(0, true));
  const nanoseconds = Number(view.getBigInt64(8, true));
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** How many threads do what takes long, nonblocking calls included. */
function poolThreads(): number {
  const configured = Number(process.env.UV_THREADPOOL_SIZE);
  if (configured > 0) return configured;
  return isBun ? availableParallelism() : NODE_POOL_THREADS;
}

/** Half of the threads, because every file and every name look-up needs one. */
function nonblockingCallsMax(): number {
  // Main thread and workers share them.
  return isMainThread ? Math.max(1, Math.floor(poolThreads() / 2)) : 1;
}

/**
 * Those of libuv come all at once, with the first call. Bun has as many as there
 * are processors, and its engine others to compile and to collect garbage.
 */
function threadsOnDemand(): number {
  return isBun ? 2 * availableParallelism() + 8 : poolThreads() + 4;
}

function archOf(arch: string): string {
  return arch === "x64" ? "x86_64" : arch === "arm64" ? "aarch64" : arch;
}

function libcOf(os: string): Platform["libc"] | null {
  switch (os) {
    case "linux":
      return isMusl() ? "musl" : "glibc";
    case "darwin":
      return "libSystem";
    case "freebsd":
    case "netbsd":
      return os;
    default:
      return null;
  }
}

/** `process.report` would tell as well, but looks up the names of all hosts. */
function isMusl(): boolean {
  try {
    return readFileSync("/proc/self/maps", "utf8").includes("/ld-musl-");
  } catch {
    return false;
  }
}
