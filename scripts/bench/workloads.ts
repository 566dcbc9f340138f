/**
 * The work that the benchmark gives to the library and to its peers.
 *
 * A work is data only. Each contestant (see `contestants.ts`) does it in a process of
 * its own and answers with one {@linkcode Run}.
 */

/** The figure a work is judged by. */
export type Figure = "iops" | "mbps" | "cpu_percent" | "rss_growth_percent";

export interface Work {
  name: string;
  title: string;
  group: "main" | "streams" | "opens" | "lanes" | "soak" | "idle";
  operation: "read" | "write" | "append" | "stream" | "open" | "idle";
  order: "random" | "sequential";
  blockBytes: number;
  depth: number;
  direct: boolean;
  figure: Figure;
  /** The contestants of a run with `--quick`; a work without them is left out. */
  quick?: string[];
  /** Stop after this many operations instead of after a time. */
  operations?: number;
  /** Overrides `--rounds` and `--seconds`. */
  rounds?: number;
  seconds?: number;
}

/** A work with all a process needs to do it; passed to it as JSON. */
export interface Task extends Work {
  path: string;
  fileBytes: number;
  seconds: number;
  /** Time before the measurement starts: compilers and thread pools warm up. */
  rampSeconds: number;
  /** Which of its interfaces a contestant uses. */
  variant: string;
  /** Fixes the number of lanes per file; absent: the library decides. */
  lanes?: number;
  /** Of a contestant with a pool of them. */
  workers?: number;
}

/** What one run measured. Only `iops` and `mbps` are known of every contestant. */
export interface Run {
  what: string;
  iops: number;
  mbps: number;
  p50_us?: number;
  p99_us?: number;
  loop_delay_p99_ms?: number;
  rss_start?: number;
  rss_end?: number;
  cpu_user_us?: number;
  cpu_system_us?: number;
  /** Processor time over elapsed time: 1 is one core kept busy. */
  cores?: number;
  cpu_percent?: number;
  /** The share of the processors' time that the hypervisor kept to itself. */
  stolen?: number;
  rss_growth_percent?: number;
  heap_growth_percent?: number;
  /** Medians of each tenth of the run, in bytes. */
  rss_by_tenth?: number[];
  heap_by_tenth?: number[];
  metrics?: Record<string, number>;
}

/** Names of units as tables and charts print them. */
export const FIGURES: Record<Figure, string> = {
  iops: "operations/s",
  mbps: "MB/s",
  cpu_percent: "% of a core",
  rss_growth_percent: "% RSS growth",
};

const KIB = 1024, MIB = 1024 * KIB;

function randomReads(
  depth: number,
  direct: boolean,
  quick?: string[],
): Work {
  const cache = direct ? "O_DIRECT" : "warm";
  return {
    name: `read-4k-${direct ? "direct" : "warm"}-d${depth}`,
    title: `4 KiB random reads, ${cache}, depth ${depth}`,
    group: "main",
    operation: "read",
    order: "random",
    blockBytes: 4 * KIB,
    depth,
    direct,
    figure: "iops",
    quick,
  };
}

function transfers(
  operation: "read" | "write",
  order: "random" | "sequential",
  direct: boolean,
  quick?: string[],
): Work {
  const large = order === "sequential";
  const cache = direct ? "direct" : operation === "read" ? "warm" : "buffered";
  const depth = large ? 8 : 32;
  return {
    name: `${operation}-${large ? "1m" : "4k"}-${cache}-d${depth}`,
    title: `${large ? "1 MiB" : "4 KiB"} ${order} ${operation}s, ` +
      `${direct ? "O_DIRECT" : cache}, depth ${depth}`,
    group: "main",
    operation,
    order,
    blockBytes: large ? MIB : 4 * KIB,
    depth,
    direct,
    figure: large ? "mbps" : "iops",
    quick,
  };
}

/** Of a size at which copying costs more than the call. */
function largeReads(quick: string[]): Work {
  return {
    ...randomReads(8, false, quick),
    name: "read-64k-warm-d8",
    title: "64 KiB random reads, warm, depth 8",
    blockBytes: 64 * KIB,
    figure: "mbps",
  };
}

const STREAM: Work = {
  ...randomReads(1, false),
  name: "stream-warm",
  title: "A file as a stream, warm",
  group: "streams",
  operation: "stream",
  order: "sequential",
  // What the library makes of it unless told otherwise.
  blockBytes: 256 * KIB,
  figure: "mbps",
  quick: [
    "library",
    "library-on-node",
    "library-on-bun",
    ...runtimes("stream"),
  ],
};

