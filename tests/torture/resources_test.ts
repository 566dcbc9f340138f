// What the library takes of the system: it comes back, and without it nothing
// breaks.

import { positions, starve } from "./starve.ts";
import { preload } from "./native.ts";
import { scaled, timeout } from "./scale.ts";

const faults = preload("faults");
if (faults === null) {
  console.log("refused memory is skipped: it needs cc, seccomp and glibc");
}

/** The numbers from 1 on. */
function first(count: number, step = 1): number[] {
  return Array.from({ length: count }, (_, at) => at * step + 1);
}

const MEMORY = [
  {
    name: "ENOMEM for the library's own buffers is an error of that call only",
    call: "aligned_alloc",
    codes: ["ENOMEM"],
    mayFilesFail: true,
    where: scaled(
      positions([1, 2], [1, 2, 3, 14, 100, 210]),
      positions(first(20), [...first(20), ...first(20, 10)]),
    ),
  },
  {
    name: "ENOMEM in the system's submission calls is waited out",
    call: "submission_alloc",
    codes: ["EAGAIN"],
    mayFilesFail: false,
    where: scaled(
      positions([1, 6, 10], [1, 6, 10]),
      positions(first(12), first(12)),
    ),
  },
] as const;

for (const { name, call, codes, mayFilesFail, where } of MEMORY) {
  Deno.test({
    name,
    ignore: faults === null,
    timeout,
    async fn() {
      let refused = 0;
      let failed = 0;
      for (const position of where) {
        const [hits, failures] = await starve({
          faults: faults!,
          call,
          error: "ENOMEM",
          position,
          codes: [...codes],
          mayFilesFail,
        });
        refused += hits;
        failed += failures;
      }
      console.log(
        `${where.length} cases: ${refused} refused, ${failed} failed`,
      );
    },
  });
}
