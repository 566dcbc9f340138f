/**
 * The work that the benchmark gives to the library and to its peers.
 *
 * A work is data only. Each contestant (see `contestants.ts`) does it in a process of
 * its own and answers with one {@linkcode Run}.
 */

/** The figure a work is judged by. */
export type Figure =
  | "iops"
  | "mbps"
  | "loop_delay_p99_ms"
  | "cpu_percent"
  | "rss_growth_percent";

/** What the processors are busy with beside a run, and how much of them it gets. */
export interface Constraint {
  /** Whether there are as many busy processes beside it as processors. */
  isBesideBusy?: boolean;
  /** The most processor time in a second, by a cgroup. */
  processors?: number;
  /** Its niceness, see nice(1). */
  niceness?: number;
}

/** A format, read by a package that was not written for the library. */
export type Consumer = "parquet" | "zip" | "pmtiles" | "sqlite";

export interface Work {
  name: string;
  title: string;
  group:
    | "main"
    | "streams"
    | "opens"
    | "lanes"
    | "soak"
    | "idle"
    | "cold"
    | "constrained"
    | "consumers"
    | "timers";
  operation:
    | "read"
    | "write"
    | "append"
    | "stream"
    | "open"
    | "consume"
    | "idle";
  /** Whose files are read, by the operation `"consume"`. */
  consumer?: Consumer;
  order: "random" | "sequential";
  blockBytes: number;
  depth: number;
  direct: boolean;
  figure: Figure;
  /** The contestants of a run with `--quick`; a work without them is left out. */
  quick?: string[];
  /** Whether they are all that take part without `--quick`, too. */
  isForFew?: boolean;
  /**
   * How much of the file the page cache does not have; absent: none of it, or all of
   * it for direct works. No block is read twice then: it would be cached.
   */
  cold?: "half" | "all";
  constraint?: Constraint;
  /** How often the timer fires whose delay is measured. */
  timer_ms?: number;
  /** Stop after this many operations instead of after a time. */
  operations?: number;
  /** No more rounds than these. */
  rounds_max?: number;
  /** Overrides `--seconds`. */
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
  /** The share of what was read that came from the disk. */
  disk_share?: number;
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
  loop_delay_p99_ms: "ms of delay, p99",
  cpu_percent: "% of a core",
  rss_growth_percent: "% RSS growth",
};

const KIB = 1024, MIB = 1024 * KIB;
/** Of works with many contestants, or with figures far from their bounds. */
const FEWER_ROUNDS = 3;

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
    rounds_max: direct || operation === "write" ? undefined : FEWER_ROUNDS,
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
    rounds_max: FEWER_ROUNDS,
  };
}

/** Reads of a file that is not in the page cache, or only half of it. */
function coldReads(cold: "half" | "all", quick: string[]): Work {
  return {
    ...randomReads(32, false, quick),
    name: cold === "all" ? "read-4k-cold-d32" : "read-4k-half-cold-d32",
    title: `4 KiB random reads, ${
      cold === "all" ? "nothing" : "half of the file"
    } cached, depth 32`,
    group: "cold",
    isForFew: true,
    cold,
    rounds_max: FEWER_ROUNDS,
  };
}

/** Cached reads of a process that does not have the machine to itself. */
function constrainedReads(
  name: string,
  circumstance: string,
  constraint: Constraint,
  depth: number,
  quick: string[],
): Work {
  const work = randomReads(depth, false, quick);
  return {
    ...work,
    name: work.name.replace("read-4k-warm", `read-4k-${name}`),
    title: `${work.title}, ${circumstance}`,
    group: "constrained",
    isForFew: true,
    constraint,
  };
}

/** A timer that wants its turn while reads that are cached follow each other. */
const TIMER: Work = {
  ...randomReads(1, false, ["library", "library-on-node", "library-on-bun"]),
  name: "timer-1ms",
  title: "Delay of a 1 ms timer beside 4 KiB random reads, warm, depth 1",
  group: "timers",
  isForFew: true,
  timer_ms: 1,
  figure: "loop_delay_p99_ms",
  rounds_max: FEWER_ROUNDS,
};

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

/** What other packages read of files of their formats. */
function consumed(consumer: Consumer, title: string, depth: number): Work {
  return {
    ...randomReads(depth, false, LIBRARY_AND_NODE_FS),
    name: `consumer-${consumer}`,
    title: `${title}, warm, depth ${depth}`,
    group: "consumers",
    operation: "consume",
    consumer,
    isForFew: true,
    rounds_max: FEWER_ROUNDS,
  };
}

/** Contestants that are the runtimes' own. */
function runtimes(what: string): string[] {
  return ["deno", "node", "bun"].map((runtime) => `${runtime}-${what}`);
}

/** What a user may choose between where records have to be on disk. */
const DURABLE = [
  "library",
  "library-librt",
  "library-fs",
  "deno-node-fs",
  "node",
  "bun",
  "fio-io_uring",
];

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
    quick: ["library-librt", "library-lanes-2", "library-lanes-16"],
  };
}

const soak: Work = {
  ...randomReads(32, false),
  name: "soak",
  title: "Memory over 10 million 4 KiB reads, after 10 million of warm-up",
  group: "soak",
  figure: "rss_growth_percent",
  operations: 20_000_000,
  rounds_max: 1,
};

function idle(pipes: number): Work {
  return {
    ...IDLE,
    name: pipes === 1 ? "idle" : `idle-${pipes}`,
    title: `Processor time while ${
      pipes === 1
        ? "one read waits on an empty pipe"
        : `${pipes} reads wait, on an empty pipe each`
    }`,
    depth: pipes,
  };
}

