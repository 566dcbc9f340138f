// Test runners replace timers, microtasks and clocks: nothing may wait for those.

import { assertEquals } from "@std/assert";
import { isLinux, run, test } from "../helpers/mod.ts";

for (
  const how of ["globals before", "globals after", "globalsAndModule before"]
) {
  test(`AioFile works while timers are faked, and afterwards: ${how}`, {
    ignore: !isLinux,
  }, async () => {
    const args = [...how.split(" "), "import"];
    const program = "../npm/programs/fake_timers";
    const { stdout, stderr } = await run(program, { args });
    assertEquals(stdout, "used with fakes\nused without\n", stderr);
  });
}
