/**
 * Buffers of every kind that a program may have, with something around them
 * that nobody may touch.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { allocatePinned } from "../../../mod.ts";
import { assertBytes } from "../../helpers/mod.ts";

/** Where a buffer lies that stays where it is. */
export const LASTING = [
  "pinned",
  "pinned part",
  "ordinary",
  "ordinary part",
  "shared",
  "shared part",
  "growing",
  "resizable",
  "node:buffer",
] as const;

/** Kinds that are taken away from under a request. */
export const SPOILED = ["detached", "shrunk"] as const;

/** See {@linkcode LASTING} and {@linkcode SPOILED}. */
export type MemoryKind = typeof LASTING[number] | typeof SPOILED[number];

/** The system needs aligned memory for direct transfers in place. */
const UNALIGNED: readonly MemoryKind[] = [
  "pinned part",
  "shared",
  "shared part",
  "growing",
];

/** Kinds whose views have no length of their own. */
const LENGTH_TRACKING: readonly MemoryKind[] = [
  "growing",
  "resizable",
  "shrunk",
];

const GUARD = 0xa5;
const GUARD_BYTES = 32;
/** Odd, so that a part of something is not aligned to anything. */
const PART_AT = 13;
const GROWTH_BYTES = 4096;

/** A buffer, and what lies around it. */
export class Memory {
  /** What a request gets. */
  readonly view: Uint8Array;
  /** Whether it is taken away from under the request. */
  readonly isSpoiled: boolean;
  /** All of it, with a guard around the view. */
  readonly #whole: Uint8Array;
  readonly #length: number;

  /**
   * @param kind Where it lies.
   * @param length How many bytes.
   * @param isDirect Whether it is for a transfer past the page cache.
   */
  constructor(kind: MemoryKind, length: number, isDirect: boolean) {
    const suitable = isDirect && UNALIGNED.includes(kind) ? "ordinary" : kind;
    this.isSpoiled = isSpoiled(suitable) && length > 0;
    this.#whole = allocate(suitable, length).fill(GUARD);
    const { byteOffset: at, buffer } = this.#whole;
    this.#length = length;
    if (LENGTH_TRACKING.includes(suitable)) {
      // Without a length: it has as many bytes as its buffer has.
      this.view = new Uint8Array(buffer);
    } else if (suitable === "node:buffer") {
      this.view = Buffer.from(buffer as ArrayBuffer, at, length);
    } else {
      const begin = this.#whole.length - length - GUARD_BYTES;
      this.view = this.#whole.subarray(begin, begin + length);
    }
  }

  /** The bytes of the request, also where the view has grown meanwhile. */
  get bytes(): Uint8Array {
    return this.view.subarray(0, this.#length);
  }

  /** What its first bytes are at this moment. */
  copy(bytes: number): Uint8Array {
    // Not slice(): that of a node:buffer is another view of the same bytes.
    return new Uint8Array(this.bytes.subarray(0, bytes));
  }

  /** Does to it what its kind says, while the request has it. */
  change(): void {
    const { buffer } = this.view;
    if (buffer instanceof SharedArrayBuffer) {
      // The request must not care.
      if (buffer.growable) buffer.grow(this.#length + GROWTH_BYTES);
    } else if (this.isSpoiled && buffer.resizable) {
      buffer.resize(this.#length >> 1);
    } else if (this.isSpoiled) buffer.transfer();
  }

  /** Overwrites it: nobody may look at it any more. */
  scribble(): void {
    this.view.fill(GUARD ^ 0xff);
  }

  /** Asserts that nothing but the first `bytes` of the view was written to. */
  assertOnlyWritten(bytes: number): void {
    assertGuard(this.bytes.subarray(bytes));
    if (this.view.length !== this.#length) return;
    const at = this.view.byteOffset - this.#whole.byteOffset;
    assertGuard(this.#whole.subarray(0, at));
    assertGuard(this.#whole.subarray(at + this.#length));
  }
}

/** Whether a kind is one that is taken away. */
export function isSpoiled(kind: MemoryKind): boolean {
  return (SPOILED as readonly MemoryKind[]).includes(kind);
}

function assertGuard(bytes: Uint8Array): void {
  assertBytes(bytes, new Uint8Array(bytes.length).fill(GUARD));
}

/** The memory for a view and its guard, which is behind it at least. */
function allocate(kind: MemoryKind, length: number): Uint8Array {
  const guarded = length + GUARD_BYTES;
  switch (kind) {
    case "pinned":
      return allocatePinned(guarded);
    case "pinned part":
      return allocatePinned(guarded + PART_AT);
    case "ordinary":
    case "detached":
    case "node:buffer":
      return new Uint8Array(guarded);
    case "ordinary part":
      return new Uint8Array(guarded + PART_AT);
    case "shared":
      return new Uint8Array(new SharedArrayBuffer(guarded));
    case "shared part":
      return new Uint8Array(new SharedArrayBuffer(guarded + PART_AT));
    case "growing": {
      const maxByteLength = length + GROWTH_BYTES;
      return new Uint8Array(new SharedArrayBuffer(length, { maxByteLength }));
    }
    case "resizable":
    case "shrunk": {
      const maxByteLength = length + GROWTH_BYTES;
      return new Uint8Array(new ArrayBuffer(length, { maxByteLength }));
    }
  }
}
