// The benchmark: how it measures, what it makes of figures, and its tables.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  consumers,
  denoPeers,
  library,
} from "../../scripts/bench/contestants.ts";
import { makeSample } from "../../scripts/bench/consumers/samples.ts";
import { parseFio } from "../../scripts/bench/fio.ts";
import { drive, driveStreams, offsets } from "../../scripts/bench/measure.mjs";
import { judge, REQUIREMENTS } from "../../scripts/bench/requirements.ts";
import { median, ratio, series, spread } from "../../scripts/bench/results.ts";
import { checkDiskShare, rotated, roundsOf } from "../../scripts/bench/run.ts";
import {
  describeDisturbance,
  isDisturbed,
  parseProcessorTime,
  stolenShare,
} from "../../scripts/bench/stolen.ts";
import { fillTables } from "../../scripts/bench/tables.ts";
import {
  createTestFile,
  dropFromCache,
  dropHalfFromCache,
  isInMemory,
} from "../../scripts/bench/test_file.ts";
import { type Run, type Work, WORKS } from "../../scripts/bench/workloads.ts";
import {
  Directory,
  execute,
  succeeds,
  test,
  timeLimit,
} from "../helpers/mod.ts";

test("rotated() has another one go first in each round", () => {
  const orders = [1, 2, 3, 4].map((round) => rotated(["a", "b", "c"], round));
  assertEquals(
    orders.map((order) => order.join("")),
    ["abc", "bca", "cab", "abc"],
  );
  assertEquals(rotated([], 2), []);
});

test("median() is the middle value of an odd number of values", () => {
  assertEquals(median([30, 10, 20]), 20);
});

test("median() is the mean of the middle two of an even number", () => {
  assertEquals(median([4, 1, 2, 100]), 3);
});

test("median() leaves its argument as it is", () => {
  const values = [3, 1, 2];
  median(values);
  assertEquals(values, [3, 1, 2]);
});

test("spread() gives median, lowest and highest", () => {
  assertEquals(spread([5, 1, 9]), { median: 5, min: 1, max: 9 });
  assertEquals(spread([]), undefined);
});

test("ratio() compares what ran in the same round", () => {
  // The machine was twice as fast in the second round, for both.
  assertEquals(ratio([10, 20, 10], [5, 10, 5]), { median: 2, min: 2, max: 2 });
});

test("ratio() leaves out rounds that only one of both has", () => {
  assertEquals(ratio([10, 20], [5]), { median: 2, min: 2, max: 2 });
  assertEquals(ratio([], [5]), undefined);
});

test("offsets() goes through the file in order and starts again", () => {
  const next = offsets({
    order: "sequential",
    fileBytes: 3 * 4096 + 1,
    blockBytes: 4096,
  });
  assertEquals([next(), next(), next(), next()], [0, 4096, 8192, 0]);
});

test("offsets() at random stays on whole blocks of the file", () => {
  const next = offsets({
    order: "random",
    fileBytes: 2 * 4096 + 1,
    blockBytes: 4096,
  });
  const seen = new Set(Array.from({ length: 200 }, next));
  assertEquals([...seen].sort(), [0, 4096]);
});

const COLD = {
  order: "random",
  cold: "all",
  fileBytes: 9 * 4096,
  blockBytes: 4096,
};

test("offsets() of a cold file has every second block once, none at the beginning", () => {
  const next = offsets(COLD);
  const seen = Array.from({ length: 4 }, next).sort((a, b) => a - b);
  assertEquals(seen, [1, 3, 5, 7].map((block) => 4096 * block));
  assertEquals(next(), undefined);
});

test("drive() ends with the last block of a cold file, and counts until then", async () => {
  const task = { ...COLD, depth: 1, rampSeconds: 0, seconds: 3600 };
  const measurement = await drive(task, () => Promise.resolve(4096));
  assertEquals(measurement.count, 4);
  assert(measurement.report().iops > 0);
  assert(measurement.end_ms <= performance.now());
});

