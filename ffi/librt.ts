/**
 * The C library's asynchronous I/O, bound once for this isolate on first use.
 *
 * @module
 */
import { lacksDescriptors } from "./lacks_descriptors.ts";
import type { Platform } from "./platform.ts";
import { platformFor } from "./platforms.ts";
import type { NativeFunctions } from "./runtime.ts";
import { runtime } from "./current.ts";

/** What a bound system offers. */
export interface Librt extends NativeFunctions {
  readonly platform: Platform;
}

/** Says why this system has no asynchronous I/O for the library. */
export class UnavailableError extends Error {
  override name = "UnavailableError";
  /** Whether that passes: the process has no descriptors left. */
  isPassing = false;
}

let bound: Librt | UnavailableError | null = null;

/**
 * The bound functions.
 *
 * @throws {UnavailableError} Where the system or the runtime has none.
 * @throws The runtime's own error where native calls are not permitted; a
 * later call tries again, because a permission may be granted meanwhile.
 */
export function librt(): Librt {
  const found = bound ?? bind();
  if (!(found instanceof UnavailableError)) return bound = found;
  found.isPassing ||= bound === null && lacksDescriptors();
  if (!found.isPassing) bound = found;
  throw found;
}

/**
 * Why the C library cannot be called, if so. Nobody is asked for a permission.
 */
export function whyUnavailable(): string | null {
  const forbidden = bound === null ? runtime.forbidden : null;
  if (forbidden !== null) return forbidden;
  try {
    librt();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The table of the system this is, or why there is none. */
export function hostPlatform(): Platform | UnavailableError {
  const { os, arch, isMusl } = runtime.host;
  return platformFor(os, arch, isMusl) ?? new UnavailableError(
    `POSIX asynchronous I/O is not available on ${os} ${arch}: ` +
      "the library knows Linux, macOS, FreeBSD and NetBSD on x86-64 and ARM64",
  );
}

function bind(): Librt | UnavailableError {
  if (runtime.unusable !== null) return new UnavailableError(runtime.unusable);
  const platform = hostPlatform();
  if (platform instanceof UnavailableError) return platform;
  const native = runtime.bind(platform);
  if (native === null) {
    return new UnavailableError(
      "The C library's aio functions were not found in " +
        platform.libraries.join(", "),
    );
  }
  if (runtime.endsAtSizeLimit) ignoreSizeSignal(native, platform);
  return { ...native, platform };
}

// The same everywhere.
const SIGXFSZ = 25;
const SIG_IGN = 1;
/** `"abs"`, a function of the C library that does nothing with a signal's number. */
const HARMLESS = Uint8Array.of(0x61, 0x62, 0x73, 0);
/** More than a `struct sigaction` has anywhere. */
const SIGACTION_BYTES_MAX = 256;

/**
 * What would be longer than `ulimit -f` allows fails with `EFBIG`, and the process goes
 * on, as Node has it. Who listens to the signal still hears of it.
 */
function ignoreSizeSignal(native: NativeFunctions, { os }: Platform): void {
  const { aligned_alloc, dlsym, free, sigaction, signal } = native;
  const memory = aligned_alloc(SIGACTION_BYTES_MAX, SIGACTION_BYTES_MAX);
  if (memory === null) return;
  const bytes = runtime.view(memory, SIGACTION_BYTES_MAX);
  sigaction(SIGXFSZ, null, memory);
  // It begins with the function, SIG_DFL is none.
  const isDefault = bytes.subarray(0, 8).every((byte) => byte === 0);
  bytes.set(HARMLESS);
  // What is ignored is ignored in processes that are started, too.
  const handler = dlsym?.(os === "linux" ? 0 : -2, memory) || SIG_IGN;
  free(memory);
  if (isDefault) signal(SIGXFSZ, handler);
}

if (runtime.bindsAtImport) {
  try {
    librt();
  } catch {
    // Importing never fails: the first use tells.
  }
}
