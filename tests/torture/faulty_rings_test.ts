// Random programs, as those of model_test.ts, on rings in which things go wrong: the
// faults are those of rings.c.

import { assert, assertEquals } from "@std/assert";
import { isThere, report, test, WHOLE_FILE } from "../helpers/mod.ts";
import { preload, type RingFaults } from "../helpers/native.ts";
import { limit_ms } from "./scale.ts";

const rings = isThere("io_uring") ? preload("rings") : null;
if (rings === null) {
  console.log("faulty rings are skipped: they need io_uring, cc and glibc");
}

const EAGAIN = "11";
const EBUSY = "16";

/** No short transfers: two that share a file may each be between the other's parts. */
const FAULTS: Record<string, RingFaults> = {
  "transfers served in another order": { RINGS_CALLS: "6" },
  "little room, and calls that fail": {
    RINGS_ENTRIES_MAX: "16",
    RINGS_COMPLETIONS: "16",
    RINGS_ENTER: `${EAGAIN}:3`,
  },
  "everything at once": {
    RINGS_ENTRIES_MAX: "16",
    RINGS_COMPLETIONS: "16",
    RINGS_ENTER: `${EBUSY}:4`,
    RINGS_TAKEN: "3",
    RINGS_CALLS: "6",
  },
};

for (const [what, faults] of Object.entries(FAULTS)) {
  test(`any program does what the model says on rings with ${what}`, {
    ignore: rings === null,
    limit_ms,
  }, async () => {
    const { ran, failed } = await report("first_thread", {
      args: [WHOLE_FILE, new URL("model_test.ts", import.meta.url).href],
      env: { ...faults, LD_PRELOAD: rings! },
      engine: "io_uring",
      limit_ms,
    });
    assert(ran > 0);
    assertEquals(failed, {});
  });
}
