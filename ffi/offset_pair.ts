/**
 * Two `off_t`, to which `copy_file_range(2)` takes pointers.
 *
 * @module
 */
import { runtime } from "./current.ts";
import { writeOffset } from "./layout.ts";
import { freeNative, type NativeMemory, tryAllocateNative } from "./memory.ts";
import type { Pointer } from "./runtime.ts";

const OFFSET_BYTES = 8;

/** See the module's documentation. */
export class OffsetPair implements Disposable {
  readonly #memory: NativeMemory;
  readonly first: Pointer;
  readonly second: Pointer;

  /** @returns `null` if the system has no memory left. */
  static allocate(): OffsetPair | null {
    const memory = tryAllocateNative(2 * OFFSET_BYTES);
    return memory === null ? null : new OffsetPair(memory);
  }

  private constructor(memory: NativeMemory) {
    this.#memory = memory;
    this.first = memory.pointer;
    this.second = runtime.pointerTo(memory.address + OFFSET_BYTES);
  }

  pack(first: number | bigint, second: number | bigint): void {
    writeOffset(this.#memory.view, 0, first);
    writeOffset(this.#memory.view, OFFSET_BYTES, second);
  }

  /** No call may have it any more. */
  [Symbol.dispose](): void {
    freeNative(this.#memory);
  }
}
