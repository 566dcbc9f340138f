/**
 * The {@linkcode Runtime} on Deno's own FFI.
 *
 * @module
 */
import {
  bindFunctions,
  type FoundFunctions,
  type Native,
  symbolOf,
} from "./binding.ts";
import {
  FFI_REFUSED,
  isAllGranted,
  isGranted,
  requestFfi,
} from "./permissions.ts";
import type { Platform } from "./platform.ts";
import type {
  NativeCallback,
  NativeFunctions,
  Pointer,
  Runtime,
} from "./runtime.ts";
import {
  type ParameterType,
  type ResultType,
  SIGNATURE_ROWS,
} from "./signatures.ts";
import { whyNoDescriptors } from "./versions.ts";
import { watchRing } from "./watch_deno.ts";

/**
 * The words of the signatures. Pointers take 17 ns a call where addresses as
 * numbers take 63.
 */
const TYPES = {
  int: "i32",
  uint: "u32",
  long: "i64",
  offset: "i64",
  size: "usize",
  pointer: "pointer",
  nullable: "pointer",
  void: "void",
} as const satisfies Record<
  ParameterType | ResultType,
  Deno.NativeResultType
>;

function declare(platform: Platform): Deno.ForeignLibraryInterface {
  const declared: Record<string, Deno.ForeignFunction> = {};
  for (const [name, signature] of SIGNATURE_ROWS) {
    declared[name] = {
      name: symbolOf(name, signature, platform),
      parameters: signature.parameters.map((type) => TYPES[type]),
      result: TYPES[signature.result],
      nonblocking: signature.nonblocking ?? false,
      // Another library may have it.
      optional: true,
    };
  }
  return declared as Deno.ForeignLibraryInterface;
}

const FFI = { name: "ffi" } as const;

const WHY_NO_DESCRIPTORS = whyNoDescriptors(Deno.version.deno);

const asPointer = (pointer: Deno.PointerObject): Pointer =>
  pointer as unknown as Pointer;
const asPointerObject = (pointer: Pointer): Deno.PointerObject =>
  pointer as unknown as Deno.PointerObject;

let bound: NativeFunctions | null = null;
let errnoView: Int32Array | null = null;

/** {@linkcode Runtime} for Deno. */
export const runtime: Runtime = {
  host: {
    os: Deno.build.os,
    arch: Deno.build.arch,
    isMusl: Deno.build.target.includes("musl"),
  },
  nonblockingCallsMax: Infinity,
  // Up to 32 for file functions, but it makes do with one.
  threadsOnDemand: 12,
  callbacksMax: Infinity,
  fileCallsAtOnce: Infinity,
  roundsStatus: true,
  duplicatesDescriptors: true,
  tellsCloseErrors: false,
  truncatedBytesMax: Number.MAX_SAFE_INTEGER,
  prefersBigOffsets: true,
  losesAwaiters: false,
  bindsAtImport: isGranted(FFI),
  endsIsolatesFor: "restarts",
  unusable: WHY_NO_DESCRIPTORS,

  get forbidden(): string | null {
    return isGranted(FFI) ? null : FFI_REFUSED;
  },

  get readsSystemFiles(): boolean {
    return runtime.unusable === null && isAllGranted();
  },

  mistakesFlags: false,
  movesPosition: WHY_NO_DESCRIPTORS !== null,
  copiesWebAssembly: false,
  losesPartialWrites: true,
  // Unless everything is permitted.
  followsLinks: true,
  endsAtSizeLimit: true,
  // It puts U+FFFD into their place.
  opensAnyPath: false,

  bind(platform: Platform): NativeFunctions | null {
    // Deno would ask for each library, and take its name for that of a file in the
    // working directory.
    requestFfi();
    const native = bindFunctions(
      platform,
      (library) => functionsIn(library, platform),
    );
    if (native === null) return null;
    // errno has one address a thread, and an isolate stays on its thread.
    const location = native.errno_location()!;
    errnoView = new Int32Array(
      Deno.UnsafePointerView.getArrayBuffer(asPointerObject(location), 4),
    );
    return bound = native;
  },

  // Its node:buffer has no faster memory: that is filled with zeros as well.
  allocateUnsafe: (byteLength) => new Uint8Array(byteLength),

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

  watch: (ring, ready) => watchRing(bound!, ring, ready),

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

/** What a library has, with results as TypeScript has them in `runtime.ts`. */
function functionsIn(library: string, platform: Platform): FoundFunctions {
  const functions: FoundFunctions = { ...symbolsOf(library, platform) };
  for (const [name, { result }] of SIGNATURE_ROWS) {
    const fn = functions[name];
    if (TYPES[result] === "i64" && fn) functions[name] = withNumber(fn);
  }
  return functions;
}

/** 64 bits come as a BigInt. */
function withNumber(fn: Native): Native {
  return (...args) => Number(fn(...args));
}

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
