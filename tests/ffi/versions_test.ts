// Versions that are too old.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  isOlder,
  mistakesFlags,
  whyNoDescriptors,
} from "../../ffi/versions.ts";
import { test } from "../helpers/mod.ts";

test("isOlder() compares part by part, as numbers", () => {
  const versions = ["2.7.9", "2.7.12", "2.7.12+abc", "2.10.0", "3.0.0"];
  const older = versions.map((version) => isOlder(version, "2.7.12"));
  assertEquals(older, [true, false, false, false, false]);
  const releases = ["5.15.0-91-generic\n", "6.1-rc3\n", "6.1.0-18-amd64\n"];
  const olderLinux = releases.map((release) => isOlder(release, "6.1"));
  assertEquals(olderLinux, [true, false, false]);
});

test("whyNoDescriptors() has a reason for old versions of Deno, and nothing else", () => {
  assertEquals(whyNoDescriptors(undefined), null);
  assertEquals(whyNoDescriptors("2.7.12"), null);
  const reason = whyNoDescriptors("2.7.11");
  assert(reason !== null);
  assertStringIncludes(reason, "Deno 2.7.11 gives resource numbers");
});

test("mistakesFlags() is so on old versions of Bun on Windows, and nowhere else", () => {
  const versions = ["1.2.0", "1.3.10", "1.3.11", "1.4.0", undefined];
  const on = (os: string) =>
    versions.map((version) => mistakesFlags(version, os));
  assertEquals(on("windows"), [true, true, false, false, false]);
  assertEquals(on("linux"), [false, false, false, false, false]);
});
