/**
 * Deno's permissions, for its own sources and for the package from npm. Node and Bun
 * permit all of this here: what they refuse is an error of the call.
 *
 * @module
 */
import process from "node:process";

/** As native calls are refused where nobody can be asked, or has said no. */
export const FFI_REFUSED = "Native calls are not permitted: run again with " +
  "--allow-ffi without a path";

/** All that Deno has. */
const NAMES = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;

/** A permission: for everything, or for one file or variable. */
export interface Permission {
  readonly name: typeof NAMES[number];
  readonly path?: string;
  readonly variable?: string;
}

interface Status {
  readonly state: string;
  /** Whether some of it is denied. */
  readonly partial?: boolean;
}

/** What is used of `Deno`, for which the package from npm has no types. */
interface UsedOfDeno {
  readonly build: { readonly target: string };
  readonly errors: { readonly NotCapable: new (message: string) => Error };
  readonly permissions: {
    querySync(permission: Permission): Status;
    requestSync(permission: Permission): Status;
  };
}

/** `null` on Node and Bun, and in a realm of `node:vm`, which has not got it. */
export function deno(): UsedOfDeno | null {
  if (process.versions.deno === undefined) return null;
  const { Deno = null } = globalThis as unknown as { Deno?: UsedOfDeno };
  return Deno;
}

/** Whether a permission is there already, whole. Nobody is asked for it. */
export function isGranted(permission: Permission): boolean {
  return isWhole(deno()?.permissions.querySync(permission));
}

/**
 * Where a part is denied, Deno takes the name of a library for that of a file in the
 * working directory.
 */
function isWhole(status: Status | undefined): boolean {
  return status === undefined || status.state === "granted" && !status.partial;
}

/** Whether all of them are, which Deno wants for files of `/proc`. */
export function isAllGranted(): boolean {
  return NAMES.every((name) => isGranted({ name }));
}

/**
 * A path that is not UTF-8 cannot be compared with the paths that are permitted: only
 * all of them will do.
 *
 * @throws Deno's own error unless every path is permitted.
 */
export function assertWhole(name: "read" | "write"): void {
  if (isGranted({ name })) return;
  throw notCapable(
    `A path that is not UTF-8 requires ${name} access to all files, ` +
      `run again with --allow-${name} without a path`,
  );
}

/**
 * Asks for native calls, unless they are permitted.
 *
 * @throws Deno's own error if that is refused.
 */
export function requestFfi(): void {
  const permission = { name: "ffi" } as const;
  if (isGranted(permission)) return;
  if (isWhole(deno()?.permissions.requestSync(permission))) return;
  throw notCapable(FFI_REFUSED);
}

function notCapable(message: string): Error {
  const { NotCapable } = deno()!.errors;
  return new NotCapable(message);
}