test("drive() throws for a cold file that is read before anything is measured", async () => {
  const task = { ...COLD, depth: 1, rampSeconds: 3600, seconds: 1 };
  await assertRejects(
    () => drive(task, () => Promise.resolve(4096)),
    Error,
    "before the measurement began",
  );
});

test("checkDiskShare() throws where the cache had what it should not have, or had not", () => {
  checkDiskShare({}, { disk_share: 0 });
  checkDiskShare({ cold: "all" }, {});
  checkDiskShare({ cold: "all" }, { disk_share: 1 });
  checkDiskShare({ cold: "half" }, { disk_share: 0.52 });
  assertThrows(
    () => checkDiskShare({ cold: "all" }, { disk_share: 0.6 }),
    Error,
    "60 % of what was read came from the disk instead of 100 %",
  );
  assertThrows(
    () => checkDiskShare({ cold: "half" }, { disk_share: 1.17 }),
    Error,
    "117 %",
  );
});

function tellsWhatIsCached(): boolean {
  using directory = new Directory();
  return succeeds("fincore", "--version") && !isInMemory(directory.path);
}

test(
  "dropHalfFromCache() leaves half of a file in the page cache, dropFromCache() nothing",
  { ignore: !tellsWhatIsCached() },
  async () => {
    const BYTES = 32 << 20;
    using directory = new Directory();
    const path = directory.at("data");
    await createTestFile(path, BYTES);
    const cached = async () => {
      const command = ["fincore", "--bytes", "--noheadings", "-o", "RES", path];
      return Number((await execute(command)).stdout);
    };
    dropHalfFromCache(path, BYTES);
    assertEquals(await cached(), BYTES / 2);
    dropFromCache(path);
    assertEquals(await cached(), 0);
  },
);

test("roundsOf() is what is asked for, and no more than the work has", () => {
  assertEquals(roundsOf({ ...WORKS[0], rounds_max: 3 }, 5), 3);
  assertEquals(roundsOf({ ...WORKS[0], rounds_max: 3 }, 2), 2);
  assertEquals(roundsOf({ ...WORKS[0], rounds_max: undefined }, 5), 5);
});

function fioReport(fields: Record<string, unknown>): string {
  const nothing = { iops: 0, bw_bytes: 0, lat_ns: {} };
  return JSON.stringify({
    jobs: [{ error: 0, read: nothing, write: nothing, ...fields }],
  });
}

const transfers = {
  iops: 1000.4,
  bw_bytes: 4_096_000,
  lat_ns: { percentile: { "50.000000": 20_000, "99.000000": 90_000 } },
};

test("parseFio() reads a report that notes stand before", () => {
  const run = parseFio(
    "note: something that fio has to say\n" + fioReport({ read: transfers }),
    { operation: "read" },
  );
  assertEquals(run, {
    what: "fio",
    iops: 1000,
    mbps: 4.1,
    p50_us: 20,
    p99_us: 90,
  });
});

test("parseFio() adds the sync to the latency of an append", () => {
  const sync = {
    lat_ns: { percentile: { "50.000000": 200_000, "99.000000": 400_000 } },
  };
  const run = parseFio(fioReport({ write: transfers, sync }), {
    operation: "append",
  });
  assertEquals([run.p50_us, run.p99_us], [220, 490]);
});

test("parseFio() throws what fio reports as an error", () => {
  assertThrows(
    () => parseFio(fioReport({ error: 5 }), { operation: "read" }),
    Error,
    "error 5",
  );
});

function resultsOf(iops: Record<string, number[]>) {
  const contestants = Object.entries(iops).map(([key, values]) => ({
    key,
    label: key,
    runs: values.map((value): Run => ({ what: key, iops: value, mbps: 0 })),
  }));
  return {
    date: "",
    settings: {},
    machine: {},
    versions: {},
    missing: [],
    works: [{ work: WORKS[0], contestants }],
  };
}

