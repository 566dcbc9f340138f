// .ci/run: what it makes of the summary of the tests. In place of npx there is a
// program that prints a summary.

import { assertEquals } from "@std/assert";
import { Directory, execute, test } from "../helpers/mod.ts";

const SCRIPT = new URL("../../.ci/run", import.meta.url).pathname;
const NPX = `#!/bin/sh
case "$*" in
  *"task test") printf '%s\\n' "$SUMMARY" ;;
esac
`;

/** Runs it. Returns its exit status and its last lines. */
async function verdict(summary: string, lines: number) {
  using directory = new Directory();
  await Deno.writeTextFile(directory.at("npx"), NPX, { mode: 0o755 });
  const PATH = `${directory.path}:${Deno.env.get("PATH")}`;
  const { code, stdout } = await execute(["bash", SCRIPT], {
    env: { PATH, SUMMARY: summary },
  });
  return { code, last: stdout.trimEnd().split("\n").slice(-lines) };
}

test(".ci/run ends with what passed and failed, after what was ignored", async () => {
  const summary = "a test ... \x1b[33mignored\x1b[0m (0ms)\n" +
    "\x1b[32mok\x1b[0m | 1380 passed (359 steps) | 0 failed | 4 ignored (2 steps) (9m47s)";
  assertEquals(await verdict(summary, 3), {
    code: 0,
    last: [
      "a test ... ignored (0ms)",
      "4 ignored, of 280 that may be",
      "1380 passed, 0 failed",
    ],
  });
  assertEquals(await verdict("ok | 3 passed | 0 failed (5s)", 2), {
    code: 0,
    last: ["0 ignored, of 280 that may be", "3 passed, 0 failed"],
  });
});

test(".ci/run fails where tests fail, or more are ignored than its bound", async () => {
  const ignored = (count: number) =>
    `ok | 3 passed | 0 failed | ${count} ignored (5s)`;
  assertEquals((await verdict(ignored(280), 1)).code, 0);
  assertEquals(await verdict(ignored(281), 1), {
    code: 1,
    last: ["3 passed, 1 failed"],
  });
  assertEquals(await verdict("FAILED | 3 passed | 2 failed (5s)", 1), {
    code: 1,
    last: ["3 passed, 2 failed"],
  });
  assertEquals((await verdict("nothing", 1)).code, 1);
});
