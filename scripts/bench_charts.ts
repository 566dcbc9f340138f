/**
 * Draws the README's charts from what `deno task bench --json FILE` wrote:
 * `deno task bench:charts FILE [--out DIRECTORY]`.
 *
 * @module
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
// Not in the import map, so that only who draws charts downloads them.
// deno-lint-ignore no-import-prefix
import { parse, View } from "npm:vega@^6.4.0";
// deno-lint-ignore no-import-prefix
import { compile, type TopLevelSpec } from "npm:vega-lite@^6.5.0";
import { median, type Results, series } from "./bench/results.ts";

const HELP = `Draws charts from the figures of a benchmark.

  deno task bench:charts FILE [--out DIRECTORY]     (default docs/charts)
`;

/** What a user may choose between, in the order of the charts' legends. */
const SHOWN = [
  "library",
  "library-ordinary",
  "fio-io_uring",
  "fio-posixaio",
  "c-aio-16",
  "bun",
  "node",
  "node-32",
  "deno-fsfile",
  "deno-node-fs",
];
const LINES = ["library", "fio-io_uring", "c-aio-16", "bun", "node-32", "node"];
const LIBRARY_COLOR = "#0969da", PEER_COLOR = "#afb8c1";

/** Dark on white, which is legible on light pages and on dark ones. */
const config: TopLevelSpec["config"] = {
  background: "white",
  padding: 16,
  font: "Helvetica, Arial, sans-serif",
  title: { anchor: "start", fontSize: 16, subtitleFontSize: 12, offset: 12 },
  axis: {
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
    labelLimit: 400,
    domain: false,
    ticks: false,
    gridColor: "#e7ebef",
    labelPadding: 6,
  },
  legend: { labelFontSize: 12, labelLimit: 400, title: null },
  view: { stroke: null },
};

/** Undefined when there are no figures for it. */
type Chart = TopLevelSpec | undefined;
type LayerSpec = Extract<TopLevelSpec, { layer: unknown }>;

interface Point {
  key: string;
  label: string;
  value: number;
}

function points(results: Results, work: string, shown: string[]): Point[] {
  const found = results.works.find((result) => result.work.name === work);
  return shown.flatMap((key) => {
    const contestant = found?.contestants.find((it) => it.key === key);
    const values = series(results, work, key, "iops");
    return contestant && values.length > 0
      ? [{ key, label: contestant.label, value: median(values) }]
      : [];
  });
}

/** One bar for each contestant, the fastest on top. */
function bars(points: Point[], unit: string): LayerSpec {
  const values = points.toSorted((a, b) => b.value - a.value);
  return {
    width: 560,
    height: { step: 28 },
    data: { values },
    encoding: {
      y: {
        field: "label",
        type: "nominal",
        sort: values.map(({ label }) => label),
        title: null,
      },
      x: {
        field: "value",
        type: "quantitative",
        title: unit,
        axis: { format: ",d", tickCount: 6 },
      },
    },
    layer: [
      {
        mark: { type: "bar", cornerRadiusEnd: 3, height: 20 },
        encoding: {
          color: {
            condition: {
              test: "indexof(datum.key, 'library') === 0",
              value: LIBRARY_COLOR,
            },
            value: PEER_COLOR,
          },
        },
      },
      {
        mark: { type: "text", align: "left", dx: 5, fontSize: 12 },
        encoding: { text: { field: "value", format: ",.3~r" } },
      },
    ],
  };
}

function reads(results: Results, work: string, title: string): Chart {
  const values = points(results, work, SHOWN);
  if (values.length === 0) return undefined;
  return {
    config,
    title: { text: title, subtitle: subtitle(results) },
    ...bars(values, "reads a second"),
  };
}

/** One writer and many, one above the other. */
function commits(results: Results): Chart {
  const one = points(results, "append-sync-w1", SHOWN);
  const many = points(results, "append-sync-w64", SHOWN);
  if (one.length === 0 || many.length === 0) return undefined;
  return {
    config,
    title: {
      text: "4 KiB appends, each followed by a data sync",
      subtitle: subtitle(results),
    },
    vconcat: [
      { title: "1 writer", ...bars(one, "commits a second") },
      { title: "64 writers", ...bars(many, "commits a second") },
    ],
    resolve: { scale: { x: "shared" } },
  };
}

/** How the number of reads in flight changes what is reached. */
function byDepth(
  results: Results,
  cache: "warm" | "direct",
  title: string,
): Chart {
  const prefix = `read-4k-${cache}-d`;
  const depths = results.works.map(({ work }) => work)
    .filter(({ name }) => name.startsWith(prefix)).map(({ depth }) => depth);
  const values = depths.flatMap((depth) =>
    points(results, prefix + depth, LINES).map((point) => ({ ...point, depth }))
  );
  if (depths.length < 2 || values.length === 0) return undefined;
  const labels = LINES.map((key) => values.find((it) => it.key === key)?.label)
    .filter((label) => label !== undefined);
  return {
    config,
    title: { text: title, subtitle: subtitle(results) },
    width: 560,
    height: 300,
    data: { values },
    mark: { type: "line", point: { size: 45 }, strokeWidth: 2.5 },
    encoding: {
      x: {
        field: "depth",
        type: "quantitative",
        scale: { type: "log", base: 2 },
        title: "reads in flight",
        axis: { values: depths, format: "d", grid: false },
      },
      y: {
        field: "value",
        type: "quantitative",
        title: "reads a second",
        axis: { format: ",d", tickCount: 6 },
      },
      color: {
        field: "label",
        type: "nominal",
        sort: labels,
        scale: {
          domain: labels,
          range: [
            LIBRARY_COLOR,
            "#cf222e",
            "#8250df",
            "#bc4c00",
            "#116329",
            "#6e7781",
          ],
        },
      },
    },
  };
}

function subtitle({ machine, versions, date }: Results): string {
  return `${machine.processor}, ${machine.cores} cores, ${machine.filesystem}, ` +
    `Deno ${versions.deno}, ${date.slice(0, 10)}`;
}

async function draw(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  return await view.toSVG();
}

const { values: options, positionals: [path] } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    out: { type: "string", default: "docs/charts" },
    help: { type: "boolean", default: false },
  },
});
if (options.help || path === undefined) {
  console.log(HELP);
  Deno.exit(options.help ? 0 : 2);
}

const results: Results = JSON.parse(await readFile(path, "utf8"));
const charts = {
  "warm_depth_32": reads(
    results,
    "read-4k-warm-d32",
    "4 KiB random reads, file in the page cache, 32 in flight",
  ),
  "direct_depth_64": reads(
    results,
    "read-4k-direct-d64",
    "4 KiB random reads, O_DIRECT, 64 in flight",
  ),
  "warm_by_depth": byDepth(
    results,
    "warm",
    "4 KiB random reads, file in the page cache",
  ),
  "direct_by_depth": byDepth(
    results,
    "direct",
    "4 KiB random reads, O_DIRECT",
  ),
  "commits": commits(results),
};
await mkdir(options.out, { recursive: true });
for (const [name, spec] of Object.entries(charts)) {
  if (spec === undefined) {
    console.log(`${name}: no figures`);
    continue;
  }
  const file = `${options.out}/${name}.svg`;
  await writeFile(file, await draw(spec));
  console.log(file);
}
