/**
 * A part of the tool `tail.ts`: the part of a file that it prints, and where that begins.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type AioFile, allocatePinned } from "../../mod.ts";

/** How much of a file is read at a time. */
export const BLOCK_BYTES = 64 << 10;
const NEWLINE = 10;

/** Which part of a file: from a place at its beginning, or the last so many. */
export interface Part {
  unit: "lines" | "bytes";
  /** Counts from the beginning, and the first is number 1. */
  isFromStart: boolean;
  count: number;
}

/**
 * Finds where the last lines of a file begin, reading as few blocks as it can.
 *
 * @param file The file.
 * @param end Where its last line ends, in bytes.
 * @param lines How many lines; the last one may lack its end.
 * @param begin Where the first line of all begins, in bytes.
 * @returns Where the first of them begins, in bytes.
 */
export async function startOfLastLines(
  file: AioFile,
  end: number,
  lines: number,
  begin = 0,
): Promise<number> {
  if (lines === 0) return end;
  const block = allocatePinned(BLOCK_BYTES);
  let left = lines;
  // The end of the last line is not the beginning of another.
  for (let blockEnd = end - 1; blockEnd > begin;) {
    const start = Math.max(begin, blockEnd - BLOCK_BYTES);
    const wanted = block.subarray(0, blockEnd - start);
    const bytes = wanted.subarray(0, await file.readAt(wanted, start));
    let at = bytes.length;
    while ((at = bytes.subarray(0, at).lastIndexOf(NEWLINE)) >= 0) {
      if (--left === 0) return start + at + 1;
    }
    blockEnd = start;
  }
  return begin;
}

/** Takes the beginning off what comes in blocks. */
export class Skipper {
  #left: number;
  readonly #unit: Part["unit"];

  constructor({ unit, count }: Part) {
    this.#unit = unit;
    this.#left = Math.max(0, count - 1);
  }

  /** What is left of the next block. */
  take(block: Uint8Array): Uint8Array {
    let start = 0;
    if (this.#unit === "bytes") {
      start = Math.min(this.#left, block.length);
      this.#left -= start;
    }
    while (this.#unit === "lines" && this.#left > 0) {
      const end = block.indexOf(NEWLINE, start);
      if (end < 0) return block.subarray(block.length);
      start = end + 1;
      this.#left--;
    }
    return block.subarray(start);
  }
}

/** Keeps the last part of what comes in blocks and cannot be read again. */
export class Keeper {
  readonly #blocks: { bytes: Uint8Array; lines: number }[] = [];
  #bytes = 0;
  #lines = 0;
  readonly #part: Part;

  constructor(part: Part) {
    this.#part = part;
  }

  add(bytes: Uint8Array): void {
    if (this.#part.count === 0) return;
    const lines = linesIn(bytes);
    this.#blocks.push({ bytes, lines });
    this.#bytes += bytes.length;
    this.#lines += lines;
    while (this.#isEnoughWithout(this.#blocks[0])) {
      const first = this.#blocks.shift()!;
      this.#bytes -= first.bytes.length;
      this.#lines -= first.lines;
    }
  }

  /** The part, now that it is known what is last. */
  last(): Uint8Array {
    const all = Buffer.concat(this.#blocks.map(({ bytes }) => bytes));
    const { unit, count } = this.#part;
    if (unit === "bytes") return all.subarray(Math.max(0, all.length - count));
    let start = Math.max(0, all.length - 1);
    for (let left = count; left > 0 && start >= 0; left--) {
      // From -1 on it would search from the end.
      start = start > 0 ? all.lastIndexOf(NEWLINE, start - 1) : -1;
    }
    return all.subarray(start + 1);
  }

  #isEnoughWithout(first: { bytes: Uint8Array; lines: number }): boolean {
    const { unit, count } = this.#part;
    if (this.#blocks.length === 1) return false;
    return unit === "bytes"
      ? this.#bytes - first.bytes.length >= count
      // The line before the first one ends it; the last one may lack its end.
      : this.#lines - first.lines > count;
  }
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = -1; (at = bytes.indexOf(NEWLINE, at + 1)) >= 0;) lines++;
  return lines;
}
