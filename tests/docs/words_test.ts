// The documentation has the words of the field, and none that readers look up.

import { assertEquals } from "@std/assert";
import { pages } from "./pages.ts";
import { test } from "../helpers/test.ts";

/** What was there once, and what to write in its place. */
const UNCLEAR: [RegExp, string][] = [
  [/\bcall(s|ed|ing)? (it |them )?off\b/i, "cancel"],
  [/\bsitting\b/i, "benchmark run"],
  [/\b(tell|tells|told) (\w+ )?apart\b/i, "distinguish"],
  [/\bprocessor (be(ing)? left )?alone\b/i, "less processor time"],
  [/\bunless told\b/i, "by default"],
];

for (const { path, text } of pages) {
  test(`${path} has no unclear words`, () => {
    const found = UNCLEAR.flatMap(([words, better]) =>
      (text.match(words) ?? []).slice(0, 1)
        .map((wrong) => `"${wrong}": write "${better}"`)
    );
    assertEquals(found, []);
  });
}
