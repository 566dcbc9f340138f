/**
 * The errors of the tools, which have one form.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import * as fs from "node:fs/promises";
import {
  explained,
  messageOf,
  reasonOf,
} from "../../examples/shared/reasons.ts";
import { AioFile } from "../../mod.ts";
import { Directory, execute, testWith } from "../helpers/mod.ts";
import { commandOf } from "./example.ts";

const test = testWith(() => new Directory());

const failure = (promise: Promise<unknown>) =>
  promise.then(() => null, (error: unknown) => error);

test("messageOf() says the same of an error, whether the library or the runtime has it", async ({ path }) => {
  const missing = `${path}/missing`;
  const expected =
    `cannot open "${missing}": No such file or directory (ENOENT, open)`;
  const errors = [
    await failure(AioFile.open(missing)),
    await failure(fs.open(missing)),
  ];
  assertEquals(errors.map(messageOf), [expected, expected]);
});

test("messageOf() leaves sentences as they are", () => {
  assertEquals(messageOf("a sentence"), "a sentence");
  assertEquals(messageOf(new Error("Cannot be")), "cannot be");
  assertEquals(messageOf(new TypeError("x is not a y")), "x is not a y");
});

test("explained() puts what could not be done before the system's words", async ({ path }) => {
  const missing = `${path}/missing`;
  for (const opening of [AioFile.open(missing), fs.open(missing)]) {
    const error = await failure(opening);
    assertEquals(reasonOf(error), "No such file or directory");
    const message = messageOf(explained("cannot copy it", error));
    assertEquals(message, "cannot copy it: No such file or directory");
  }
});

test("runTool() tells what has ended a tool, and what failed as it closed its files", async () => {
  const shared = new URL("../../examples/shared/", import.meta.url);
  const program = `
    import { Stopped } from "${shared}stopping.ts";
    import { runTool } from "${shared}tool.ts";
    class File {
      constructor(name) {
        this.name = name;
      }
      async [Symbol.asyncDispose]() {
        throw new Error("Cannot close " + this.name);
      }
    }
    await runTool("tool", async () => {
      await using one = new File("one");
      await using two = new File("two");
      throw new Stopped("SIGINT");
    });`;
  const finished = await execute([Deno.execPath(), "eval", "-q", program]);
  assertEquals(finished, {
    code: 130,
    stdout: "",
    stderr: "tool: stopped by SIGINT\n" +
      "tool: cannot close two\ntool: cannot close one\n",
  });
});

/** Each program, with a file that is not there. */
const MISSING: [string, string[]][] = [
  ["checksum", ["FILE"]],
  ["checksum", ["--check", "FILE"]],
  ["copy", ["FILE", "COPY"]],
  ["fio", ["--size=4k", "FILE/inner"]],
  ["ported_from_c", ["FILE"]],
  ["range_server", ["--port=0", "FILE"]],
  ["simple_copy", ["FILE", "COPY"]],
  ["tail", ["FILE"]],
  ["wal", ["append", "FILE/inner"]],
  ["wal", ["bench", "FILE/inner"]],
  ["wal", ["checkpoint", "FILE/inner"]],
  ["wal", ["dump", "FILE"]],
  ["wal", ["verify", "FILE"]],
];
for (const [name, words] of MISSING) {
  test(`${name}.ts ${words.join(" ")} tells what cannot be done with which file, and why`, async ({ path }) => {
    const args = words.map((word) => word.replace(/FILE|COPY/, `${path}/$&`));
    const command = commandOf(name, ["-A"]);
    const { code, stdout, stderr } = await execute([...command, ...args]);
    assertEquals({ code, stdout }, { code: 1, stdout: "" }, stderr);
    const form = `^${name}: [^:]*${path}/FILE[^:]*: No such file or directory`;
    assertMatch(stderr, RegExp(`${form}( \\(ENOENT, \\w+\\))?\\n$`));
    assertEquals(stderr.split("\n").length, 2);
  });
}
