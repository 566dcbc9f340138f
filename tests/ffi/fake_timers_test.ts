// Test runners replace timers, microtasks and clocks: nothing may wait for those.

import { assertEquals } from "@std/assert";
import { isLinux, run } from "../helpers/mod.ts";

for (
  const how of ["globals before", "globals after", "globalsAndModule before"]
) {
  Deno.test({
    name: `AioFile works while timers are faked, and afterwards: ${how}`,
    ignore: !isLinux,
    timeout: 30_000,
    async fn() {
      const args = [...how.split(" "), "import"];
      const program = "../npm/programs/fake_timers";
      const { stdout, stderr } = await run(program, { args });
      assertEquals(stdout, "used with fakes\nused without\n", stderr);
    },
  });
}