const IDLE: Work = {
  ...randomReads(1, false, ["library", "library-librt"]),
  group: "idle",
  operation: "idle",
  figure: "cpu_percent",
  rounds_max: 1,
  seconds: 10,
};

/** The ways in which a completion queue notices completions. */
const QUEUES = ["auto", "suspend", "thread", "poll"]
  .map((notify) => `library-queue-${notify}`);

/** The memory that may be read into: in place, reused, and new each time. */
const BUFFERS = ["library", "library-ordinary", "library-fresh"];
/** `node:fs` on each runtime. */
const NODE_FS = ["node", "bun", "deno-node-fs"];
/** For works in which the memory that is read into makes a difference. */
export const LARGE_READERS = [
  ...BUFFERS,
  ...["node", "bun"].flatMap((runtime) =>
    ["ordinary", "fresh"].map((memory) => `library-on-${runtime}-${memory}`)
  ),
  ...NODE_FS.flatMap((key) => [key, `${key}-ordinary`, `${key}-fresh`]),
  "fio-io_uring",
];

/** The library and what the runtime itself has, on each runtime. */
const LIBRARY_AND_NODE_FS = [
  "library",
  "deno-node-fs",
  "library-on-node",
  "node",
  "library-on-bun",
  "bun",
];

/** The engine on `node:fs`, and `node:fs` itself. */
const ENGINE_FS_PINNED = [
  "library-fs",
  "library-on-node-fs",
  "library-on-bun-fs",
  ...NODE_FS,
];
const ENGINE_FS = [
  ...ENGINE_FS_PINNED,
  "library-fs-ordinary",
  "library-on-node-fs-ordinary",
  "library-on-bun-fs-ordinary",
];

/** Both engines, and what the kernel can do. */
const ENGINES_AND_FIO = ["library", "library-librt", "fio-io_uring"];
const WRITERS = [
  ...ENGINES_AND_FIO,
  "library-on-node",
  "node",
  "library-on-bun",
  "bun",
];

const COLD_READERS = [
  "library",
  "library-no-page-cache",
  "fio-io_uring",
  "node",
];

/** Where a process gets less than a processor. */
const SCARCITIES: [string, string, Constraint][] = [
  ["half-processor", "half a processor", { processors: 0.5 }],
  ["tenth-processor", "a tenth of a processor", { processors: 0.1 }],
  ["nice", "nice 19 beside a busy process for each processor", {
    niceness: 19,
    isBesideBusy: true,
  }],
];

/** Few and short runs: there are many of them. */
function scarceReads(): Work[] {
  return SCARCITIES.flatMap((scarcity) =>
    [1, 32].map((depth): Work => ({
      ...constrainedReads(...scarcity, depth, LIBRARY_AND_NODE_FS),
      rounds_max: 2,
      // Of which a nice process has a hundredth.
      seconds: scarcity[2].niceness ? 15 : 5,
    }))
  );
}

/** Every work, in the order in which they run. */
export const WORKS: Work[] = [
  randomReads(1, false, [
    "library",
    "library-ordinary",
    "library-on-node",
    "library-on-bun",
    ...ENGINE_FS,
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
    "library-on-bun",
    "library-on-node",
    "deno-fsfile",
    ...ENGINE_FS,
    "deno-workers",
    "node-workers",
    "node-20-io_uring",
    ...QUEUES,
  ]),
  randomReads(256, false),
  randomReads(4096, false, ["library", "fio-io_uring"]),
  randomReads(1, true, ENGINE_FS_PINNED),
  randomReads(8, true),
  randomReads(32, true, [
    "library",
    "library-librt",
    "fio-io_uring",
    "node-32",
    ...ENGINE_FS_PINNED,
    "library-on-node",
    "library-on-bun",
  ]),
  randomReads(64, true, [
    "library",
    "library-librt",
    "library-on-node",
    "library-on-bun",
    "node",
    "bun",
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
  appends(1, DURABLE),
  appends(64, DURABLE),
  coldReads("all", COLD_READERS),
  coldReads("half", COLD_READERS),
  {
    ...constrainedReads(
      "busy",
      "a busy process for each processor",
      { isBesideBusy: true },
      1,
      ["library", "node"],
    ),
    rounds_max: FEWER_ROUNDS,
  },
  ...scarceReads(),
  TIMER,
  largeReads(LARGE_READERS),
  transfers("read", "sequential", false, LARGE_READERS),
  transfers("read", "sequential", true, ENGINES_AND_FIO),
  transfers("write", "sequential", false, ENGINES_AND_FIO),
  transfers("write", "sequential", true, ENGINES_AND_FIO),
  transfers("write", "random", false, WRITERS),
  transfers("write", "random", true, WRITERS),
  STREAM,
  OPEN,
  consumed("parquet", "100 rows of a Parquet file by hyparquet", 8),
  consumed("zip", "An entry of a ZIP file by zip.js", 8),
  consumed("pmtiles", "A tile of a PMTiles archive by pmtiles", 8),
  // wa-sqlite does one statement at a time.
  consumed("sqlite", "A row of an SQLite database by wa-sqlite", 1),
  lanes(32, true),
  lanes(64, true),
  idle(1),
  idle(5000),
  soak,
];

/** A work as `--quick` does it. */
export function shorten(work: Work): Work {
  return { ...work, seconds: work.seconds && work.seconds / 5 };
}
