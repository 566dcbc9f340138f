/** Counts how often memory is given back to the C library. */
import { librt } from "../../ffi/librt.ts";

/** See the module's documentation. It ends with the scope. */
export class Frees implements Disposable {
  count = 0;
  readonly #bound = librt() as { free: ReturnType<typeof librt>["free"] };
  readonly #free = this.#bound.free;

  constructor() {
    this.#bound.free = (memory) => {
      this.count++;
      this.#free(memory);
    };
  }

  [Symbol.dispose](): void {
    this.#bound.free = this.#free;
  }
}
