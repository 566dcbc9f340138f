/**
 * The {@linkcode Runtime} on koffi, for Node and Bun, and for Deno with the package
 * from npm. A native address is a plain number here.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import { bindFunctions } from "./binding.ts";
import { clearInterval, setInterval } from "./event_loop.ts";
import { Arenas } from "./node/arenas.ts";
import { bunFunctions, isBun } from "./node/bun.ts";
import { denoVersion, isDeno, whyKoffiIsForbidden } from "./node/deno.ts";
import { functionsIn } from "./node/functions.ts";
import { isKoffiLoaded, keep, koffi, loadKoffi } from "./node/koffi.ts";
import { watcher } from "./node/watch.ts";
import {
  fileCallsAtOnce,
  nonblockingCallsMax,
  threadsOnDemand,
} from "./node/thread_pool.ts";
import { deno, isAllGranted } from "./permissions.ts";
import type { Platform } from "./platform.ts";
import type {
  NativeCallback,
  NativeFunctions,
  Pointer,
  Runtime,
} from "./runtime.ts";
import { mistakesFlags, whyNoDescriptors } from "./versions.ts";

/** A timer that never comes; the longest delay there is. */
const KEEPING_ALIVE_MS = 2 ** 31 - 1;

const WHY_NO_DESCRIPTORS = whyNoDescriptors(denoVersion);

const OS = process.platform === "win32" ? "windows" : process.platform;

let errnoView: Int32Array;
let arenas: Arenas;

/** See the module's documentation. */
export const runtime: Runtime = {
  host: {
    os: OS,
    arch: archOf(process.arch),
    isMusl: process.platform === "linux" && isMusl(),
  },
  nonblockingCallsMax: nonblockingCallsMax(),
  threadsOnDemand: threadsOnDemand(),
  // koffi crashes when more than 256 of its calls are under way.
  callbacksMax: 128,
  fileCallsAtOnce: fileCallsAtOnce(),
  roundsStatus: isDeno,
  duplicatesDescriptors: isDeno,
  tellsCloseErrors: !isDeno && !isBun,
  truncatedBytesMax: isBun ? 2 ** 52 - 1 : Number.MAX_SAFE_INTEGER,
  prefersBigOffsets: false,
  losesAwaiters: isBun,
  bindsAtImport: false,
  // Node starts another process, and Bun's --hot keeps the isolate.
  endsIsolatesFor: isDeno ? "restarts" : isBun ? "tests" : null,
  get unusable(): string | null {
    return WHY_NO_DESCRIPTORS ?? loadKoffi();
  },

  // Node's own flags make koffi unusable.
  get forbidden(): string | null {
    return isKoffiLoaded() ? null : whyKoffiIsForbidden();
  },

  get readsSystemFiles(): boolean {
    if (WHY_NO_DESCRIPTORS !== null || !isAllGranted()) return false;
    // Nobody is asked, but --permission may not allow it.
    return process.permission?.has("fs.read", "/proc/self/fdinfo") ?? true;
  },

  mistakesFlags: mistakesFlags(process.versions.bun, OS),
  movesPosition: WHY_NO_DESCRIPTORS !== null,
  // It costs Bun 5 us for each 64 KiB.
  copiesWebAssembly: isBun,
  losesPartialWrites: isDeno,
  followsLinks: isDeno,
  endsAtSizeLimit: isDeno,
  opensAnyPath: !isDeno,

  bind(platform: Platform): NativeFunctions | null {
    const native = bindFunctions(
      platform,
      (library) => functionsIn(library, platform),
    );
    if (native === null) return null;
    // errno has one address a thread, and an isolate stays on its thread.
    errnoView = new Int32Array(viewOf(native.errno_location()!, 4).buffer);
    arenas = new Arenas(native, viewOf);
    const { aligned_alloc, free } = arenas;
    return { ...native, ...bunFunctions(platform), aligned_alloc, free };
  },

  // Zeros take a third of the time of a read of 256 KiB on Bun.
  allocateUnsafe: (byteLength) =>
    new Uint8Array(Buffer.allocUnsafeSlow(byteLength).buffer as ArrayBuffer),

  errno(): number {
    return errnoView[0];
  },

  view(memory: Pointer, byteLength: number): Uint8Array<ArrayBuffer> {
    return arenas.viewOf(memory) ?? viewOf(memory, byteLength);
  },

  address: asNumber,

  pointerTo(address: number): Pointer {
    return address as unknown as Pointer;
  },

  addressOfBuffer(buffer: ArrayBufferLike): number {
    // Without native calls nobody is going to use the address.
    if (runtime.unusable !== null) return 0;
    // Older versions of Node-API know no SharedArrayBuffer, but its views.
    return Number(koffi().address(new Uint8Array(buffer as ArrayBuffer)));
  },

  get watch(): Runtime["watch"] {
    return watcher();
  },

  callback(fn: (value: number) => void): NativeCallback {
    // A union sigval travels in one register; its first 32 bits are the int.
    const proto = koffi().proto("void", ["int"]);
    const type = koffi().pointer(proto);
    keep(proto, type);
    const address = Number(koffi().register(fn, type));
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

function asNumber(pointer: Pointer): number {
  return pointer as unknown as number;
}

function viewOf(memory: Pointer, byteLength: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(koffi().view(asNumber(memory), byteLength));
}

function archOf(arch: string): string {
  return arch === "x64" ? "x86_64" : arch === "arm64" ? "aarch64" : arch;
}

/**
 * Deno knows which one it was made for. On Node `process.report` would tell as well, but
 * looks up the names of all hosts.
 */
function isMusl(): boolean {
  const target = deno()?.build.target;
  if (target !== undefined) return target.includes("musl");
  try {
    return readFileSync("/proc/self/maps", "utf8").includes("/ld-musl-");
  } catch {
    return false;
  }
}
