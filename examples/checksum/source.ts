/**
 * A part of the tool `checksum.ts`: where the bytes come from.
 *
 * @module
 */

import * as fs from "node:fs";
import { promisify } from "node:util";
import type { AioFile } from "../../mod.ts";

/** Where the bytes come from. */
export interface Source {
  /** How many bytes may be read ahead; what comes after them is read in turn. */
  readonly size: number;
  /** Reads a block; it is not full only at the end. */
  read(into: Uint8Array, offset: number): Promise<number>;
}

/** Reads until the block is full, from what gives no more than it has now. */
async function fill(
  into: Uint8Array,
  readSome: (into: Uint8Array, length: number) => Promise<number>,
): Promise<number> {
  let length = 0;
  while (length < into.byteLength) {
    const bytes = await readSome(into.subarray(length), length);
    if (bytes === 0) break;
    length += bytes;
  }
  return length;
}

export async function sourceOf(file: AioFile): Promise<Source> {
  const size = await file.size();
  if (size > 0) {
    return {
      size,
      read: (into, offset) => file.readAt(into, offset),
    };
  }
  // A pipe, or a file of /proc, which claim to be empty.
  return {
    size,
    read: (into, offset) =>
      fill(into, (rest, length) => file.readAt(rest, offset + length)),
  };
}

const readDescriptor = promisify(fs.read) as unknown as (
  fd: number,
  into: Uint8Array,
  offset: number,
  length: number,
  position: null,
) => Promise<{ bytesRead: number }>;

/** It has a position of its own, which only a read without an offset respects. */
export const standardInput: Source = {
  size: 0,
  read: (into) =>
    fill(into, async (rest) => {
      const own = new Uint8Array(rest.byteLength);
      const { bytesRead } = await readDescriptor(0, own, 0, own.length, null);
      rest.set(own.subarray(0, bytesRead));
      return bytesRead;
    }),
};

/** The one that reads standard input now; the next waits for its end. */
let standardInputTurn: Promise<unknown> = Promise.resolve();

/** Does something with standard input when nobody else does. */
export function inTurn<T>(act: () => Promise<T>): Promise<T> {
  const turn = standardInputTurn.then(act);
  standardInputTurn = turn.catch(() => {});
  return turn;
}
