// EAGAIN at any submission: the system has no resources for a request, and it
// waits in the library until it has. The refusals are those of again.c.

import { assert, assertEquals } from "@std/assert";
import { Directory, report, test } from "../helpers/mod.ts";
import { preload } from "../helpers/native.ts";
import { limit_ms } from "./scale.ts";

const again = preload("again");
if (again === null) {
  console.log("refused submissions are skipped: they need cc and glibc");
}

for (let period = 2; period <= 7; period++) {
  test(
    `EAGAIN at one of ${period} submissions reaches no caller, and hangs ` +
      "none",
    { ignore: again === null, limit_ms },
    async () => {
      using directory = new Directory();
      const { outcomes, refusals, uncaught, left } = await report(
        "../torture/programs/again",
        {
          args: [directory.path],
          env: {
            LD_PRELOAD: again!,
            AGAIN_PERIOD: String(period),
          },
          engine: "librt",
          pageCache: false,
          limit_ms,
        },
      );
      const kinds = Object.entries(outcomes);
      const notDone = kinds.filter(([, outcome]) => outcome !== "done");
      assertEquals({ notDone, uncaught, left }, {
        notDone: [],
        uncaught: 0,
        left: [0, 0],
      });
      assert(kinds.length > 0 && refusals > 100, `only ${refusals} refusals`);
    },
  );
}
