/**
 * How many calls of `node:fs` are out at once: each takes a thread of the runtime's,
 * and what waits for one there can no longer be canceled, nor overtaken.
 */
import { assert } from "../../checks/assert.ts";
import type { ChannelOwner } from "../engine.ts";

/** Who waits for a slot. */
type Waiting = Pick<ChannelOwner, "roomAgain">;

/** See the module's documentation. */
export class Slots {
  readonly #max: number;
  #used = 0;
  /** Those who have asked in vain, the first one first. */
  readonly #waiting = new Set<Waiting>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether there is one. If not, the owner is told when there is. */
  hasRoomFor(owner: Waiting): boolean {
    if (this.#used < this.#max) return true;
    this.#waiting.add(owner);
    return false;
  }

  take(): void {
    this.#used++;
  }

  /** One is free: for those who wait, in turn. */
  giveBack(): void {
    assert(this.#used > 0, "a slot that is given back was taken");
    this.#used--;
    for (const owner of this.#waiting) {
      if (this.#used >= this.#max) return;
      this.#waiting.delete(owner);
      owner.roomAgain();
    }
  }
}
