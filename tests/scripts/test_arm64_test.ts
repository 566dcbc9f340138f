// The script that runs these tests on an emulated processor, where it cannot.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { runTestFiles, testFilesIn } from "../../scripts/arm64/test_files.ts";
import {
  Directory,
  endBefore,
  execute,
  isLinux,
  start,
  test,
} from "../helpers/mod.ts";

const SCRIPT = new URL("../../scripts/test_arm64.ts", import.meta.url).pathname;

/** What the script prints where no command can be found. */
async function complaint(): Promise<string> {
  using directory = new Directory();
  const { code, stdout, stderr } = await execute(
    [Deno.execPath(), "run", "--quiet", "--allow-all", SCRIPT],
    {
      env: { PATH: directory.path, TMPDIR: directory.path },
      signal: endBefore(),
    },
  );
  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertEquals([...Deno.readDirSync(directory.path)], []);
  return stderr.trimEnd();
}

test("test_arm64.ts says in a line what is missing, and what brings it", {
  ignore: !isLinux || Deno.build.arch === "aarch64",
}, async () => {
  const line = await complaint();
  assertEquals(line.split("\n").length, 1);
  assert(line.startsWith("test:arm64: missing here: qemu-aarch64"), line);
  assertStringIncludes(line, "apt-get install qemu-user-static gcc-aarch64");
});

test("test_arm64.ts leaves an ARM64 machine to `deno task test`", {
  ignore: !isLinux || Deno.build.arch !== "aarch64",
}, async () => {
  assertStringIncludes(await complaint(), "`deno task test` does it");
});

test("testFilesIn() finds the tests of a directory, without those ignored", () => {
  using directory = new Directory();
  const at = (name: string) => join(directory.path, name);
  for (const name of ["inner", "ignored"]) Deno.mkdirSync(at(name));
  const tests = ["a_test.ts", "inner/b_test.ts"].map(at);
  const others = ["ignored/c_test.ts", "ignored_test.ts", "helpers.ts"].map(at);
  for (const file of [...tests, ...others]) Deno.writeTextFileSync(file, "");
  const found = testFilesIn(directory.path, [
    at("ignored"),
    at("ignored_test.ts"),
  ]);
  assertEquals(found.sort(), tests);
  assertEquals(testFilesIn(tests[0], []), [tests[0]]);
  // The examples of a directory without such files are tests, too.
  assertEquals(testFilesIn(at("ignored"), [at("ignored")]), [at("ignored")]);
});

test("runTestFiles() begins with what takes long, and with long files", async () => {
  using directory = new Directory();
  const at = (name: string) => join(directory.path, name);
  const sizes = {
    "short_test.ts": 0,
    "long_test.ts": 99,
    "first/a_test.ts": 1,
  };
  Deno.mkdirSync(at("first"));
  for (const [name, size] of Object.entries(sizes)) {
    Deno.writeTextFileSync(at(name), "/".repeat(size));
  }
  const begun: string[] = [];
  const spawn = (file: string) => {
    begun.push(file);
    return Promise.resolve(start([Deno.execPath(), "--version"]));
  };
  const files = Object.keys(sizes).map(at);
  const first = [at("first")];
  await runTestFiles(files, spawn, { first, print: () => {} });
  assertEquals(
    begun,
    ["first/a_test.ts", "long_test.ts", "short_test.ts"].map(at),
  );
});

test("runTestFiles() tells how many tests of all files passed and failed", async () => {
  using directory = new Directory();
  const test = (name: string, body: string) =>
    `Deno.test("${name}", () => { ${body} });`;
  const contents = [
    test("one", "") + test("two", "") + test("three", "throw new Error()"),
    test("four", ""),
    "throw new Error('does not load');",
  ];
  const files = contents.map((content, index) => {
    const path = join(directory.path, `${index}_test.ts`);
    Deno.writeTextFileSync(path, content);
    return path;
  });
  const spawn = (file: string) =>
    Promise.resolve(
      start([Deno.execPath(), "test", "--no-config", "--no-check", file]),
    );
  const print = () => {};
  assertEquals(await runTestFiles(files, spawn, { print }), {
    passed: 3,
    failed: 2,
  });
});