const OPEN: Work = {
  ...randomReads(1, false),
  name: "open-4k-warm",
  title: "Opening a file, reading 4 KiB of it, and closing it, warm",
  group: "opens",
  operation: "open",
  quick: [
    "library",
    "library-on-node",
    "library-on-bun",
    "deno-filehandle",
    ...runtimes("open"),
  ],
};

/** Contestants that are the runtimes' own. */
function runtimes(what: string): string[] {
  return ["deno", "node", "bun"].map((runtime) => `${runtime}-${what}`);
}

function appends(writers: number, quick?: string[]): Work {
  return {
    name: `append-sync-w${writers}`,
    title: `4 KiB appends, each followed by a data sync, ${writers} writer${
      writers > 1 ? "s (fio: a file each)" : ""
    }`,
    group: "main",
    operation: "append",
    order: "sequential",
    blockBytes: 4 * KIB,
    depth: writers,
    direct: false,
    figure: "iops",
    quick,
  };
}

/** The number of lanes that automatic lanes are measured against. */
export const FIXED_LANES = [1, 2, 4, 8, 16];

function lanes(depth: number, direct: boolean): Work {
  const work = randomReads(depth, direct);
  return {
    ...work,
    name: work.name.replace("read-4k", "lanes"),
    title: `Lanes: ${work.title}`,
    group: "lanes",
    quick: ["library", "library-lanes-2", "library-lanes-16"],
  };
}

const soak: Work = {
  ...randomReads(32, false),
  name: "soak",
  title: "Memory over 10 million 4 KiB reads, after 10 million of warm-up",
  group: "soak",
  figure: "rss_growth_percent",
  operations: 20_000_000,
  rounds: 1,
};

const idle: Work = {
  ...randomReads(1, false, ["library"]),
  name: "idle",
  title: "Processor time while one read waits on an empty pipe",
  group: "idle",
  operation: "idle",
  figure: "cpu_percent",
  rounds: 1,
  seconds: 10,
};

/** The ways in which a completion queue notices completions. */
const QUEUES = ["auto", "suspend", "thread", "poll"]
  .map((notify) => `library-queue-${notify}`);

/** The memory that may be read into: in place, reused, and new each time. */
const BUFFERS = ["library", "library-ordinary", "library-fresh"];
/** `node:fs` on each runtime. */
const NODE_FS = ["node", "bun", "deno-node-fs"];

/** Every work, in the order in which they run. */
export const WORKS: Work[] = [
  randomReads(1, false, [
    "library",
    "library-ordinary",
    "library-on-node",
    "library-on-bun",
    "node",
    "bun",
    ...runtimes("sync"),
    "fio-psync",
    "fio-posixaio",
  ]),
  randomReads(8, false),
  randomReads(32, false, [
    "library",
    "library-ordinary",
    "prototype",
    "fio-io_uring",
    "fio-posixaio",
    "bun",
    "node",
    "library-on-bun",
    "library-on-node",
    "deno-fsfile",
    "deno-node-fs",
    "deno-workers",
    "node-workers",
    "node-20-io_uring",
    ...QUEUES,
  ]),
  randomReads(256, false),
  randomReads(4096, false, ["library"]),
  randomReads(1, true),
  randomReads(8, true),
  randomReads(32, true, [
    "library",
    "node-32",
    "bun",
    "library-on-node",
    "library-on-bun",
  ]),
  randomReads(64, true, [
    "library",
    "fio-io_uring",
    "fio-posixaio",
    "node-32",
    "deno-workers",
    "node-workers",
    "node-20-io_uring",
    ...QUEUES,
  ]),
  randomReads(256, true),
  randomReads(4096, true),
  appends(1, ["library", "fio-io_uring"]),
  appends(64, ["library", "fio-io_uring"]),
  largeReads([...BUFFERS, ...NODE_FS, "fio-io_uring"]),
  transfers("read", "sequential", false, [
    ...BUFFERS,
    ...NODE_FS,
    "fio-io_uring",
  ]),
  transfers("read", "sequential", true, ["library", "fio-io_uring"]),
  transfers("write", "sequential", false, ["library", "fio-io_uring"]),
  transfers("write", "sequential", true, ["library", "fio-io_uring"]),
  transfers("write", "random", false),
  transfers("write", "random", true),
  STREAM,
  OPEN,
  lanes(32, true),
  lanes(64, true),
  idle,
  soak,
];

/** A work as `--quick` does it. */
export function shorten(work: Work): Work {
  return { ...work, seconds: work.seconds && work.seconds / 5 };
}