/** One contestant over another. */
function over(a: string, b: string) {
  return (results: ReturnType<typeof resultsOf>) =>
    ratio(
      series(results, WORKS[0].name, a, "iops"),
      series(results, WORKS[0].name, b, "iops"),
    );
}

test("judge() compares the median of the ratios with the bound", () => {
  const results = resultsOf({ library: [20, 30, 10], peer: [10, 10, 10] });
  const measure = over("library", "peer");
  const verdict = (bounds: { atLeast?: number; atMost?: number }) =>
    judge({ what: "", measure, ...bounds }, results).verdict;
  assertEquals(verdict({ atLeast: 2 }), "met");
  assertEquals(verdict({ atLeast: 2.1 }), "missed");
  assertEquals(verdict({ atMost: 2 }), "met");
  assertEquals(verdict({ atMost: 1.9 }), "missed");
});

test("judge() says what io_uring reaches where that would not be enough", () => {
  const results = resultsOf({
    library: [20],
    peer: [10],
    "fio-io_uring": [30],
  });
  const verdict = (atLeast: number) =>
    judge({
      what: "",
      measure: over("library", "peer"),
      ceiling: over("fio-io_uring", "peer"),
      atLeast,
    }, results).verdict;
  assertEquals(verdict(2), "met");
  assertEquals(verdict(3), "missed");
  assertEquals(verdict(4), "missed, io_uring too: 3.00");
});

test("judge() says so where a contestant did not take part", () => {
  const results = resultsOf({ library: [20] });
  const measure = over("library", "peer");
  const { verdict } = judge({ what: "", measure, atLeast: 1 }, results);
  assertEquals(verdict, "not measured");
});

const STREAM_TASK = {
  rampSeconds: 0,
  seconds: timeLimit(50) / 1000,
  fileBytes: 6,
};

/** Streams of chunks of these sizes, one after another. */
function streamsOf(...lengths: number[]) {
  let made = 0;
  const make = () => {
    made++;
    const chunks = lengths.map((length) => new Uint8Array(length));
    return ReadableStream.from(async function* () {
      for (const chunk of chunks) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield chunk;
      }
    }());
  };
  return { make, count: () => made };
}

test("driveStreams() counts the bytes of chunks, of one stream after another", async () => {
  const streams = streamsOf(1, 5);
  const measurement = await driveStreams(STREAM_TASK, streams.make);
  const { iops, mbps } = measurement.report();
  assert(streams.count() > 1, "one stream");
  assert(iops > 0 && measurement.count > 1);
  const perChunk = measurement.bytes / measurement.count;
  assert(perChunk >= 1 && perChunk <= 5, `${perChunk} bytes a chunk`);
  assert(mbps >= 0);
});

test("driveStreams() throws for a stream that is not the whole file", async () => {
  const { make } = streamsOf(1, 4);
  await assertRejects(() => driveStreams(STREAM_TASK, make), Error, "5 bytes");
});

function measured(
  name: string,
  figures: Record<string, number>,
  field: "iops" | "mbps" = "mbps",
) {
  const work = WORKS.find((work) => work.name === name) as Work;
  const contestants = Object.entries(figures).map(([key, value]) => ({
    key,
    label: `the ${key}`,
    runs: [{ what: key, iops: 0, mbps: 0, [field]: value }],
  }));
  return { work, contestants };
}

function filled(name: string, ...works: ReturnType<typeof measured>[]) {
  const page = `<!-- bench:${name} -->\n<!-- /bench:${name} -->`;
  return fillTables(page, { ...resultsOf({}), works }, []);
}

/** The verdict on the requirement that begins with these words. */
function verdictOn(what: string, ...works: ReturnType<typeof measured>[]) {
  const requirement = REQUIREMENTS.find((it) => it.what.startsWith(what))!;
  return judge(requirement, { ...resultsOf({}), works });
}

