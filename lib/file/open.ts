/** Opening a file, by the rules of `Deno.open`. */
import type { Buffer } from "node:buffer";
import { constants as fsConstants, fstatSync, open } from "node:fs";
import { lstat } from "node:fs/promises";
import { promisify } from "node:util";
import { runtime } from "../../ffi/current.ts";
import { assertWhole } from "../../ffi/permissions.ts";
import {
  assertFlag,
  assertObject,
  atMost,
  int32,
  nonNegative,
} from "../checks/arguments.ts";
import { nameOf } from "../checks/bytes.ts";
import { platform } from "../system/constants.ts";
import { AioError, errnoOf, withCallerFirst } from "../system/error.ts";
import { closeQuietly } from "../system/fs_descriptor.ts";
import { librt, reasonAgainst } from "../system/librt.ts";
import { isOpenFor } from "../system/open_flags.ts";
import { openNatively } from "../system/reopen.ts";
import { isServedByFs } from "../system/settings.ts";
import type { Path } from "./path.ts";

const { constants, errno: { EILSEQ, ELOOP, ENOENT } } = platform;
/** Made once: to make it takes as long as a good part of opening a file. */
const openPromised = promisify(open);
const DEFAULT_MODE = 0o666;
const MODE_MAX = 0o7777;

/**
 * How {@linkcode AioFile.open} opens a file, as `Deno.OpenOptions`, and more.
 *
 * @example A new file, every write of which is on disk when it is done
 * ```ts
 * import { AioFile, type OpenOptions } from "@posix/aio";
 * import { rmSync } from "node:fs";
 *
 * const path = "open_options.example";
 * const options: OpenOptions = {
 *   write: true,
 *   createNew: true,
 *   mode: 0o600,
 *   synchronous: "data",
 * };
 * {
 *   await using file = await AioFile.open(path, options);
 *   await file.writeAt(new Uint8Array(512), 0);
 * }
 * rmSync(path);
 * ```
 */
export interface OpenOptions {
  /** For reading; the default unless `write` or `append` is set. */
  read?: boolean | undefined;
  /** For writing. */
  write?: boolean | undefined;
  /** For writing at the end: `O_APPEND`. */
  append?: boolean | undefined;
  /** Empty the file first; needs `write`. */
  truncate?: boolean | undefined;
  /** Create the file if there is none; needs `write` or `append`. */
  create?: boolean | undefined;
  /** Create the file, and fail if there is one; needs `write` or `append`. */
  createNew?: boolean | undefined;
  /**
   * Permissions of a new file, before the process's umask.
   *
   * @default {0o666}
   */
  mode?: number | undefined;
  /**
   * Transfer past the page cache: `O_DIRECT`, on macOS `F_NOCACHE`. Offsets,
   * lengths and addresses must then be multiples of the device's block size.
   */
  direct?: boolean | undefined;
  /** Every write is on disk before it is done: `O_DSYNC` or `O_SYNC`. */
  synchronous?: "data" | "full" | undefined;
  /**
   * Further flags of `open(2)`, with the values of this system: those that have no
   * option of their own, such as `O_NOFOLLOW` or `O_NOATIME` of `constants` of
   * `node:fs`.
   *
   * @default {0}
   */
  flags?: number | undefined;
}

/** Those that have an option of their own, which `Deno.open` has rules for. */
const NAMED_FLAGS = constants.O_WRONLY | constants.O_RDWR | constants.O_APPEND |
  fsConstants.O_TRUNC | fsConstants.O_CREAT | constants.O_DIRECT |
  constants.O_DSYNC | constants.O_SYNC;

/**
 * Opens a file.
 *
 * @returns The descriptor, and the flags that it has.
 * @throws {AioError} If the system refuses.
 * @throws The runtime's own error if it does not permit it.
 */
export async function openFile(
  { exact, name: path }: Path,
  options: OpenOptions,
): Promise<{ fd: number; flags: number }> {
  const checked = checkedOptions(options);
  const flags = flagsOf(checked);
  const { direct, mode } = checked;
  assertPossible(path, checked);
  const fd = typeof exact === "string" || runtime.opensAnyPath
    ? await openByFs(exact, flags, mode)
    : openByBytes(exact, flags, mode);
  if (fd < 0) {
    const how = direct ? " for direct I/O" : "";
    const what = `Cannot open ${JSON.stringify(path)}${how}` +
      openHint(path, -fd);
    const particulars = { errno: -fd, syscall: "open", path };
    throw withCallerFirst(new AioError(what, particulars), openFile);
  }
  if (direct && constants.F_NOCACHE !== 0) {
    librt().fcntl(fd, constants.F_NOCACHE, 1);
  }
  return { fd, flags };
}

