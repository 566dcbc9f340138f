/**
 * The tables of figures in the documentation. Each stands between two comments,
 * `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, and is made of the figures
 * of one benchmark run, so that nobody copies a number by hand.
 *
 * @module
 */

import { markdownTable } from "markdown-table";
import {
  type ContestantResult,
  ratio,
  type Results,
  series,
  type Spread,
  spread,
  threeDigits,
} from "./results.ts";
import { describeDisturbance } from "./stolen.ts";
import { FIGURES, LARGE_READERS, type Run, type Work } from "./workloads.ts";

/** The charts of `docs/bench/` and what they show. */
export const CHARTS = {
  warm_depth_32: "4 KiB random reads, file in the page cache, 32 in flight",
  direct_depth_64: "4 KiB random reads, O_DIRECT, 64 in flight",
  warm_by_depth: "4 KiB random reads, file in the page cache",
  direct_by_depth: "4 KiB random reads, O_DIRECT",
  commits: "4 KiB appends, each followed by a data sync",
} as const;

/** The name of a chart. */
export type Chart = keyof typeof CHARTS;

/** Not measured in this run, or not offered by this contestant. */
const NONE = "–";

/** The tables by the names in the comments. */
const TABLES: Record<string, (results: Results, drawn: Chart[]) => string> = {
  headline,
  run,
  charts,
  peers,
  others,
  sizes,
  streams,
  works,
  requirements,
  commits,
  lanes,
  notifications,
  depths,
};

/**
 * Puts every table into a page.
 *
 * @param page Markdown with the comments.
 * @param results The figures.
 * @param drawn The charts for which there are figures.
 * @returns The page with tables of these figures.
 * @throws If a comment names no table.
 */
export function fillTables(
  page: string,
  results: Results,
  drawn: Chart[],
): string {
  return page.replace(
    /(<!-- bench:(\w+) -->)(\n?)[^]*?(<!-- \/bench:\2 -->)/g,
    (_, begin, name, lineEnd, end) => {
      if (!Object.hasOwn(TABLES, name)) {
        throw new Error(
          `There is no table "${name}", but ${Object.keys(TABLES).join(", ")}`,
        );
      }
      const text = TABLES[name](results, drawn);
      // In the midst of a line stands a figure.
      return lineEnd === ""
        ? begin + text + end
        : `${begin}\n\n${text}\n\n${end}`;
    },
  );
}

/** The one figure with which README.md begins: commits of many writers. */
function headline(results: Results): string {
  return medianOf(results, "append-sync-w64", "library");
}

