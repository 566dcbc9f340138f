// The oldest Deno that the library takes, see `OLDEST_DENO` of runtime_deno.ts.
// The tests themselves need a newer one, so it runs the checks that the npm
// package has to pass on Node and Bun.

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { run } from "./npm/project.ts";

const OLDEST = "2.7.12";
const CHECKS = fileURLToPath(
  new URL("npm/programs/checks.ts", import.meta.url),
);
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const npx = (...args: string[]) =>
  run(ROOT, "npx", "-y", `deno@${OLDEST}`, ...args);
const { stdout, stderr } = await npx("--version");
const isHere = stdout.startsWith(`deno ${OLDEST} `);
if (!isHere) {
  console.log(`Deno ${OLDEST} cannot be had, its tests are skipped: ${stderr}`);
}

for (const where of ["main thread", "worker"]) {
  Deno.test({
    name: `Deno ${OLDEST} does what the interface promises in a ${where}`,
    ignore: !isHere,
    timeout: 120_000,
    async fn(t) {
      const { code, stdout, stderr } = await npx("run", "-A", CHECKS, where);
      const lines = stdout.trim().split("\n");
      for (const line of lines) {
        const { name, problem } = JSON.parse(line);
        await t.step(name, () => assertEquals(problem, null, problem));
      }
      assert(lines.length > 30, stderr);
      assertEquals(code, 0, stderr);
    },
  });
}
