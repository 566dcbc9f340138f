// Versions that are too old.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { isOlder, whyNoDescriptors } from "../../ffi/versions.ts";
import { test } from "../helpers/mod.ts";

test("isOlder() compares part by part, as numbers", () => {
  const versions = ["2.7.9", "2.7.12", "2.7.12+abc", "2.10.0", "3.0.0"];
  const older = versions.map((version) => isOlder(version, "2.7.12"));
  assertEquals(older, [true, false, false, false, false]);
});

test("whyNoDescriptors() has a reason for old versions of Deno, and nothing else", () => {
  assertEquals(whyNoDescriptors(undefined), null);
  assertEquals(whyNoDescriptors("2.7.12"), null);
  const reason = whyNoDescriptors("2.7.11");
  assert(reason !== null);
  assertStringIncludes(reason, "Deno 2.7.11 gives resource numbers");
});
