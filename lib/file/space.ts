/** `AioFile.allocate()`, `punchHole()` and `advise()`. */
import { nonNegative, positive } from "../checks/arguments.ts";
import { nameOf } from "../checks/bytes.ts";
import { fileOffset } from "../checks/offset.ts";
import type { OpenFile } from "../requests/open_file.ts";
import { platform } from "../system/constants.ts";
import * as system from "../system/space.ts";

const { constants } = platform;

/**
 * How a file is going to be read, as `posix_fadvise` takes it.
 *
 * @example
 * ```ts
 * import { type Advice, AioFile } from "@posix/aio";
 *
 * const advice: Advice = "sequential";
 * await using file = await AioFile.open("deno.lock");
 * if (Deno.build.os === "linux") await file.advise(advice);
 * ```
 */
export type Advice =
  /** None: the system reads ahead as it likes. */
  | "normal"
  /** At random: nothing is read ahead. */
  | "random"
  /** From its begin to its end: more is read ahead. */
  | "sequential"
  /** Soon: it is read ahead now. */
  | "willneed"
  /** Not soon: what is on disk goes out of the page cache. */
  | "dontneed"
  /** Once. */
  | "noreuse";

const ADVICE: Readonly<Record<Advice, number>> = {
  normal: constants.POSIX_FADV_NORMAL,
  random: constants.POSIX_FADV_RANDOM,
  sequential: constants.POSIX_FADV_SEQUENTIAL,
  willneed: constants.POSIX_FADV_WILLNEED,
  dontneed: constants.POSIX_FADV_DONTNEED,
  noreuse: constants.POSIX_FADV_NOREUSE,
};

/** See {@linkcode AioFile.allocate}. */
export function allocate(
  file: OpenFile,
  offset: number | bigint,
  length: number,
): Promise<void> {
  const range = rangeOf("allocate", offset, length);
  return file.changing((fd) => system.allocateSpace(file.named, fd, range));
}

/** See {@linkcode AioFile.punchHole}. */
export function punchHole(
  file: OpenFile,
  offset: number | bigint,
  length: number,
): Promise<void> {
  const range = rangeOf("punch a hole", offset, length);
  return file.changing((fd) => system.punchHole(file.named, fd, range));
}

/** See {@linkcode AioFile.advise}. */
export function advise(
  file: OpenFile,
  advice: Advice,
  offset: number | bigint,
  length: number,
): Promise<void> {
  if (!Object.hasOwn(ADVICE, advice)) {
    const known = Object.keys(ADVICE).map((name) => `"${name}"`).join(", ");
    throw new TypeError(
      `advice must be one of ${known}, but is ${nameOf(advice)}`,
    );
  }
  const at = fileOffset("advise", offset);
  if (length !== Infinity) nonNegative(length, "length");
  if (length === 0) return Promise.resolve();
  // To the system 0 is as far as the file goes.
  const range = { offset: at, length: length === Infinity ? 0 : length };
  return file.during(system.advise(file.named, range, ADVICE[advice]));
}

/** A range that has bytes. */
function rangeOf(operation: string, offset: number | bigint, length: number) {
  return {
    offset: fileOffset(operation, offset),
    length: positive(length, "length"),
  };
}
