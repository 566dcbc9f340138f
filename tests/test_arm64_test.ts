// The script that runs these tests on an emulated processor, where it cannot.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Directory, isLinux, timeLimit } from "./helpers.ts";

const SCRIPT = new URL("../scripts/test_arm64.ts", import.meta.url).pathname;

/** What the script prints where no command can be found. */
async function complaint(): Promise<string> {
  using directory = new Directory();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", SCRIPT],
    env: { PATH: directory.path, TMPDIR: directory.path, NO_COLOR: "1" },
    signal: AbortSignal.timeout(timeLimit(15_000)),
  }).output();
  assertEquals(code, 2);
  assertEquals(stdout.length, 0);
  assertEquals([...Deno.readDirSync(directory.path)], []);
  return new TextDecoder().decode(stderr).trimEnd();
}

Deno.test({
  name: "test_arm64.ts says in a line what is missing, and what brings it",
  ignore: !isLinux || Deno.build.arch === "aarch64",
  timeout: 20_000,
  async fn() {
    const line = await complaint();
    assertEquals(line.split("\n").length, 1);
    assert(line.startsWith("test:arm64: missing here: qemu-aarch64"), line);
    assertStringIncludes(line, "apt-get install qemu-user-static gcc-aarch64");
  },
});

Deno.test({
  name: "test_arm64.ts leaves an ARM64 machine to `deno task test`",
  ignore: !isLinux || Deno.build.arch !== "aarch64",
  timeout: 20_000,
  async fn() {
    assertStringIncludes(await complaint(), "`deno task test` does it");
  },
});
