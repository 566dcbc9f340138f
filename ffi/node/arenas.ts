/**
 * Small pieces of native memory, cut from arenas and reused, not given back: that
 * is faster; and koffi aborts the process when a worker asks it for a view in the
 * moment in which it is terminated.
 *
 * @module
 */
import { assert } from "../../lib/checks/assert.ts";
import type { NativeFunctions, Pointer } from "../runtime.ts";

const PIECE_BYTES_MAX = 64 * 1024;
const ARENA_BYTES = 4 * 1024 * 1024;
const PAGE_BYTES = 4096;

type View = (memory: Pointer, byteLength: number) => Uint8Array<ArrayBuffer>;

/** An arena, and how much of it is cut. */
interface Arena {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
  usedBytes: number;
}

/** `aligned_alloc()` and `free()` of an isolate. */
export class Arenas {
  readonly #native: NativeFunctions;
  readonly #view: View;
  #arena: Arena | null;
  readonly #pieces = new Map<Pointer, Uint8Array<ArrayBuffer>>();
  /** Free pieces by their length. */
  readonly #unused = new Map<number, Pointer[]>();

  constructor(native: NativeFunctions, view: View) {
    this.#native = native;
    this.#view = view;
    this.#arena = this.#newArena();
  }

  /** The view of a piece; `undefined` of other memory. */
  viewOf(memory: Pointer): Uint8Array<ArrayBuffer> | undefined {
    return this.#pieces.get(memory);
  }

  readonly aligned_alloc = (
    alignment: number,
    byteLength: number,
  ): Pointer | null => {
    const isPiece = byteLength <= PIECE_BYTES_MAX &&
      byteLength % PAGE_BYTES === 0 && alignment <= PAGE_BYTES;
    return isPiece
      ? this.#takePiece(byteLength)
      : this.#native.aligned_alloc(alignment, byteLength);
  };

  readonly free = (memory: Pointer): void => {
    const piece = this.#pieces.get(memory);
    if (piece === undefined) return this.#native.free(memory);
    const unused = this.#unused.get(piece.byteLength);
    if (unused === undefined) this.#unused.set(piece.byteLength, [memory]);
    else unused.push(memory);
  };

  /** Takes a whole number of pages. Returns `null` if there is no memory left. */
  #takePiece(byteLength: number): Pointer | null {
    const reused = this.#unused.get(byteLength)?.pop();
    if (reused !== undefined) return reused;
    const arena = this.#arenaFor(byteLength);
    if (arena === null) return null;
    const { bytes, usedBytes } = arena;
    arena.usedBytes += byteLength;
    assert(arena.usedBytes <= ARENA_BYTES, "a piece lies in one arena");
    const pointer = (arena.address + usedBytes) as unknown as Pointer;
    this.#pieces.set(pointer, bytes.subarray(usedBytes, arena.usedBytes));
    return pointer;
  }

  #arenaFor(byteLength: number): Arena | null {
    const arena = this.#arena;
    const hasRoom = arena !== null &&
      arena.usedBytes + byteLength <= ARENA_BYTES;
    if (hasRoom) return arena;
    const next = this.#newArena();
    if (next !== null) this.#arena = next;
    return next;
  }

  #newArena(): Arena | null {
    const memory = this.#native.aligned_alloc(PAGE_BYTES, ARENA_BYTES);
    return memory === null ? null : {
      bytes: this.#view(memory, ARENA_BYTES),
      address: memory as unknown as number,
      usedBytes: 0,
    };
  }
}
