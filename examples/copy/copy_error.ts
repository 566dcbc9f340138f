/**
 * A part of the tool `copy.ts`: what it says of a copy that could not be made.
 *
 * @module
 */

import { codeOf, reasonOf } from "../shared/reasons.ts";

/** A copy that could not be made, in a sentence for the person who asked for it. */
export class CopyError extends Error {
  override name = "CopyError";
  /** The system's name of what went wrong, such as `"ENOSPC"`. */
  readonly code?: string;

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.code = (cause as { code?: string } | undefined)?.code;
  }
}

/** Says what could not be done, where an error is the system's or the runtime's. */
export function explain(what: string, error: unknown): unknown {
  if (error instanceof CopyError || !(error instanceof Error)) return error;
  if (error.name === "NotCapable") {
    return new CopyError(`${what}: ${error.message}`, error);
  }
  if (codeOf(error) === "") return error;
  const reason = reasonOf(error);
  const words = reason.charAt(0).toLowerCase() + reason.slice(1);
  return new CopyError(`${what}: ${words}`, error);
}
