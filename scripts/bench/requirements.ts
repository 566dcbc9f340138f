/** What the library asks of itself, and whether this run met it. */

import {
  ratio,
  type Results,
  series,
  type Spread,
  spread,
  type Verdict,
} from "./results.ts";
import type { Run } from "./workloads.ts";

export interface Requirement {
  what: string;
  atLeast?: number;
  atMost?: number;
  measure(results: Results): Spread | undefined;
  /** The same of io_uring, which shows what the machine can do. */
  ceiling?(results: Results): Spread | undefined;
}

const WARM_1 = "read-4k-warm-d1",
  WARM_32 = "read-4k-warm-d32",
  DIRECT_32 = "read-4k-direct-d32",
  DIRECT_64 = "read-4k-direct-d64",
  WRITE_DIRECT = "write-4k-direct-d32",
  WRITE_BUFFERED = "write-4k-buffered-d32",
  COLD_32 = "read-4k-cold-d32",
  HALF_COLD_32 = "read-4k-half-cold-d32",
  LARGE = ["read-64k-warm-d8", "read-1m-warm-d8"];

/** The library and `node:fs` on the same runtime. */
const ON_RUNTIMES = [
  ["library", "deno-node-fs"],
  ["library-on-node", "node"],
  ["library-on-bun", "bun"],
];

/** The library over a peer, by one figure. */
function against(
  work: string,
  contestant: string,
  atLeast: number,
  options: { figure?: keyof Run; library?: string } = {},
): Requirement {
  const { figure = "iops", library = "library" } = options;
  const over = (key: string) => (results: Results) =>
    ratio(
      series(results, work, key, figure),
      series(results, work, contestant, figure),
    );
  return {
    what: `${work}: ${library} / ${contestant}`,
    atLeast,
    measure: over(library),
    ceiling: over("fio-io_uring"),
  };
}

function transfers(operation: string, cache: string): Requirement {
  return against(`${operation}-1m-${cache}-d8`, "fio-io_uring", 1, {
    figure: "mbps",
  });
}

/** Automatic lanes over the fixed number that has the best median. */
function lanes(column: string): Requirement {
  const work = `lanes-${column}`;
  return {
    what: `${work}: automatic / best fixed number`,
    atLeast: 0.9,
    measure(results) {
      const best = highest(
        contestantsOf(results, work, "library-lanes-").map((key) => ({
          key,
          of: key.replace("library-", ""),
          ...spread(series(results, work, key, "iops")),
        })),
      );
      const measured = best && ratio(
        series(results, work, "library-librt", "iops"),
        series(results, work, best.key, "iops"),
      );
      return measured && { ...measured, of: best.of };
    },
  };
}

/** The library over `node:fs` of the same runtime, for the runtime where it is least. */
function againstNodeFs(
  work: string,
  atLeast: number,
  variant: "" | "-fs" | "-fs-ordinary" = "",
): Requirement {
  return {
    what: `${work}: library${variant} / node:fs, least of three runtimes`,
    atLeast,
    measure: (results) =>
      lowest(ON_RUNTIMES.map(([library, peer]) => ({
        of: `${library}${variant} / ${peer}`,
        ...ratio(
          series(results, work, `${library}${variant}`, "iops"),
          series(results, work, peer, "iops"),
        ),
      }))),
  };
}

/** How many commits share a synchronization. */
function groupCommit(library: string): Requirement {
  return {
    what: `commits a second: 64 appenders / 1 appender, ${library}`,
    atLeast: 8,
    measure: (results) =>
      ratio(
        series(results, "append-sync-w64", library, "iops"),
        series(results, "append-sync-w1", library, "iops"),
      ),
  };
}

/**
 * Whether cached reads make those wait that are not. All of the second half of the
 * reads miss where half of the file is cached: they are what is counted.
 */
function missesBesideHits(results: Results): Spread | undefined {
  const half = series(results, HALF_COLD_32, "library", "iops");
  return ratio(
    series(results, COLD_32, "library", "iops"),
    half.map((reads) => reads / 2),
  );
}

/**
 * The highest 99th percentile of any work; fixed lanes are experiments, and the delays
 * of `node:fs` are its own.
 */
