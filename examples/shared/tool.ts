/**
 * What makes a program a tool: what it prints, how it tells errors, and the status that
 * it exits with.
 *
 * @module
 */

import { writeSync } from "node:fs";
import process from "node:process";
import { Help, UsageError } from "./command_line.ts";
import { messageOf, reasonOf } from "./reasons.ts";
import { Stopped } from "./stopping.ts";

const SIGPIPE = 13;

/** Standard output takes no more. */
export class OutputError extends Error {
  override name = "OutputError";
  readonly isReaderGone: boolean;

  constructor(cause: Error) {
    super(`cannot write to standard output: ${reasonOf(cause)}`, { cause });
    this.isReaderGone = (cause as { code?: string }).code === "EPIPE";
  }
}

/** Prints, and returns when it is written: nothing gets lost in a buffer. */
export function print(data: string | Uint8Array): void {
  const bytes = typeof data === "string"
    ? new TextEncoder().encode(data)
    : data;
  try {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(process.stdout.fd, bytes, at);
    }
  } catch (error) {
    throw new OutputError(error as Error);
  }
}

/**
 * Tells on standard error what went wrong: `tool: what: why`.
 *
 * @param name The name of the tool.
 * @param error An error, or a sentence.
 */
export function complain(name: string, error: unknown): void {
  console.error(`${name}: ${messageOf(error)}`);
}

/**
 * Runs a tool, and ends the process: with the status that `main` returns, or 0. An error
 * is told in one line and exits with 1, a wrong usage with 2, a signal with 128 and its
 * number.
 *
 * @param name The name that goes before what is told.
 * @param main The tool; it gets the arguments.
 * @param usageStatus Instead of 2.
 */
export async function runTool(
  name: string,
  main: (args: string[]) => Promise<number | void>,
  usageStatus = 2,
): Promise<never> {
  let status: number;
  try {
    status = await main(process.argv.slice(2)) ?? 0;
  } catch (error) {
    status = tell(name, error, usageStatus);
  }
  process.exit(status);
}

/** Tells how a tool has ended. Returns the exit status. */
function tell(name: string, error: unknown, usageStatus: number): number {
  if (error instanceof Help) {
    console.log(error.message);
    return 0;
  }
  // What a filter does when nobody reads on is to end without a word.
  if (error instanceof OutputError && error.isReaderGone) return 128 + SIGPIPE;
  if (error instanceof UsageError) {
    complain(name, `${error.message} (--help tells the usage)`);
    return usageStatus;
  }
  if (isSuppressed(error)) {
    // What came first is why the tool has ended; the other, what came of closing.
    const status = tell(name, error.suppressed, usageStatus);
    tell(name, error.error, usageStatus);
    return status;
  }
  complain(name, error);
  return error instanceof Stopped ? error.status : 1;
}

/** Not of a class that every runtime has. */
function isSuppressed(error: unknown): error is SuppressedError {
  return error instanceof Error && error.name === "SuppressedError";
}
