// What scripts/build_npm.ts does where dnt cannot be had.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { execute, test } from "../helpers/mod.ts";

const SCRIPT = fileURLToPath(
  new URL("../../scripts/build_npm.ts", import.meta.url),
);

test("build_npm.ts builds nothing without dnt, unless it is told to", async () => {
  const { code, stdout, stderr } = await execute(
    // Whether or not this machine reaches JSR.
    [Deno.execPath(), "run", "-A", "--quiet", "--no-remote", SCRIPT],
  );
  assertEquals([code, stdout], [1, ""], stderr);
  assertStringIncludes(stderr, "Nothing was built: ");
  assertStringIncludes(stderr, "@deno/dnt");
  assertStringIncludes(stderr, "--without-dnt");
});

test("build_npm.ts refuses an option that it does not know", async () => {
  const { code, stderr } = await execute(
    [Deno.execPath(), "run", "-A", "--quiet", SCRIPT, "--without-dmt"],
  );
  assertEquals(code, 1);
  assertStringIncludes(stderr, "--without-dmt");
});
