// The oldest Deno that the library takes. The tests themselves need a newer one,
// so it runs the checks that the npm package has to pass on Node and Bun.

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { run } from "../npm/project.ts";
import { OLDEST, oldestDeno } from "../helpers/oldest_deno.ts";
import { test } from "../helpers/test.ts";

const CHECKS = fileURLToPath(
  new URL("../npm/programs/checks.ts", import.meta.url),
);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const oldest = await oldestDeno();

for (const where of ["main thread", "worker"]) {
  test(`Deno ${OLDEST} does what the interface promises in a ${where}`, {
    ignore: oldest === null,
    limit_ms: 120_000,
  }, async (t) => {
    const [program, ...args] = [...oldest!, "run", "-A", CHECKS, where];
    const { code, stdout, stderr } = await run(ROOT, program, ...args);
    const lines = stdout.trim().split("\n");
    for (const line of lines) {
      const { name, problem } = JSON.parse(line);
      await t.step(name, () => assertEquals(problem, null, problem));
    }
    assert(lines.length > 30, stderr);
    assertEquals(code, 0, stderr);
  });
}
