/**
 * The {@linkcode Runtime} on Deno's own FFI.
 *
 * @module
 */
import type { Platform } from "./platform.ts";
import type {
  NativeCallback,
  NativeFunctions,
  Pointer,
  Runtime,
} from "./runtime.ts";

// Integers of 64 bits would come back as BigInt and leave the fast path, and
// pointers take 17 ns a call where addresses as numbers take 63.
const SIGNATURES = {
  aio_read: { parameters: ["pointer"], result: "i32" },
  aio_write: { parameters: ["pointer"], result: "i32" },
  aio_fsync: { parameters: ["i32", "pointer"], result: "i32" },
  aio_error: { parameters: ["pointer"], result: "i32" },
  aio_return: { parameters: ["pointer"], result: "i32" },
  aio_cancel: { parameters: ["i32", "pointer"], result: "i32" },
  aio_suspend: {
    parameters: ["pointer", "i32", "pointer"],
    result: "i32",
    nonblocking: true,
  },
  lio_listio: {
    parameters: ["i32", "pointer", "i32", "pointer"],
    result: "i32",
  },
  sysconf: { parameters: ["i32"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  this_thread: { parameters: ["i64"], result: "i32" },
  poll: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  poll_nonblocking: {
    name: "poll",
    parameters: ["pointer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  getrusage: { parameters: ["i32", "pointer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  isatty: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "pointer", "usize"], result: "i32" },
  write: { parameters: ["i32", "pointer", "usize"], result: "i32" },
  pipe: { parameters: ["pointer"], result: "i32" },
  open: { parameters: ["pointer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  getdents: {
    parameters: ["i64", "i32", "pointer", "usize"],
    result: "i32",
  },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  aligned_alloc: { parameters: ["usize", "usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

const REQUIRED = Object.keys(SIGNATURES);

/** What not every C library has. */
const OPTIONAL = {
  aio_init: { parameters: ["pointer"], result: "void" },
  ptsname_r: { parameters: ["i32", "pointer", "usize"], result: "i32" },
  preadv2: {
    parameters: ["i32", "pointer", "i32", "i64", "i32"],
    result: "i32",
  },
  pwritev2: {
    parameters: ["i32", "pointer", "i32", "i64", "i32"],
    result: "i32",
  },
  statx: {
    parameters: ["i32", "pointer", "i32", "u32", "pointer"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

function declare(platform: Platform): Deno.ForeignLibraryInterface {
  const declared: Record<string, Deno.ForeignFunction> = {};
  for (const [name, signature] of Object.entries(SIGNATURES)) {
    const standardName = "name" in signature ? signature.name : name;
    const systemName = platform.symbols[standardName] ?? standardName;
    declared[name] = { ...signature, name: systemName, optional: true };
  }
  for (const [name, signature] of Object.entries(OPTIONAL)) {
    declared[name] = { ...signature, optional: true };
  }
  declared.errnoLocation = {
    name: platform.errnoLocation,
    parameters: [],
    result: "pointer",
    optional: true,
  };
  return declared as Deno.ForeignLibraryInterface;
}

/** The first Deno whose `node:fs` descriptors are the operating system's own. */
const OLDEST_DENO = "2.7.12";

const asPointer = (pointer: Deno.PointerObject): Pointer =>
  pointer as unknown as Pointer;
const asPointerObject = (pointer: Pointer): Deno.PointerObject =>
  pointer as unknown as Deno.PointerObject;

let errnoView: Int32Array | null = null;

/** {@linkcode Runtime} for Deno. */
export const runtime: Runtime = {
  name: "deno",
  host: {
    os: Deno.build.os,
    arch: Deno.build.arch,
    libc: libcOf(Deno.build.os, Deno.build.target),
  },
  nonblockingCallsMax: Infinity,
  // Up to 32 for file functions, but it makes do with one.
  threadsOnDemand: 12,
  callbacksMax: Infinity,
  bindsAtImport: isPermitted(),
  unusable: isOlder(Deno.version.deno, OLDEST_DENO)
    ? `Deno ${Deno.version.deno} gives resource numbers where a file ` +
      `descriptor is needed; Deno ${OLDEST_DENO} or newer gives descriptors`
    : null,

  bind(platform: Platform): NativeFunctions | null {
    const found: Record<string, unknown> = {};
    for (const library of platform.libraries) {
      for (const [name, fn] of Object.entries(symbolsOf(library, platform))) {
        if (fn !== null) found[name] ??= fn;
      }
    }
    const { errnoLocation, ...functions } = found;
    const isComplete = errnoLocation !== undefined &&
      REQUIRED.every((name) => name in functions);
    if (!isComplete) {
      assertWholePermission();
      return null;
    }
    // errno has one address a thread, and an isolate stays on its thread.
    const location = (errnoLocation as () => Deno.PointerObject)();
    errnoView = new Int32Array(
      Deno.UnsafePointerView.getArrayBuffer(location, 4),
    );
    for (const name of Object.keys(OPTIONAL)) functions[name] ??= null;
    const native = functions as unknown as NativeFunctions;
    const { lseek } = native;
    native.lseek = (...args) => Number(lseek(...args));
    return native;
  },

  errno(): number {
    return errnoView![0];
  },

  view(memory: Pointer, byteLength: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(
        asPointerObject(memory),
        byteLength,
      ),
    );
  },

  address(memory: Pointer): number {
    return Number(Deno.UnsafePointer.value(asPointerObject(memory)));
  },

  pointerTo(address: number): Pointer {
    return asPointer(Deno.UnsafePointer.create(BigInt(address))!);
  },

  addressOfBuffer(buffer: ArrayBufferLike): number {
    const pointer = Deno.UnsafePointer.of(
      new Uint8Array(buffer as ArrayBuffer),
    );
    return Number(Deno.UnsafePointer.value(pointer));
  },

  callback(fn: (value: number) => void): NativeCallback {
    const callback = Deno.UnsafeCallback.threadSafe(
      // A union sigval travels in one register; its first 32 bits are the int.
      { parameters: ["i32"], result: "void" },
      fn,
    );
    callback.unref();
    let referenced = false;
    return {
      address: Number(Deno.UnsafePointer.value(callback.pointer)),
      setReferenced(wanted: boolean): void {
        if (wanted === referenced) return;
        referenced = wanted;
        if (wanted) callback.ref();
        else callback.unref();
      },
    };
  },
};

/** The functions a library has; on FreeBSD it takes two to have all. */
function symbolsOf(library: string, platform: Platform): object {
  try {
    return Deno.dlopen(library, declare(platform)).symbols;
  } catch (error) {
    // A refused permission is for the user to see; a library that is not there
    // only means that the others have to have everything.
    if (
      error instanceof Deno.errors.NotCapable ||
      error instanceof Deno.errors.PermissionDenied
    ) throw error;
    return {};
  }
}

function isPermitted(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/**
 * A permission for some paths is for files, and a library's name is then one in
 * the working directory. What Deno has for native memory needs the whole one.
 */
function assertWholePermission(): void {
  if (isPermitted()) return;
  throw new Deno.errors.NotCapable(
    "The C library cannot be used with --allow-ffi for some paths only: " +
      "run again with --allow-ffi without a path",
  );
}

function libcOf(os: string, target: string): Platform["libc"] | null {
  switch (os) {
    case "linux":
      return target.includes("musl") ? "musl" : "glibc";
    case "darwin":
      return "libSystem";
    case "freebsd":
    case "netbsd":
      return os;
    default:
      return null;
  }
}

function isOlder(version: string, than: string): boolean {
  const left = version.split(/[.+-]/).map(Number);
  const right = than.split(".").map(Number);
  for (let part = 0; part < right.length; part++) {
    if (left[part] !== right[part]) return left[part] < right[part];
  }
  return false;
}
