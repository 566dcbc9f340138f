/**
 * The memory of a request: one buffer, or several that are filled or written one
 * after another, as `preadv()` and `pwritev()` do.
 *
 * @module
 */
import {
  assertBytes,
  byteLengthOf,
  copyBytes,
  isArray,
  sliceOf,
} from "./bytes.ts";

/** One buffer, or several. */
export type Buffers = Uint8Array | BufferList;

/** A part of one of the buffers of a list. */
export interface Piece {
  readonly view: Uint8Array;
  /** Where it begins in the view, in bytes. */
  readonly begin: number;
  readonly byteLength: number;
}

/** Two buffers or more. None is empty: each piece is of some bytes. */
export class BufferList {
  /** How many bytes all of them had when the request was made. */
  readonly byteLength: number;
  /** Whether all of them are pinned, once somebody has asked. */
  arePinned: boolean | null = null;
  readonly views: readonly Uint8Array[];
  /** Where the bytes of each end, among those of all. */
  readonly #ends: readonly number[];
  /** Where the last search has ended: transfers go forward. */
  #index = 0;

  constructor(views: readonly Uint8Array[]) {
    let end = 0;
    this.views = views;
    this.#ends = views.map((view) => end += byteLengthOf(view));
    this.byteLength = end;
  }

  /**
   * Whether one of them was detached or has become shorter.
   *
   * @param begin Only those that some of the bytes belong to: where these begin.
   * @param byteLength How many.
   */
  isLost(begin = 0, byteLength = this.byteLength): boolean {
    const end = Math.min(begin + byteLength, this.byteLength);
    if (begin >= end) return false;
    let index = this.#indexOf(begin);
    for (let at = this.#beginOf(index); at < end; index++) {
      const viewEnd = this.#ends[index];
      if (byteLengthOf(this.views[index]) < viewEnd - at) return true;
      at = viewEnd;
    }
    return false;
  }

  /**
   * The pieces of some of the bytes, in order.
   *
   * @param begin Where these begin, among those of all.
   * @param byteLength How many.
   * @param countMax How many pieces at most: there may be more.
   */
  pieces(begin: number, byteLength: number, countMax = Infinity): Piece[] {
    const pieces: Piece[] = [];
    const end = begin + byteLength;
    let index = this.#indexOf(begin);
    for (let at = begin; at < end && pieces.length < countMax; index++) {
      const pieceEnd = Math.min(this.#ends[index], end);
      pieces.push({
        view: this.views[index],
        begin: at - this.#beginOf(index),
        byteLength: pieceEnd - at,
      });
      at = pieceEnd;
    }
    return pieces;
  }

  /** Which buffer has a byte. */
  #indexOf(byte: number): number {
    if (byte < this.#beginOf(this.#index)) this.#index = 0;
    while (this.#ends[this.#index] <= byte) this.#index++;
    return this.#index;
  }

  #beginOf(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1];
  }
}

/**
 * Takes what a caller passed: of a list a copy, which the caller cannot change.
 *
 * @param given What the caller passed.
 * @param name Its name in messages.
 * @throws {TypeError} Unless it is a `Uint8Array` or an array of them.
 */
export function buffersOf(given: unknown, name: string): Buffers {
  if (isArray(given)) return listOf(given, name);
  assertBytes(given, name, "a Uint8Array or a list of them");
  return given;
}

/** Without those that are empty: what is left may be one buffer. */
function listOf(given: readonly unknown[], name: string): Buffers {
  const views: Uint8Array[] = [];
  // By index, because an iterator is the caller's own, and holes are no buffers.
  for (let index = 0; index < given.length; index++) {
    const view = given[index];
    assertBytes(view, `${name}[${index}]`);
    views.push(view);
  }
  // Asked only now: a getter of one may have taken another one away.
  const filled = views.filter((view, index) => {
    if (byteLengthOf(view) > 0) return true;
    assertBytes(view, `${name}[${index}]`);
    return false;
  });
  if (filled.length > 1) return new BufferList(filled);
  return filled.length === 1 ? filled[0] : new Uint8Array(0);
}

/** Whether there are several. `instanceof` takes ten times as long. */
export function isList(buffers: Buffers): buffers is BufferList {
  return !ArrayBuffer.isView(buffers);
}

/** How many bytes there are. */
export function lengthOf(buffers: Buffers): number {
  return isList(buffers) ? buffers.byteLength : byteLengthOf(buffers);
}

/**
 * Copies bytes out of the buffers.
 *
 * @param target Where to put them.
 * @param at Where in it.
 * @param buffers Where they are.
 * @param begin The first one, among those of all.
 * @param byteLength How many.
 */
export function gather(
  target: Uint8Array,
  at: number,
  buffers: Buffers,
  begin: number,
  byteLength: number,
): void {
  if (!isList(buffers)) {
    // Not all of it: shared memory may have grown.
    copyBytes(target, sliceOf(buffers, begin, begin + byteLength), at);
    return;
  }
  for (const piece of buffers.pieces(begin, byteLength)) {
    const pieceEnd = piece.begin + piece.byteLength;
    copyBytes(target, sliceOf(piece.view, piece.begin, pieceEnd), at);
    at += piece.byteLength;
  }
}

/**
 * Copies bytes into the buffers.
 *
 * @param buffers Where to put them.
 * @param begin Where, among the bytes of all.
 * @param source The bytes.
 */
export function scatter(
  buffers: Buffers,
  begin: number,
  source: Uint8Array,
): void {
  if (!isList(buffers)) {
    copyBytes(buffers, source, begin);
    return;
  }
  let at = 0;
  for (const piece of buffers.pieces(begin, source.byteLength)) {
    const pieceEnd = at + piece.byteLength;
    copyBytes(piece.view, source.subarray(at, pieceEnd), piece.begin);
    at = pieceEnd;
  }
}
