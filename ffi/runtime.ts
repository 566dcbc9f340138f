/**
 * What the library needs of a JavaScript runtime: synchronous and nonblocking
 * calls into the C library, native memory seen through an `ArrayBuffer`,
 * addresses of buffers, and functions that foreign threads may call. One file a
 * runtime implements it; nothing above `ffi/` knows which one is in use.
 *
 * @module
 */
import type { Platform } from "./platform.ts";
import type {
  FunctionName,
  ParameterType,
  Signature,
  SIGNATURES,
} from "./signatures.ts";

declare const pointerBrand: unique symbol;

/**
 * A native address in the form in which the runtime's calls take it fastest
 * (an object on Deno, a number with koffi). Opaque on purpose: arithmetic is
 * done on plain numbers, see {@linkcode Runtime.pointerTo}.
 */
export interface Pointer {
  readonly [pointerBrand]: true;
}

/** What a parameter of the signatures is in TypeScript. */
interface ParameterTypes {
  int: number;
  uint: number;
  long: number | bigint;
  offset: number | bigint;
  size: number;
  pointer: Pointer;
  nullable: Pointer | null;
}

/** What a result of the signatures is in TypeScript. */
interface ResultTypes {
  int: number;
  long: number;
  offset: number;
  pointer: Pointer | null;
  void: void;
}

type Arguments<Types extends readonly ParameterType[]> = {
  [At in keyof Types]: ParameterTypes[Types[At]];
};

type Outcome<Called extends Signature> = Called extends { nonblocking: true }
  ? Promise<ResultTypes[Called["result"]]>
  : ResultTypes[Called["result"]];

type NativeFunction<Called extends Signature> =
  | ((...args: Arguments<Called["parameters"]>) => Outcome<Called>)
  | (Called extends { optional: true } ? null : never);

/** The C functions of `signatures.ts`, as the runtime binds them. */
export type NativeFunctions = {
  [Name in FunctionName]: NativeFunction<typeof SIGNATURES[Name]>;
};

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
  /** Whether the C library of Linux is musl. */
  readonly isMusl: boolean;
}

/** What looks whether a ring of the kernel's has completions. */
export interface Watch {
  /**
   * Looks until {@linkcode stop}, and keeps the process alive meanwhile.
   *
   * @returns Whether that can be relied on; something else has to wait if not.
   */
  start(): boolean;
  stop(): void;
}

/** What a runtime implements. */
export interface Runtime {
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
  /**
   * How many calls of its `node:fs` to begin at once while others are out. More of them
   * begin together, where to wake a thread for each takes longer than a cached read.
   */
  readonly fileCallsAtOnce: number;
  /** Whether `fstat` of its `node:fs` rounds times, and long sizes, as bigints too. */
  readonly roundsStatus: boolean;
  /**
   * Whether promises and callbacks of its `node:fs` are served by a duplicate of the
   * descriptor: when that is closed, the process loses its record locks on the file.
   */
  readonly duplicatesDescriptors: boolean;
  /** Whether `close()` of its `node:fs` tells what the system reports. */
  readonly tellsCloseErrors: boolean;
  /**
   * Whether a stack that is taken while a promise is being rejected lacks the
   * functions that await another one, which follows that.
   */
  readonly losesAwaiters: boolean;
  /** To how many bytes `ftruncate()` of its `node:fs` sets the size of a file, at most. */
  readonly truncatedBytesMax: number;
  /** Whether its calls take a bigint for an offset faster than a number. */
  readonly prefersBigOffsets: boolean;
  /** How many calls of a {@linkcode NativeCallback} may be due at once. */
  readonly callbacksMax: number;
  /**
   * Whether to bind the C library when the module is imported. Deno's sanitizers
   * take a library that a test opens for a leak; but nobody is to be asked for a
   * permission then.
   */
  readonly bindsAtImport: boolean;
  /**
   * For what the command line may have it end the isolate while the process lives on:
   * to start the program again when its files change, or to give the next file of tests
   * one of its own. `null` if it never does.
   */
  readonly endsIsolatesFor: "restarts" | "tests" | null;
  /**
   * Why this runtime cannot call native code at all, if so. It may throw its own error
   * where it does not permit native calls, which it may ask somebody about.
   */
  readonly unusable: string | null;
  /**
   * What is missing for native calls of which nobody is asked for a permission; `null`
   * if nothing is.
   */
  readonly forbidden: string | null;
  /**
   * Whether `node:fs` can be asked for files of `/proc` by the numbers that it has
   * for descriptors: those are the system's own, and nobody is asked for a permission.
   */
  readonly readsSystemFiles: boolean;
  /** Whether `node:fs` takes the flags that it has for those of another system. */
  readonly mistakesFlags: boolean;
  /**
   * Whether a transfer of `node:fs` at an offset moves the descriptor's position
   * there: two of them at once would have each other's.
   */
  readonly movesPosition: boolean;
  /**
   * Whether `node:fs` copies what it reads into WebAssembly's memory: to have it read
   * into an ordinary array, and to copy from there, takes less time then.
   */
  readonly copiesWebAssembly: boolean;
  /**
   * Whether `writeSync()` of its `node:fs` goes on until everything is written, and
   * does not tell how much was if it then fails.
   */
  readonly losesPartialWrites: boolean;
  /**
   * Whether `node:fs` may look where a link leads to, and open that, although
   * `O_NOFOLLOW` is given.
   */
  readonly followsLinks: boolean;
  /** Whether the signal that comes with `EFBIG` ends the process. */
  readonly endsAtSizeLimit: boolean;
  /** Whether `node:fs` opens a path that is not UTF-8, given as bytes. */
  readonly opensAnyPath: boolean;
  /**
   * Binds the C functions.
   *
   * @param platform Names the libraries to look in, in order.
   * @returns The functions, or `null` where none of the libraries has them.
   * @throws The runtime's own error where it does not permit native calls.
   */
  bind(platform: Platform): NativeFunctions | null;
  /**
   * Memory for bytes that are going to be overwritten. It has anything in it where
   * that takes less time than zeros.
   */
  allocateUnsafe(byteLength: number): Uint8Array<ArrayBuffer>;
  /** The calling thread's `errno`, to be read at once after a call. */
  errno(): number;
  /** A view of native memory. Nobody frees it but its owner. */
  view(memory: Pointer, byteLength: number): Uint8Array<ArrayBuffer>;
  address(memory: Pointer): number;
  pointerTo(address: number): Pointer;
  /**
   * The address of the first byte of a buffer that does not move; 0 where nothing
   * native can be called.
   */
  addressOfBuffer(buffer: ArrayBufferLike): number;
  /**
   * Has the event loop itself look at a ring, by its descriptor; `null` where it
   * can't, so that this takes a call on a thread. `ready` is called for nothing, too.
   */
  readonly watch: ((ring: number, ready: () => void) => Watch | null) | null;
  /** Makes `fn` callable with a `union sigval` from any thread. */
  callback(fn: (value: number) => void): NativeCallback;
}
