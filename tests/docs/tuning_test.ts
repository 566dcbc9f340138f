// docs/guides/tuning.md has the settings, the counts, and the defaults there are.

import { assertEquals } from "@std/assert";
import { settings } from "../../lib/system/settings.ts";
import { metrics } from "../../mod.ts";
import { pages, tableOf } from "./pages.ts";
import { test } from "../helpers/test.ts";

const page = pages.find(({ path }) => path === "docs/guides/tuning.md")!;

test("docs/guides/tuning.md has every setting with its default", () => {
  const defaults = Object.entries(settings)
    .map(([name, value]) => [name, String(value ?? "by the engine")]);
  assertEquals(
    tableOf(page, "setting").map(([name, value]) => [name, value]),
    defaults,
  );
});

test("docs/guides/tuning.md has every count of metrics()", () => {
  const named = tableOf(page, "count").flatMap(([names]) => names.split(", "));
  assertEquals(named, Object.keys(metrics()));
});
