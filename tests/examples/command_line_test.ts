/**
 * The command line of the tools.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import {
  CommandLine,
  decimalOf,
  Help,
  sizeOf,
  UsageError,
} from "../../examples/shared/command_line.ts";
import { test } from "../helpers/test.ts";

const USAGE = `Does something.

usage: tool.ts [options] FILE, unless --nothing is given

  -d, --depth N      requests in flight
      --size SIZE    bytes (with
                     --depth only)
  -q, --quiet        say NOTHING
  --help             print this`;

test("CommandLine takes the options that stand in the usage text", () => {
  const args = ["a", "-qd", "3", "--size=4K", "b", "--depth", "5"];
  const line = new CommandLine(USAGE, args);
  assertEquals(line.names, ["a", "b"]);
  assertEquals(line.given, ["quiet", "depth", "size", "depth"]);
  assertEquals(line.flag("quiet"), true);
  assertEquals(line.text("size"), "4K");
  assertEquals(line.number("size", sizeOf), 4096);
  assertEquals(line.integer("depth", 1, 5), 5);
});

test("CommandLine takes a negative number for a value where one is wanted", () => {
  const valuesOf = (...args: string[]) => {
    const line = new CommandLine(USAGE, args);
    return [line.text("depth"), line.text("size"), line.flag("quiet")];
  };
  assertEquals(valuesOf("-d", "-3"), ["-3", undefined, false]);
  assertEquals(valuesOf("-qd", "-3"), ["-3", undefined, true]);
  assertEquals(valuesOf("--size", "-3", "-q"), [undefined, "-3", true]);
  assertEquals(new CommandLine(USAGE, ["--", "-d", "-3"]).names, ["-d", "-3"]);
  for (const args of [["-q", "-3"], ["-d3", "-3"], ["--size=3", "-3"]]) {
    const parse = () => new CommandLine(USAGE, args);
    assertThrows(parse, UsageError, "Unknown option '-3'");
  }
});

test("CommandLine tells what was not given", () => {
  const line = new CommandLine(USAGE, []);
  assertEquals(line.names, []);
  assertEquals(line.given, []);
  assertEquals(line.flag("quiet"), false);
  assertEquals(line.text("size"), undefined);
  assertEquals(line.number("size", sizeOf), undefined);
  assertEquals(line.integer("depth", 1, 5), undefined);
});

for (
  const [args, message] of [
    [["--nothing"], "Unknown option '--nothing'"],
    [["-x"], "Unknown option '-x'"],
    [["--depth"], "argument missing"],
    [["--quiet=yes"], "does not take an argument"],
  ] as const
) {
  test(`CommandLine refuses ${args}, in one sentence`, () => {
    const error = assertThrows(
      () => new CommandLine(USAGE, [...args]),
      UsageError,
      message,
    );
    assertEquals(error.message.includes(". "), false);
  });
}

for (const option of ["--help", "-h"]) {
  test(`CommandLine answers ${option} with the usage text`, () => {
    const parse = () => new CommandLine(USAGE, ["--quiet", option]);
    assertEquals(assertThrows(parse, Help).message, USAGE);
  });
}

test("CommandLine knows no option that the usage text lacks", () => {
  const line = new CommandLine(USAGE, []);
  assertThrows(() => line.flag("nothing"), TypeError, "--nothing");
});

test("CommandLine.integer() and number() refuse what is not in range", () => {
  for (const text of ["0", "6", "-1", "1.5", "x", ""]) {
    const line = new CommandLine(USAGE, [`--depth=${text}`]);
    const what = `--depth must be 1 to 5, not "${text}"`;
    assertThrows(() => line.integer("depth", 1, 5), UsageError, what);
  }
  const line = new CommandLine(USAGE, ["--depth=0"]);
  const more = '--depth must be 1 or more, not "0"';
  assertThrows(() => line.integer("depth", 1), UsageError, more);
  const inexact = new CommandLine(USAGE, ["--depth=9007199254740992"]);
  assertThrows(() => inexact.integer("depth", 1), UsageError, "1 or more");
  const none = () => NaN;
  const cannot = '--depth cannot be "0"';
  assertThrows(() => line.number("depth", none), UsageError, cannot);
});

test("sizeOf() and decimalOf() read numbers and nothing else", () => {
  const sizes = ["0", "512", "4k", "4K", "3m", "1G", "", "k", "1T", "-1"];
  assertEquals(
    sizes.map(sizeOf),
    [0, 512, 4096, 4096, 3 << 20, 1 << 30, NaN, NaN, NaN, NaN],
  );
  assertEquals(
    ["2", "0.5", "1.", ".5", "1s", "1e3", ""].map(decimalOf),
    [2, 0.5, NaN, NaN, NaN, NaN, NaN],
  );
});
