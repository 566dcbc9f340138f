/**
 * How many calls of `node:fs` are out at once, and when they begin: each takes a thread
 * of the runtime's, and what waits for one there can no longer be canceled, nor overtaken.
 */
import { coalesced, setImmediate } from "../../../ffi/event_loop.ts";
import { assert } from "../../checks/assert.ts";
import type { ChannelOwner } from "../engine.ts";

/** Who waits for a slot. */
type Waiting = Pick<ChannelOwner, "roomAgain">;

/** A call of `node:fs`. */
export interface Call {
  begin(): void;
}

/** See the module's documentation. */
export class Slots {
  readonly #max: number;
  readonly #atOnce: number;
  #used = 0;
  /** Those that have a slot, and begin at the end of the event loop's turn. */
  #held: Call[] = [];
  /** Those who have asked in vain, the first one first. */
  readonly #waiting = new Set<Waiting>();

  /**
   * @param max How many may be out.
   * @param atOnce While fewer have begun, the next one begins at once.
   */
  constructor(max: number, atOnce: number) {
    this.#max = max;
    this.#atOnce = atOnce;
  }

  /** Whether there is one. If not, the owner is told when there is. */
  hasRoomFor(owner: Waiting): boolean {
    if (this.#used < this.#max) return true;
    this.#waiting.add(owner);
    return false;
  }

  /** Takes one for a call. */
  take(call: Call): void {
    const begun = this.#used++ - this.#held.length;
    if (begun < this.#atOnce) return call.begin();
    this.#held.push(call);
    this.#beginSoon();
  }

  /** Takes a call back that has not begun: its slot is to be given back. */
  takeBack(call: Call): boolean {
    const at = this.#held.indexOf(call);
    if (at !== -1) this.#held.splice(at, 1);
    return at !== -1;
  }

  readonly #beginSoon = coalesced(setImmediate, () => {
    const held = this.#held;
    this.#held = [];
    for (const call of held) call.begin();
  });

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
