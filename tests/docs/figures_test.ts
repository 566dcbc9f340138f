// The figures in the documentation are those of docs/bench/results.json.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import type { Results } from "../../scripts/bench/results.ts";
import { type Chart, CHARTS, fillTables } from "../../scripts/bench/tables.ts";
import { pages, ROOT } from "./pages.ts";
import { test } from "../helpers/test.ts";

const REMEDY = "run deno task bench:charts";

const results: Results = JSON.parse(
  Deno.readTextFileSync(join(ROOT, "docs/bench/results.json")),
);
const drawn = [...Deno.readDirSync(join(ROOT, "docs/bench"))]
  .map(({ name }) => name).filter((name) => name.endsWith(".svg"))
  .map((name) => name.replace(".svg", ""));

/** Without what `deno fmt` decides: line ends, and the width of columns. */
function unformatted(text: string): string {
  return text.replace(/:?-{2,}:?/g, "--").replace(/\s+/g, " ");
}

for (const { path, text } of pages) {
  if (!text.includes("<!-- bench:")) continue;
  test(`${path} has the figures of docs/bench/results.json`, () => {
    const charts = Object.keys(CHARTS)
      .filter((name) => drawn.includes(name)) as Chart[];
    const filled = fillTables(text, results, charts);
    assertEquals(unformatted(text), unformatted(filled), REMEDY);
  });
}

test("the charts are drawn from docs/bench/results.json", () => {
  assert(drawn.length > 0);
  for (const name of drawn) {
    assert(name in CHARTS, `${name}.svg is no chart`);
    const svg = Deno.readTextFileSync(join(ROOT, `docs/bench/${name}.svg`));
    assert(svg.includes(`<desc>Figures of ${results.date}</desc>`), REMEDY);
  }
});

test("the charts have colors for readers who prefer dark pages", () => {
  for (const name of drawn) {
    const svg = Deno.readTextFileSync(join(ROOT, `docs/bench/${name}.svg`));
    const [, dark] = svg.match(/prefers-color-scheme:dark\)\{(.*?\})\}/)!;
    const inside = svg.slice(svg.indexOf("</style>"));
    for (const [, color] of inside.matchAll(/(?:fill|stroke)="(#\w+)"/g)) {
      assert(dark.includes(`="${color}"]`), `${name}.svg: ${color}, ${REMEDY}`);
    }
  }
});

test("the figures name the machine, its kernel and the versions", () => {
  const { machine, versions, date } = results;
  for (const name of ["processor", "cores", "system", "filesystem"]) {
    assert(machine[name], `the machine has no ${name}`);
  }
  for (const name of ["deno", "node", "bun", "fio", "libc"]) {
    assert(versions[name], `there is no version of ${name}`);
  }
  const page = pages.find(({ path }) => path === "docs/benchmarks.md")!;
  const text = unformatted(page.text);
  for (const value of [machine.processor, machine.system, versions.deno]) {
    assert(text.includes(String(value)), `docs/benchmarks.md lacks ${value}`);
  }
  assert(text.includes(date.slice(0, 10)));
});

test("fillTables() replaces what stands between the comments, and only that", () => {
  const page = "before\n<!-- bench:run -->\nold\n<!-- /bench:run -->\n" +
    "after\n";
  const filled = fillTables(page, results, []);
  assert(!filled.includes("old"));
  assert(filled.startsWith("before\n<!-- bench:run -->\n\n"));
  assert(filled.endsWith("\n\n<!-- /bench:run -->\nafter\n"));
  assert(filled.includes(String(results.machine.processor)));
  assertEquals(fillTables(filled, results, []), filled);
});

test("fillTables() throws for a table that there is not", () => {
  const page = "<!-- bench:nothing -->\n<!-- /bench:nothing -->";
  assertThrows(() => fillTables(page, results, []), Error, '"nothing"');
});
