/**
 * Takes the figures of a benchmark over into the documentation: draws the charts
 * and fills the tables from what `deno task bench --json FILE` wrote.
 *
 * @module
 */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Results, series, spread } from "./bench/results.ts";
import { type Chart, CHARTS, fillTables } from "./bench/tables.ts";
import { pages } from "./pages.ts";

/**
 * As variables, so that nothing but this script wants to have them: whatever the
 * lock file names, a fresh clone downloads for its first command.
 */
const VEGA = "npm:vega@6.4.0", VEGA_LITE = "npm:vega-lite@6.5.0";

const DOCS = "docs/bench";

const HELP = `Takes the figures of a benchmark over into the documentation.

  deno task bench:charts [FILE] [--out DIRECTORY]

FILE is what \`deno task bench --json FILE\` wrote (default ${DOCS}/results.json).
It is copied to ${DOCS}/results.json, the charts are drawn beside it, and the
tables between <!-- bench: --> comments in README.md and docs/ are filled. With
--out the charts go there, and nothing else is done.
`;

/** What a user may choose between, in the order of the charts' legends. */
const SHOWN = [
  "library",
  "library-ordinary",
  "library-on-node",
  "library-on-bun",
  "fio-io_uring",
  "fio-posixaio",
  "bun",
  "node",
  "node-32",
  "node-workers",
  "node-20-io_uring",
  "deno-fsfile",
  "deno-workers",
  "deno-node-fs",
];
const LINES = ["library", "fio-io_uring", "bun", "node-32", "node"];
const LINE_COLORS = [
  "#0969da",
  "#cf222e",
  "#8250df",
  "#bc4c00",
  "#116329",
];
// Bars are light, so that the lines upon them are seen; dark on a dark page.
const LIBRARY_BAR_COLOR = "#54aeff", PEER_COLOR = "#afb8c1";
const BACKGROUND = "#ffffff", TEXT = "#1f2328", GRID = "#e7ebef";

/** What each color is where the reader prefers dark pages. */
const DARK: Record<string, string> = {
  [BACKGROUND]: "#0d1117",
  [TEXT]: "#e6edf3",
  [GRID]: "#30363d",
  [LIBRARY_BAR_COLOR]: "#1f6feb",
  [PEER_COLOR]: "#57606a",
  "#0969da": "#58a6ff",
  "#cf222e": "#ff7b72",
  "#8250df": "#bc8cff",
  "#bc4c00": "#ffa657",
  "#116329": "#3fb950",
};

/** Of Vega-Lite. */
type Spec = Record<string, unknown>;

const config: Spec = {
  background: BACKGROUND,
  padding: 16,
  font: "Helvetica, Arial, sans-serif",
  title: {
    anchor: "start",
    color: TEXT,
    subtitleColor: TEXT,
    fontSize: 16,
    subtitleFontSize: 12,
    offset: 12,
  },
  axis: {
    labelColor: TEXT,
    titleColor: TEXT,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
    labelLimit: 400,
    domain: false,
    ticks: false,
    gridColor: GRID,
    labelPadding: 6,
  },
  legend: {
    labelColor: TEXT,
    labelFontSize: 12,
    labelLimit: 400,
    title: null,
  },
  text: { color: TEXT },
  view: { stroke: null },
};

interface Point {
  key: string;
  label: string;
  value: number;
  min: number;
  max: number;
}

function points(results: Results, work: string, shown: string[]): Point[] {
  const found = results.works.find((result) => result.work.name === work);
  return shown.flatMap((key) => {
    const contestant = found?.contestants.find((it) => it.key === key);
    const measured = spread(series(results, work, key, "iops"));
    if (!contestant || !measured) return [];
    const { median: value, min, max } = measured;
    return [{ key, label: contestant.label, value, min, max }];
  });
}

/** One bar for each contestant, the fastest on top. */
function bars(points: Point[], unit: string): Spec {
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
        axis: { format: ",d", tickCount: 6, labelFlush: false },
      },
    },
    layer: [
      {
        mark: { type: "bar", cornerRadiusEnd: 3, height: 20 },
        encoding: {
          color: {
            condition: {
              test: "indexof(datum.key, 'library') === 0",
              value: LIBRARY_BAR_COLOR,
            },
            value: PEER_COLOR,
          },
        },
      },
      {
        mark: { type: "rule", color: TEXT, strokeWidth: 1.5 },
        encoding: { x: { field: "min" }, x2: { field: "max" } },
      },
      {
        mark: { type: "text", align: "left", dx: 6, fontSize: 12 },
        encoding: {
          x: { field: "max", type: "quantitative" },
          text: { field: "value", format: ",.3~r" },
        },
      },
    ],
  };
}

function reads(
  results: Results,
  work: string,
  title: string,
): Spec | undefined {
  const values = points(results, work, SHOWN);
  if (values.length === 0) return undefined;
  return {
    config,
    title: { text: title, subtitle: subtitle(results) },
    ...bars(values, "reads a second"),
  };
}