function worstLoopDelay(results: Results): Spread | undefined {
  return highest(
    results.works.filter(({ work }) => work.group === "main")
      .flatMap(({ work: { name } }) =>
        contestantsOf(results, name, "library")
          .filter((key) => !key.includes("-fs"))
          .map((key) => ({
            of: `${name}, ${key}`,
            ...spread(series(results, name, key, "loop_delay_p99_ms")),
          }))
      ),
  );
}

function contestantsOf(results: Results, work: string, prefix: string) {
  const found = results.works.find((result) => result.work.name === work);
  return (found?.contestants ?? []).map(({ key }) => key)
    .filter((key) => key.startsWith(prefix));
}

/** Of those that were measured. */
function highest<T extends Partial<Spread>>(
  candidates: T[],
): (T & Spread) | undefined {
  return ascending(candidates).at(-1);
}

/** Of those that were measured. */
function lowest<T extends Partial<Spread>>(
  candidates: T[],
): (T & Spread) | undefined {
  return ascending(candidates)[0];
}

function ascending<T extends Partial<Spread>>(candidates: T[]): (T & Spread)[] {
  return candidates
    .filter((it): it is T & Spread => it.median !== undefined)
    .sort((a, b) => a.median - b.median);
}

export const REQUIREMENTS: Requirement[] = [
  against(WARM_32, "prototype", 0.95),
  against(WARM_32, "bun", 1.2),
  against(WARM_32, "node", 1.7),
  against(WARM_32, "deno-fsfile", 6),
  against(WARM_32, "deno-node-fs", 20),
  against(WARM_32, "fio-io_uring", 1.2),
  against("read-4k-warm-d4096", "fio-io_uring", 1.2),
  {
    what: "read-4k-warm-d32: cores of library",
    atMost: 1.1,
    measure: (results) => spread(series(results, WARM_32, "library", "cores")),
  },
  against(WARM_1, "fio-psync", 0.75),
  against(WARM_1, "deno-sync", 0.9),
  against(WARM_1, "node-sync", 0.9, { library: "library-on-node" }),
  against(WARM_1, "bun-sync", 0.8, { library: "library-on-bun" }),
  against(WARM_1, "node", 6),
  against(WARM_1, "bun", 6),
  against(WARM_1, "library", 0.85, { library: "library-ordinary" }),
  ...LARGE.flatMap((work) =>
    [
      ["library-ordinary", "node-ordinary"],
      ["library-ordinary", "deno-node-fs-ordinary"],
      ["library-fresh", "deno-node-fs-fresh"],
      ["library-on-node-ordinary", "node-ordinary"],
      ["library-on-node-fresh", "node-fresh"],
    ].map(([library, peer]) =>
      against(work, peer, 1, { figure: "mbps", library })
    )
  ),
  against("stream-warm", "deno-stream", 1, { figure: "mbps" }),
  against("stream-warm", "node-stream", 1, {
    figure: "mbps",
    library: "library-on-node",
  }),
  against("stream-warm", "bun-stream", 1, {
    figure: "mbps",
    library: "library-on-bun",
  }),
  against("open-4k-warm", "deno-open", 0.9),
  against("open-4k-warm", "node-open", 0.9, { library: "library-on-node" }),
  against(WARM_32, "library", 0.85, { library: "library-ordinary" }),
  ...[DIRECT_32, DIRECT_64].flatMap((work) => [
    against(work, "fio-io_uring", 0.95),
    against(work, "library-librt", 1.2),
    {
      what: `${work}: cores of library`,
      atMost: 0.6,
      measure: (results: Results) =>
        spread(series(results, work, "library", "cores")),
    },
  ]),
  against(DIRECT_64, "node", 2, { library: "library-on-node" }),
  against(DIRECT_64, "bun", 2, { library: "library-on-bun" }),
  against(WRITE_DIRECT, "fio-io_uring", 0.9),
  against(WRITE_BUFFERED, "fio-io_uring", 1),
  ...[WRITE_DIRECT, WRITE_BUFFERED].flatMap((work) =>
    ["node", "bun"].map((peer) =>
      against(work, peer, 1, { library: `library-on-${peer}` })
    )
  ),
  against("append-sync-w1", "library-librt", 1.2),
  against("append-sync-w64", "library-librt", 1),
  against(DIRECT_64, "fio-posixaio", 4.5),
  against(DIRECT_64, "node-32", 1.2),
  against(WARM_32, "node", 1.2, { library: "library-on-node" }),
  against(WARM_32, "bun", 1.2, { library: "library-on-bun" }),
  against(DIRECT_32, "node-32", 1.2, { library: "library-on-node" }),
  against(DIRECT_32, "bun", 2, { library: "library-on-bun" }),
  {
    what: "read-4k-warm-d1: p50 of library / node",
    atMost: 1,
    measure: (results) =>
      ratio(
        series(results, "read-4k-warm-d1", "library", "p50_us"),
        series(results, "read-4k-warm-d1", "node", "p50_us"),
      ),
  },
  {
    what: "warm reads, time for each: depth 4096 / depth 32",
    atMost: 1.5,
    measure: (results) =>
      ratio(
        series(results, WARM_32, "library", "iops"),
        series(results, "read-4k-warm-d4096", "library", "iops"),
      ),
  },
  against(COLD_32, "library-no-page-cache", 0.95),
  {
    what:
      "4 KiB reads that miss, time for each: half of the file cached / nothing",
    atMost: 1.2,
    measure: missesBesideHits,
  },
  against("read-4k-busy-d1", "node", 8),
  ...["half-processor", "tenth-processor", "nice"].flatMap((scarcity) =>
    [1, 32].map((depth) => againstNodeFs(`read-4k-${scarcity}-d${depth}`, 2))
  ),
  ...[1, 32].flatMap((depth) => [
    againstNodeFs(`read-4k-warm-d${depth}`, 0.9, "-fs"),
    againstNodeFs(`read-4k-warm-d${depth}`, 0.9, "-fs-ordinary"),
    againstNodeFs(`read-4k-direct-d${depth}`, 0.9, "-fs"),
  ]),
  lanes("direct-d32"),
  lanes("direct-d64"),
  transfers("read", "warm"),
  transfers("read", "direct"),
  transfers("write", "buffered"),
  transfers("write", "direct"),
  groupCommit("library"),
  groupCommit("library-fs"),
  {
    what: "event-loop delay, worst p99 of any work (ms)",
    atMost: 2,
    measure: worstLoopDelay,
  },
  {
    what:
      "delay of a 1 ms timer beside reads, p99, most of three runtimes (ms)",
    atMost: 1,
    measure: (results) =>
      highest(ON_RUNTIMES.map(([of]) => ({
        of,
        ...spread(series(results, "timer-1ms", of, "loop_delay_p99_ms")),
      }))),
  },
  {
    what: "idle: processor time while a read waits (% of a core)",
    atMost: 1,
    measure: (results) =>
      spread(series(results, "idle", "library", "cpu_percent")),
  },
  {
    what: "idle: processor time while 5,000 pipes are waited for (% of a core)",
    atMost: 1,
    measure: (results) =>
      spread(series(results, "idle-5000", "library", "cpu_percent")),
  },
  {
    what: "soak: RSS growth over 10 million reads (%)",
    atMost: 5,
    measure: (results) =>
      spread(series(results, "soak", "library", "rss_growth_percent")),
  },
];

export function judge(
  { what, atLeast = -Infinity, atMost = Infinity, measure, ceiling }:
    Requirement,
  results: Results,
): Verdict {
  const measured = measure(results);
  const bound = atLeast === -Infinity
    ? `at most ${atMost}`
    : `at least ${atLeast}`;
  if (!measured) return { what, bound, verdict: "not measured" };
  const isMet = measured.median >= atLeast && measured.median <= atMost;
  if (isMet) return { what, bound, measured, verdict: "met" };
  const most = ceiling?.(results)?.median ?? Infinity;
  const verdict = most >= atLeast
    ? "missed"
    : `missed, io_uring too: ${most.toFixed(2)}` as const;
  return { what, bound, measured, verdict };
}