test("judge() counts the reads that miss where half of a file is cached", () => {
  const verdict = verdictOn(
    "4 KiB reads that miss",
    measured("read-4k-cold-d32", { library: 50 }, "iops"),
    measured("read-4k-half-cold-d32", { library: 80 }, "iops"),
  );
  assertEquals(verdict.measured?.median, 1.25);
  assertEquals(verdict.verdict, "missed");
});

test("judge() names the runtime on which the library gains least", () => {
  const work = "read-4k-half-processor-d1";
  const verdict = verdictOn(
    work,
    measured(work, {
      "library": 90,
      "deno-node-fs": 10,
      "library-on-bun": 60,
      "bun": 20,
    }, "iops"),
  );
  assertEquals(verdict.measured?.median, 3);
  assertEquals(verdict.measured?.of, "library-on-bun / bun");
});

test('fillTables() has the requirements as they were judged then, for "requirements"', () => {
  const page = "<!-- bench:requirements -->\n<!-- /bench:requirements -->";
  const requirements = [
    { what: "one of old", bound: "at least 2", verdict: "not measured" },
  ] as const;
  const table = fillTables(page, {
    ...resultsOf({}),
    requirements: [...requirements],
  }, []);
  assert(/one of old +\| +at least 2 /.test(table), table);
  assert(!table.includes(REQUIREMENTS[0].what), table);
});

test('fillTables() puts a figure into the midst of a line, for "headline"', () => {
  const works = [measured("append-sync-w64", { library: 123_456 }, "iops")];
  const page = "of <!-- bench:headline -->1<!-- /bench:headline --> a second";
  assertEquals(
    fillTables(page, { ...resultsOf({}), works }, []),
    page.replace(">1<", ">123,000<"),
  );
});

test('fillTables() has large reads by memory beside node:fs, for "sizes"', () => {
  const table = filled(
    "sizes",
    measured("read-64k-warm-d8", { library: 5, "library-fresh": 6, node: 7 }),
    measured("read-1m-warm-d8", { library: 8, "library-ordinary": 9 }),
  );
  const cells = table.split("\n").map((line) => line.replace(/[ |]+/g, " "));
  for (
    const row of [
      " the library – 5 8 ",
      " the library-ordinary – – 9 ",
      " the library-fresh – 6 – ",
      " the node – 7 – ",
    ]
  ) assert(cells.includes(row), `${row} in ${table}`);
});

test('fillTables() has everybody who streams, for "streams"', () => {
  const table = filled("streams", measured("stream-warm", { a: 3000, b: 600 }));
  assert(/the a +\| +3,000 \|/.test(table), table);
  assert(/the b +\| +600 \|/.test(table), table);
  assert(filled("streams").includes("Not measured in this benchmark run."));
});

test("WORKS with --quick have streams, opening, and readSync on three runtimes", () => {
  const quick = (name: string) =>
    WORKS.find((work) => work.name === name)!.quick!;
  for (const runtime of ["deno", "node", "bun"]) {
    assert(quick("read-4k-warm-d1").includes(`${runtime}-sync`));
    assert(quick("stream-warm").includes(`${runtime}-stream`));
    assert(quick("open-4k-warm").includes(`${runtime}-open`));
  }
  assert(quick("read-4k-warm-d32").includes("fio-posixaio"));
  for (const name of ["read-64k-warm-d8", "read-1m-warm-d8"]) {
    for (
      const key of ["library", "library-ordinary", "library-fresh", "node"]
    ) {
      assert(quick(name).includes(key), `${key} of ${name}`);
    }
  }
});

test("WORKS with --quick have what the engine on node:fs is judged by", () => {
  for (const { what } of REQUIREMENTS) {
    const [, name, key] = /^(\S+): (library-fs\S*) \//.exec(what) ?? [];
    if (name === undefined) continue;
    const { quick = [] } = WORKS.find((work) => work.name === name)!;
    const onNode = key.replace("library", "library-on-node");
    for (const one of [key, onNode, "node", "bun", "deno-node-fs"]) {
      assert(quick.includes(one), `${one} of ${name}`);
    }
  }
});

