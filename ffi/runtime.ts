/**
 * What the library needs of a JavaScript runtime: synchronous and nonblocking
 * calls into the C library, native memory seen through an `ArrayBuffer`,
 * addresses of buffers, and functions that foreign threads may call. One file a
 * runtime implements it; nothing above `ffi/` knows which one is in use.
 *
 * @module
 */
import type { Platform } from "./platform.ts";

declare const pointerBrand: unique symbol;

/**
 * A native address in the form in which the runtime's calls take it fastest
 * (an object on Deno, a number with koffi). Opaque on purpose: arithmetic is
 * done on plain numbers, see {@linkcode Runtime.pointerTo}.
 */
export interface Pointer {
  readonly [pointerBrand]: true;
}

/**
 * The C functions the library calls, as the runtime binds them.
 *
 * `aio_return` is declared as a C `int` although it is a `ssize_t`: no system
 * here transfers more than `INT_MAX` bytes at once, and a 64-bit result would
 * cost a BigInt for each request.
 */
export interface NativeFunctions {
  aio_read(block: Pointer): number;
  aio_write(block: Pointer): number;
  aio_fsync(operation: number, block: Pointer): number;
  aio_error(block: Pointer): number;
  aio_return(block: Pointer): number;
  aio_cancel(fd: number, block: Pointer | null): number;
  /** Waits on a thread beside the event loop. */
  aio_suspend(
    list: Pointer,
    count: number,
    timeout: Pointer | null,
  ): Promise<number>;
  lio_listio(
    mode: number,
    list: Pointer,
    count: number,
    sigevent: Pointer | null,
  ): number;
  /** An extension of glibc; `null` where the C library has none. */
  aio_init: ((tuning: Pointer) => void) | null;
  sysconf(name: number): number;
  getpid(): number;
  /** What the C library has to tell threads apart, see `isFirstThread`. */
  this_thread(SYS_gettid: number): number;
  poll(list: Pointer, count: number, timeout_ms: number): number;
  /** The same, on a thread beside the event loop. */
  poll_nonblocking(
    list: Pointer,
    count: number,
    timeout_ms: number,
  ): Promise<number>;
  getrusage(who: number, usage: Pointer): number;
  fcntl(fd: number, command: number, argument: number): number;
  isatty(fd: number): number;
  /** Fails but for the master of a pseudo-terminal. */
  ptsname_r:
    | ((fd: number, name: Pointer, byteLength: number) => number)
    | null;
  /** An extension of Linux; `null` where the C library has none. */
  preadv2: VectorTransfer | null;
  pwritev2: VectorTransfer | null;
  /** Of Linux; `null` where the C library has none. */
  statx:
    | ((
      fd: number,
      path: Pointer,
      flags: number,
      mask: number,
      result: Pointer,
    ) => number)
    | null;
  read(fd: number, buffer: Pointer, byteLength: number): number;
  write(fd: number, buffer: Pointer, byteLength: number): number;
  /** `ends` has room for two descriptors of 32 bits. */
  pipe(ends: Pointer): number;
  /** `path` is an address of a string that ends with a NUL. */
  open(path: Pointer, flags: number): number;
  close(fd: number): number;
  /** Linux's own; to be called there only. */
  getdents(
    SYS_getdents64: number,
    fd: number,
    into: Pointer,
    byteLength: number,
  ): number;
  lseek(fd: number, offset: number, whence: number): number;
  ftruncate(fd: number, length: number): number;
  aligned_alloc(alignment: number, byteLength: number): Pointer | null;
  free(memory: Pointer): void;
}

/**
 * `preadv2()` or `pwritev2()`. Like that of `aio_return`, the result is declared
 * as a C `int`: nobody here asks for more than a MiB.
 */
export type VectorTransfer = (
  fd: number,
  vector: Pointer,
  count: number,
  offset: number | bigint,
  flags: number,
) => number;

/** A JavaScript function that any native thread may call. */
export interface NativeCallback {
  readonly address: number;
  /** Whether it keeps the process alive. */
  setReferenced(referenced: boolean): void;
}

/** The machine as the runtime reports it. */
export interface Host {
  /** `"linux"`, `"darwin"`, `"windows"`, … */
  readonly os: string;
  /** `"x86_64"` or `"aarch64"`. */
  readonly arch: string;
  readonly libc: Platform["libc"] | null;
}

/** What a runtime implements. */
export interface Runtime {
  readonly name: "deno" | "node" | "bun";
  readonly host: Host;
  /**
   * How many nonblocking calls may be out at once. Where they hold threads that
   * the runtime's own file functions wait for, some have to be left to those.
   */
  readonly nonblockingCallsMax: number;
  /**
   * How many threads the runtime makes when it needs them, rather than at its
   * start. It ends the process if it needs one and the system refuses.
   */
  readonly threadsOnDemand: number;
  /** How many calls of a {@linkcode NativeCallback} may be due at once. */
  readonly callbacksMax: number;
  /**
   * Whether to bind the C library when the module is imported. Deno's sanitizers
   * take a library that a test opens for a leak; but nobody is to be asked for a
   * permission then.
   */
  readonly bindsAtImport: boolean;
  /** Why this runtime cannot be used at all, if so. */
  readonly unusable: string | null;
  /**
   * Binds the C functions.
   *
   * @param platform Names the libraries to look in, in order.
   * @returns The functions, or `null` where none of the libraries has them.
   * @throws The runtime's own error where it does not permit native calls.
   */
  bind(platform: Platform): NativeFunctions | null;
  /** The calling thread's `errno`, to be read at once after a call. */
  errno(): number;
  /** A view of native memory. Nobody frees it but its owner. */
  view(memory: Pointer, byteLength: number): Uint8Array<ArrayBuffer>;
  address(memory: Pointer): number;
  pointerTo(address: number): Pointer;
  /** The address of the first byte of a buffer that does not move. */
  addressOfBuffer(buffer: ArrayBufferLike): number;
  /** Makes `fn` callable with a `union sigval` from any thread. */
  callback(fn: (value: number) => void): NativeCallback;
}