/** One writer and many, one above the other. */
function commits(results: Results): Spec | undefined {
  const one = points(results, "append-sync-w1", SHOWN);
  const many = points(results, "append-sync-w64", SHOWN);
  if (one.length === 0 || many.length === 0) return undefined;
  return {
    config,
    title: {
      text: CHARTS.commits,
      subtitle: subtitle(results),
    },
    vconcat: [
      { title: part("1 writer"), ...bars(one, "commits a second") },
      {
        title: part("64 writers of one file (fio: of a file each)"),
        ...bars(many, "commits a second"),
      },
    ],
    resolve: { scale: { x: "shared" } },
  };
}

function part(text: string) {
  return { text, fontSize: 13, fontWeight: "normal", offset: 4 } as const;
}

/** How the number of reads in flight changes what is reached. */
function byDepth(
  results: Results,
  cache: "warm" | "direct",
  title: string,
): Spec | undefined {
  const prefix = `read-4k-${cache}-d`;
  const depths = results.works.map(({ work }) => work)
    .filter(({ name }) => name.startsWith(prefix)).map(({ depth }) => depth)
    .filter((depth) => points(results, prefix + depth, LINES).length > 2);
  const values = depths.flatMap((depth) =>
    points(results, prefix + depth, LINES).map((point) => ({ ...point, depth }))
  );
  if (depths.length < 3) return undefined;
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
          range: LINE_COLORS,
        },
      },
    },
  };
}

function subtitle(
  { machine, versions, settings, date }: Results,
): string[] {
  const libc = versions.libc
    ? `, glibc ${versions.libc.split(" ").at(-1)}`
    : "";
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.filesystem}, ` +
    `${machine.system}${libc}, Deno ${versions.deno}`,
    `${date.slice(0, 10)}; medians of ${settings.rounds} rounds of ` +
    `${settings.seconds} s, and lines from the lowest to the highest`,
  ];
}

/** The colors of a chart where the reader prefers dark pages. */
function darkStyle(): string {
  const rules = Object.entries(DARK).flatMap(([light, dark]) => [
    `[fill="${light}"]{fill:${dark}}`,
    `[stroke="${light}"]{stroke:${dark}}`,
  ]);
  return `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
}

/** The chart, with the date by which a test tells that it is of these figures. */
async function draw(spec: Spec, { date }: Results): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  const svg = await view.toSVG();
  const head = `<desc>Figures of ${date}</desc>${darkStyle()}`;
  return svg.replace(/<svg[^>]*>/, `$&${head}`) + "\n";
}

const { values: options, positionals: [path = `${DOCS}/results.json`] } =
  parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      out: { type: "string", default: DOCS },
      help: { type: "boolean", default: false },
    },
  });
if (options.help) {
  console.log(HELP);
  Deno.exit(0);
}

const { parse, textMetrics, View } = await import(VEGA);
// Without a canvas, Vega takes a character to be 0.8 em wide, which leaves a fifth
// of a chart empty.
textMetrics.width = (item: { text: unknown }, text = item.text) =>
  0.56 * textMetrics.height(item) * String(text).length;
const { compile } = await import(VEGA_LITE);
const text = await readFile(path, "utf8");
const results: Results = JSON.parse(text);
/** Undefined where there are no figures. */
const specs: Record<Chart, Spec | undefined> = {
  warm_depth_32: reads(results, "read-4k-warm-d32", CHARTS.warm_depth_32),
  direct_depth_64: reads(results, "read-4k-direct-d64", CHARTS.direct_depth_64),
  warm_by_depth: byDepth(results, "warm", CHARTS.warm_by_depth),
  direct_by_depth: byDepth(results, "direct", CHARTS.direct_by_depth),
  commits: commits(results),
};
const drawn = await drawAll(options.out);
if (options.out === DOCS) {
  await writeFile(`${DOCS}/results.json`, text);
  await fillPages();
}

/** Returns the charts that were drawn; the others are removed. */
async function drawAll(directory: string): Promise<Chart[]> {
  await mkdir(directory, { recursive: true });
  const drawn: Chart[] = [];
  for (const name of Object.keys(specs) as Chart[]) {
    const file = `${directory}/${name}.svg`;
    const spec = specs[name];
    if (spec === undefined) {
      console.log(`${name}: no figures`);
      await rm(file, { force: true });
      continue;
    }
    await writeFile(file, await draw(spec, results));
    console.log(file);
    drawn.push(name);
  }
  return drawn;
}

async function fillPages(): Promise<void> {
  const filled = [];
  for (const page of pages(".")) {
    const before = await readFile(page, "utf8");
    const after = fillTables(before, results, drawn);
    if (after === before) continue;
    await writeFile(page, after);
    filled.push(page);
  }
  if (filled.length === 0) return;
  const args = ["fmt", "--quiet", ...filled];
  await new Deno.Command(Deno.execPath(), { args }).output();
  console.log(filled.join("\n"));
}
