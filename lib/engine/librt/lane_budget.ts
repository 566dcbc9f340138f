/** How many descriptors all files of an isolate may use for lanes. */
import { coalesced, setTimeout } from "../../../ffi/event_loop.ts";
import { mayEndFirst } from "../../../ffi/isolate.ts";
import { assert } from "../../checks/assert.ts";
import { platform } from "../../system/constants.ts";
import { librt } from "../../system/librt.ts";

/** Lanes beyond the files' own descriptors, at most, over all files. */
const LANES_MAX = 256;
/** The share of the process's descriptors that lanes may take. */
const DESCRIPTOR_SHARE = 1 / 4;
/** How often lanes that nobody used are closed. */
const CLEANING_MS = 1_000;

/** Whoever opens lanes. */
export interface LaneUser {
  /** Closes those with nothing to do, if the file need not keep them. */
  giveUpIdle(): void;
  /** The same, if none of them was used since the last call. */
  closeUnused(): void;
}

/**
 * The descriptors that all files of an isolate may use for lanes: few processes
 * may open more than 1024. A file whose lanes are not used gives them back.
 */
class LaneBudget {
  /** How many lanes are open beyond the files' own descriptors. */
  open = 0;
  #max: number | null = null;
  readonly #users = new Set<LaneUser>();

  /** Takes one for `user`. Returns whether there was one. */
  claim(user: LaneUser): boolean {
    if (this.open >= this.#limit) {
      this.#closeLanes((lanes) => lanes.giveUpIdle());
    }
    if (this.open >= this.#limit) return false;
    this.open++;
    this.#users.add(user);
    // Where the isolate may end first, files close their lanes when they are idle.
    if (!mayEndFirst()) this.#cleanLater();
    return true;
  }

  /** Gives one of `user` back. */
  giveBack(user: LaneUser, isLast: boolean): void {
    assert(this.open > 0, "a lane that is given back was claimed");
    this.open--;
    if (isLast) this.#users.delete(user);
  }

  get #limit(): number {
    if (this.#max === null) {
      const descriptors = librt().sysconf(platform.constants._SC_OPEN_MAX);
      this.#max = descriptors < 0
        ? LANES_MAX
        : Math.min(LANES_MAX, Math.floor(descriptors * DESCRIPTOR_SHARE));
    }
    return this.#max;
  }

  #closeLanes(close: (lanes: LaneUser) => void): void {
    for (const user of this.#users) close(user);
  }

  readonly #cleanLater: () => void = coalesced(
    (clean) => setTimeout(clean, CLEANING_MS).unref(),
    () => {
      this.#closeLanes((lanes) => lanes.closeUnused());
      if (this.open > 0) this.#cleanLater();
    },
  );
}

/** The budget of this isolate. */
export const laneBudget: LaneBudget = new LaneBudget();