/** Where, when and of what the figures are. */
export function run(
  { machine, versions, settings, date, works }: Results,
): string {
  const peers = [
    ["Deno", versions.deno],
    ["Node", versions.node],
    ["Bun", versions.bun],
    ["glibc", versions.libc?.split(" ").at(-1)],
    ["fio", versions.fio?.replace("fio-", "")],
  ].filter(([, version]) => version !== undefined).map((pair) =>
    pair.join(" ")
  );
  const disturbance = describeDisturbance(
    works.flatMap(({ contestants }) => contestants)
      .flatMap(({ runs }) => runs),
  );
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.memory}`,
    String(machine.filesystem),
    String(machine.system),
    ...peers,
    date.slice(0, 10),
    `medians of ${settings.rounds} rounds of ${settings.seconds} s`,
    `load average ${machine["load average"]} before`,
  ].join("; ") + (disturbance === "" ? "." : `. ${disturbance}.`);
}

function charts(_: Results, drawn: Chart[]): string {
  return drawn.map((name) => `![${CHARTS[name]}](bench/${name}.svg)`)
    .join("\n\n");
}

/** What a user may choose between, as rows, and what it is measured by. */
function peers(results: Results): string {
  const columns = [
    ["cached, 1 in flight", "read-4k-warm-d1"],
    ["cached, 32", "read-4k-warm-d32"],
    ["`O_DIRECT`, 32", "read-4k-direct-d32"],
    ["`O_DIRECT`, 64", "read-4k-direct-d64"],
  ].filter(([, work]) => series(results, work, "library", "iops").length > 0);
  const keys = [
    "library",
    "library-ordinary",
    "library-on-node",
    "library-on-bun",
    "deno-sync",
    "node-sync",
    "bun-sync",
    "bun",
    "node",
    "node-32",
    "deno-fsfile",
    "deno-node-fs",
    "deno-pread",
    "deno-workers",
    "node-workers",
    "node-20-io_uring",
    "fio-io_uring",
    "fio-psync",
    "fio-posixaio",
  ];
  const rows = keys.map((key) => [
    labelOf(results, key),
    ...columns.map(([, work]) => medianOf(results, work, key)),
  ]);
  const titles = columns.map(([title]) => title);
  return table(["4 KiB random reads a second", ...titles], rows);
}

/** Each way to use files, and what its figure of each other work is of. */
const WAYS: [label: string, keys: Record<string, string>][] = [
  ["posix-aio", { sizes: "library-ordinary", rest: "library" }],
  ["posix-aio, pinned memory", { sizes: "library" }],
  ["posix-aio on Node", {
    sizes: "library-on-node-ordinary",
    rest: "library-on-node",
  }],
  ["posix-aio on Bun", {
    sizes: "library-on-bun-ordinary",
    rest: "library-on-bun",
  }],
  ["Deno", { stream: "deno-stream", open: "deno-open" }],
  ["Deno node:fs", {
    sizes: "deno-node-fs-ordinary",
    open: "deno-filehandle",
    commits: "deno-node-fs",
  }],
  ["Node 26", {
    sizes: "node-ordinary",
    stream: "node-stream",
    open: "node-open",
    commits: "node",
  }],
  ["Bun", {
    sizes: "bun-ordinary",
    stream: "bun-stream",
    open: "bun-open",
    commits: "bun",
  }],
  ["fio io_uring", { sizes: "fio-io_uring", commits: "fio-io_uring" }],
];

/** The same for everything that is no small read. */
function others(results: Results): string {
  const columns: [string, string, string, keyof Run][] = [
    ["64 KiB, MB/s", "sizes", "read-64k-warm-d8", "mbps"],
    ["1 MiB, MB/s", "sizes", "read-1m-warm-d8", "mbps"],
    ["stream, MB/s", "stream", "stream-warm", "mbps"],
    ["opened a second", "open", "open-4k-warm", "iops"],
    ["commits a second, 1 writer", "commits", "append-sync-w1", "iops"],
    ["64 writers", "commits", "append-sync-w64", "iops"],
  ];
  const rows = WAYS.map(([label, keys]) => [
    label,
    ...columns.map(([_, kind, work, field]) =>
      medianOf(results, work, keys[kind] ?? keys.rest, field)
    ),
  ]);
  return table(["cached files", ...columns.map(([title]) => title)], rows);
}

/** What copying costs, by the size of what is read and the memory. */
function sizes(results: Results): string {
  const columns = ["read-4k-warm-d32", "read-64k-warm-d8", "read-1m-warm-d8"];
  const rows = LARGE_READERS.map((key) => [
    labelOf(results, key),
    ...columns.map((work) => medianOf(results, work, key, "mbps")),
  ]);
  const titles = ["4 KiB, 32 in flight", "64 KiB, 8", "1 MiB, 8"];
  return table(["cached reads, MB/s", ...titles], rows);
}

/** What there is to read a file as a stream. */
function streams(results: Results): string {
  const rows = contestantsOf(results, "stream-warm").map(({ key, label }) => [
    label.replace(", pinned memory", ""),
    medianOf(results, "stream-warm", key, "mbps"),
    ...["loop_delay_p99_ms", "cores"].map((field) =>
      medianOf(results, "stream-warm", key, field as keyof Run)
    ),
  ]);
  return table(
    ["a cached file as a stream", "MB/s", "loop, ms", "cores"],
    rows,
  );
}

function contestantsOf({ works }: Results, name: string): ContestantResult[] {
  return works.find(({ work }) => work.name === name)?.contestants ?? [];
}

/** Every work with everybody who took part. */
function works(results: Results): string {
  return results.works
    .filter(({ work }) => !["lanes", "idle"].includes(work.group))
    .map(({ work, contestants }) => {
      const rows = contestants.map(({ key, label }) => {
        const measured = spread(series(results, work.name, key, work.figure));
        return [
          label,
          figure(measured?.median),
          range(measured),
          over(results, work, key),
          ...runFigures(results, work.name, key),
        ];
      });
      const titles = [
        "",
        FIGURES[work.figure],
        "lowest to highest",
        "over posix-aio",
        "p50, µs",
        "p99, µs",
        "loop, ms",
        "cores",
      ];
      return `### ${work.title}\n\n${table(titles, rows)}`;
    }).join("\n\n");
}

function over(results: Results, work: Work, key: string): string {
  const of = (key: string) => series(results, work.name, key, work.figure);
  return ratio(of(key), of("library"))?.median.toFixed(2) ?? NONE;
}

