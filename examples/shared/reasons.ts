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
 * An error in the form that all tools have: what could not be done, with what, and why.
 *
 * @param error What went wrong.
 * @returns A line, without the name of the tool.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { syscall, path } = failedCallOf(error);
  if (path === undefined) return error.message.replace(/^Cannot /, "cannot ");
  const reason = `${reasonOf(error)} (${codeOf(error)}, ${syscall})`;
  return `cannot ${syscall} "${path}": ${reason}`;
}

/** Of an error that puts it behind the reason: the library's have the form already. */
function failedCallOf(error: Error): { syscall?: string; path?: string } {
  if (codeOf(error) === "" || error.name === "AioError") return {};
  // Of Deno's own functions: "No such file or directory (os error 2): open 'file'".
  const [, syscall, path] =
    /\(os error \d+\): (\w+) '(.*)'$/s.exec(error.message) ?? [];
  return path === undefined
    ? error as NodeJS.ErrnoException
    : { syscall, path };
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
  return new Error(`${what}: ${reasonOf(error)}`, { cause: error });
}
