/**
 * What goes wrong with files, in the words that the tools of the system use.
 *
 * @module
 */

const REASONS: Record<string, string> = {
  EACCES: "Permission denied",
  EDQUOT: "Disk quota exceeded",
  EFBIG: "File too large",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Too many levels of symbolic links",
  EMFILE: "Too many open files",
  ENAMETOOLONG: "File name too long",
  ENOENT: "No such file or directory",
  ENOSPC: "No space left on device",
  ENOTDIR: "Not a directory",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  EPIPE: "Broken pipe",
  EROFS: "Read-only file system",
};

/** The system's name of what went wrong, such as `"ENOSPC"`; empty if it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

/** What went wrong, in words: the system's, or else the error's own. */
export function reasonOf(error: unknown): string {
  return REASONS[codeOf(error)] ?? (error as Error).message;
}

/**
 * Says what could not be done, where an error is the system's or the runtime's; another
 * is a sentence already.
 *
 * @param what What could not be done, with which file.
 * @param error Why.
 * @returns The error to throw.
 */
export function explained(what: string, error: unknown): unknown {
  if ((error as Error | null)?.name === "NotCapable") {
    return new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
  if (codeOf(error) === "") return error;
  const reason = reasonOf(error);
  const words = reason.charAt(0).toLowerCase() + reason.slice(1);
  return new Error(`${what}: ${words}`, { cause: error });
}