/** Returns the descriptor, or a negative error number. */
async function openByFs(
  path: string | Buffer,
  flags: number,
  mode: number,
): Promise<number> {
  // Deno's own error for it, where not everything is permitted, has no code.
  if (path.length === 0) return -ENOENT;
  const isForLink = runtime.followsLinks &&
    (flags & (fsConstants.O_NOFOLLOW ?? 0)) !== 0;
  try {
    return isForLink
      ? await openUnlessLink(path, flags, mode)
      : await openPromised(path, flags, mode);
  } catch (error) {
    const errno = errnoOf(error);
    // Such as a permission that was refused.
    if (errno === undefined) throw error;
    return -errno;
  }
}

/** What `O_NOFOLLOW` does, where the runtime itself follows links. Returns as above. */
async function openUnlessLink(
  path: string | Buffer,
  flags: number,
  mode: number,
): Promise<number> {
  // It needs a permission to look there, which is asked for.
  const before = await lstat(path).catch((error) => {
    if (errnoOf(error) !== ENOENT) throw error;
  });
  if (before?.isSymbolicLink()) return -ELOOP;
  const fd = await openPromised(path, flags, mode);
  // It may have become a link meanwhile.
  const named = await lstat(path, { bigint: true }).catch(() => null);
  try {
    const opened = fstatSync(fd, { bigint: true });
    if (named?.ino === opened.ino && named.dev === opened.dev) return fd;
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
  closeQuietly(fd);
  return -ELOOP;
}

/** Opens what Deno has no name for. Returns as above. */
function openByBytes(path: Buffer, flags: number, mode: number): number {
  if (isServedByFs()) return -EILSEQ;
  if (isOpenFor(flags, false)) assertWhole("read");
  if (isOpenFor(flags, true)) assertWhole("write");
  return openNatively(path, flags, mode);
}

/**
 * @throws {AioError} If the system has none of what was asked for, or only by native
 * calls that cannot be made.
 */
function assertPossible(path: string, options: OpenOptions): void {
  const { direct, synchronous } = options;
  const { O_DIRECT, O_DSYNC, F_NOCACHE } = constants;
  const hasDirect = O_DIRECT !== 0 ||
    F_NOCACHE !== 0 && reasonAgainst() === null;
  const what = direct && !hasDirect
    ? "direct"
    : synchronous !== undefined && O_DSYNC === 0
    ? "synchronous"
    : null;
  if (what === null) return;
  throw new AioError(`Cannot open ${JSON.stringify(path)} with ${what}`, {
    errno: platform.errno.EINVAL,
    syscall: "open",
    path,
  });
}

function openHint(path: string, errno: number): string {
  // A string is a path, as everywhere.
  if (errno === ENOENT && path.startsWith("file:")) {
    return " (a string is a path; for a URL, give a URL object)";
  }
  return errno === EILSEQ && !runtime.opensAnyPath
    ? ", which is not UTF-8: that takes --allow-ffi"
    : "";
}

/** What the options are at this moment, if each is of its type. */
function checkedOptions(
  options: OpenOptions,
): OpenOptions & { mode: number; flags: number } {
  assertObject(options, "options");
  const { read, write, append, truncate, create, createNew, direct } = options;
  const flags = { read, write, append, truncate, create, createNew, direct };
  for (const [name, flag] of Object.entries(flags)) assertFlag(flag, name);
  const { mode = DEFAULT_MODE, synchronous } = options;
  if (
    synchronous !== undefined && synchronous !== "data" &&
    synchronous !== "full"
  ) {
    throw new TypeError(
      `synchronous must be "data" or "full", but is ${nameOf(synchronous)}`,
    );
  }
  const { flags: wanted = 0 } = options;
  const further = nonNegative(int32(wanted, "flags"), "flags");
  if ((further & NAMED_FLAGS) !== 0) {
    throw new TypeError(
      `flags must have none that has an option of its own, but is 0o${
        further.toString(8)
      }: use read, write, append, truncate, create, direct and synchronous`,
    );
  }
  return {
    ...flags,
    mode: atMost(nonNegative(mode, "mode"), MODE_MAX, "mode"),
    synchronous,
    flags: further,
  };
}

/** The flags of `open(2)`, with the rules of `Deno.open` for combinations. */
function flagsOf(options: OpenOptions): number {
  const { write, append, truncate, create, createNew, synchronous } = options;
  const writes = write || append;
  const read = options.read ?? !writes;
  if (!read && !writes) {
    throw new TypeError(
      "A file must be opened for reading, writing or appending",
    );
  }
  if (truncate && (!write || append)) {
    throw new TypeError(
      "truncate needs write, and cannot be together with append",
    );
  }
  if ((create || createNew) && !writes) {
    throw new TypeError("create and createNew need write or append");
  }
  let flags = options.flags ?? 0;
  if (writes) flags |= read ? constants.O_RDWR : constants.O_WRONLY;
  if (append) flags |= constants.O_APPEND;
  if (truncate) flags |= fsConstants.O_TRUNC;
  if (create || createNew) flags |= fsConstants.O_CREAT;
  if (createNew) flags |= fsConstants.O_EXCL;
  if (options.direct) flags |= constants.O_DIRECT;
  if (synchronous === "data") flags |= constants.O_DSYNC;
  if (synchronous === "full") flags |= constants.O_SYNC;
  return flags;
}