function runFigures(results: Results, work: string, key: string): string[] {
  const fields: (keyof Run)[] = [
    "p50_us",
    "p99_us",
    "loop_delay_p99_ms",
    "cores",
  ];
  return fields.map((field) => medianOf(results, work, key, field));
}

/** What the library asks of itself, met and missed. */
function requirements({ requirements = [] }: Results): string {
  const rows = requirements.map(({ what, bound, measured, verdict }) => [
    measured?.of ? `${what} (${measured.of})` : what,
    bound,
    measured?.median.toFixed(2) ?? NONE,
    measured
      ? `${measured.min.toFixed(2)} to ${measured.max.toFixed(2)}`
      : NONE,
    verdict,
  ]);
  const titles = ["what", "required", "median", "lowest to highest", ""];
  return table(titles, rows, ["l", "r", "r", "r", "l"]);
}

/** How group commit changes what many writers reach. */
function commits(results: Results): string {
  const works = ["append-sync-w1", "append-sync-w64"];
  const keys = contestantsOf(results, works[0]).map(({ key }) => key);
  const rows = keys.map((key) => [
    labelOf(results, key),
    ...works.map((work) => medianOf(results, work, key)),
  ]);
  const titles = ["commits a second", "1 writer", "64 writers"];
  return table(titles, rows);
}

/** How many lanes serve which work best. */
function lanes(results: Results): string {
  const shown = results.works.filter(({ work }) => work.group === "lanes");
  const keys = unique(
    shown.flatMap(({ contestants }) => contestants.map(({ key }) => key)),
  );
  const rows = keys.map((key) => [
    !key.startsWith("library-lanes")
      ? "as many as the engine takes"
      : labelOf(results, key)
        .replace("posix-aio, ", ""),
    ...shown.map(({ work }) => medianOf(results, work.name, key)),
  ]);
  const titles = shown.map(({ work }) =>
    `${work.direct ? "`O_DIRECT`" : "cached"}, ${work.depth} in flight`
  );
  return table(["4 KiB random reads a second", ...titles], rows);
}

/** What it costs to notice completions, by the way it is done. */
function notifications(results: Results): string {
  const works = ["read-4k-warm-d32", "read-4k-direct-d64"];
  const rows = ["auto", "poll", "suspend", "thread"].flatMap((notify) => {
    const key = `library-queue-${notify}`;
    return works.map((work) => [
      `"${notify}"`,
      work.includes("direct") ? "`O_DIRECT`, 64" : "cached, 32",
      medianOf(results, work, key),
      ...runFigures(results, work, key),
    ]);
  }).filter((row) => row[2] !== NONE);
  const titles = [
    "notify",
    "4 KiB random reads, in flight",
    "a second",
    "p50, µs",
    "p99, µs",
    "loop, ms",
    "cores",
  ];
  return table(titles, rows, ["l", "l", "r", "r", "r", "r", "r"]);
}

/** Whether a request costs more when many are in flight. */
function depths(results: Results): string {
  const rows = results.works
    .filter(({ work }) => /^read-4k-(warm|direct)-d/.test(work.name))
    .map(({ work }) => {
      const reads = spread(series(results, work.name, "library", "iops"));
      return [
        work.direct ? "`O_DIRECT`" : "cached",
        String(work.depth),
        figure(reads?.median),
        reads ? figure(1e6 / reads.median) : NONE,
      ];
    });
  const titles = ["4 KiB random reads", "in flight", "a second", "µs for each"];
  return table(titles, rows);
}

function labelOf({ works }: Results, key: string): string {
  for (const { contestants } of works) {
    const found = contestants.find((contestant) => contestant.key === key);
    if (found !== undefined) return found.label;
  }
  return key;
}

function medianOf(
  results: Results,
  work: string,
  key: string,
  field: keyof Run = "iops",
): string {
  return figure(spread(series(results, work, key, field))?.median);
}

function figure(value: number | undefined): string {
  return value === undefined ? NONE : threeDigits(value);
}

function range(measured: Spread | undefined): string {
  if (measured === undefined) return NONE;
  return `${figure(measured.min)} to ${figure(measured.max)}`;
}

/**
 * Rows that have a figure, the first column to the left, and figures to the right
 * unless told.
 */
function table(titles: string[], rows: string[][], align?: string[]): string {
  const shown = rows.filter((row) =>
    row.slice(1).some((cell) => cell !== NONE)
  );
  if (shown.length === 0) return "Not measured in this benchmark run.";
  return markdownTable([titles, ...shown], {
    align: align ?? titles.map((_, column) => column === 0 ? "l" : "r"),
  });
}

function unique<T>(values: T[]): T[] {
  return [...new Set(values)];
}
