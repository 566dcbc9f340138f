// A program whose tests use files passes Deno's sanitizers: they take what is open
// when a test ends, and was not when it began, for a leak.

import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  endBefore,
  execute,
  isLinux,
  pageCacheVariable,
  test,
} from "../helpers/mod.ts";
import { oldestDeno } from "../helpers/oldest_deno.ts";

const PROGRAM = fileURLToPath(
  new URL("../programs/sanitized.ts", import.meta.url),
);
const oldest = await oldestDeno();

for (
  const [name, command] of [
    ["this Deno", [Deno.execPath()]],
    ["the oldest Deno", oldest],
  ] as const
) {
  test(`a test that uses files passes the sanitizers of ${name}`, {
    ignore: !isLinux || command === null,
  }, async () => {
    for (const pageCache of [true, false]) {
      const { code, stdout, stderr } = await execute(
        [...command!, "test", "-A", "--no-check", "--quiet", PROGRAM],
        { env: pageCacheVariable(pageCache), signal: endBefore() },
      );
      assertMatch(stdout, /ok \| \d+ passed \| 0 failed/, stdout + stderr);
      assertEquals(code, 0, stdout + stderr);
    }
  });
}
