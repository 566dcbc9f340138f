// docs/guides/tuning.md has the settings, the counts, and the defaults there are.

import { assertEquals } from "@std/assert";
import { settings } from "../../lib/system/settings.ts";
import { metrics } from "../../mod.ts";
import { pages } from "./pages.ts";
import { test } from "../helpers/test.ts";

const page = pages.find(({ path }) => path === "docs/guides/tuning.md")!;

/** The rows of the table whose first title is `title`, without marks. */
function rowsOf(title: string): string[][] {
  const lines = page.text.split("\n");
  const begin = lines.findIndex((line) => line.startsWith(`| ${title} `));
  const end = lines.indexOf("", begin);
  return lines.slice(begin + 2, end).map((line) =>
    line.split("|").slice(1, -1).map((it) => it.replaceAll("`", "").trim())
  );
}

test("docs/guides/tuning.md has every setting with its default", () => {
  const defaults = Object.entries(settings)
    .map(([name, value]) => [name, String(value ?? "by the engine")]);
  assertEquals(
    rowsOf("setting").map(([name, value]) => [name, value]),
    defaults,
  );
});

test("docs/guides/tuning.md has every count of metrics()", () => {
  const named = rowsOf("count").flatMap(([names]) => names.split(", "));
  assertEquals(named, Object.keys(metrics()));
});