test("every contestant that --quick names offers the work", () => {
  // Those of this runtime; the others are looked for on the machine.
  const contestants = [...library(), ...denoPeers(), ...consumers()];
  let looked = 0;
  for (const work of WORKS) {
    for (const key of work.quick ?? []) {
      const named = contestants.filter((it) => it.key === key);
      if (named.length === 0) {
        assert(!/^(library(?!-on)|deno)/.test(key), `nobody is ${key}`);
        continue;
      }
      looked++;
      const offering = named.filter((it) => it.offers(work));
      assertEquals(offering.length, 1, `${key} of ${work.name}`);
    }
  }
  assert(looked > 30, `${looked}`);
});

test("consumers() read each format through the library and node:fs", async () => {
  const works = WORKS.filter(({ group }) => group === "consumers");
  assertEquals(
    works.map(({ consumer }) => consumer),
    ["parquet", "zip", "pmtiles", "sqlite"],
  );
  // What has begun is awaited and fails the run, however short that is.
  const times = { seconds: 0.05, rampSeconds: 0 };
  using directory = new Directory();
  for (const work of works) {
    const path = directory.at(work.name);
    await makeSample(work.consumer!, path);
    const task = { ...work, ...times, path, fileBytes: 1 << 28, variant: "" };
    for (const contestant of consumers()) {
      assert(contestant.offers(work), contestant.key);
      const { program, args } = contestant.command(task);
      const { code, stdout, stderr } = await execute([program, ...args]);
      assertEquals(code, 0, stderr);
      const way = contestant.key === "library" ? "library" : "node-fs";
      assertEquals(JSON.parse(stdout).what, way);
    }
  }
});

test("parseProcessorTime() adds up what all processors did, without guests", () => {
  const text = "cpu  10 2 8 70 4 1 1 4 9 0\ncpu0 5 1 4 35 2 0 0 2 9 0\n";
  assertEquals(parseProcessorTime(text), { total: 100, stolen: 4 });
});

test("stolenShare() is that of all processors' time between two moments", () => {
  const before = { total: 1000, stolen: 100 };
  assertEquals(stolenShare(before, { total: 1400, stolen: 120 }), 0.05);
  assertEquals(stolenShare(before, before), 0);
  assertEquals(stolenShare(null, before), undefined);
});

function runWith(stolen?: number): Run {
  return { what: "", iops: 1, mbps: 0, stolen };
}

test("a run is disturbed when processors were taken away, if the system tells", () => {
  assert(isDisturbed(runWith(0.03)));
  assert(!isDisturbed(runWith(0.01)));
  assert(!isDisturbed(runWith()));
});

test("describeDisturbance() tells how many runs were, and how much", () => {
  const runs = [0.4, 0.001, 0.05, undefined].map(runWith);
  assertEquals(
    describeDisturbance(runs),
    "In 2 of 4 runs, the hypervisor kept 5 % to 40 % of the processors' time " +
      "to itself",
  );
  assertEquals(
    describeDisturbance(runs.slice(0, 2)),
    "In 1 of 2 runs, the hypervisor kept 40 % of the processors' time to itself",
  );
  assertEquals(describeDisturbance(runs.slice(1, 2)), "");
});

test("bench --help names the options and every work", async () => {
  const script = new URL("../../scripts/bench.ts", import.meta.url);
  const { code, stdout } = await execute(
    [Deno.execPath(), "run", "-A", script.href, "--help"],
  );
  assertEquals(code, 0);
  for (
    const option of ["--quick", "--only", "--rounds", "--retries", "--json"]
  ) {
    assert(stdout.includes(option), option);
  }
  for (const { name } of WORKS) assert(stdout.includes(name), name);
});
