import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseFio } from "../scripts/bench/fio.ts";
import { offsets } from "../scripts/bench/measure.mjs";
import { judge } from "../scripts/bench/requirements.ts";
import { median, ratio, series, spread } from "../scripts/bench/results.ts";
import {
  describeDisturbance,
  isDisturbed,
  parseProcessorTime,
  stolenShare,
} from "../scripts/bench/stolen.ts";
import { type Run, WORKS } from "../scripts/bench/workloads.ts";

const timeout = 10_000;

function test(name: string, fn: () => void | Promise<void>) {
  Deno.test({ name, timeout, fn });
}

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
  const script = new URL("../scripts/bench.ts", import.meta.url);
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script.href, "--help"],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(success);
  for (
    const option of ["--quick", "--only", "--rounds", "--retries", "--json"]
  ) {
    assert(text.includes(option), option);
  }
  for (const { name } of WORKS) assert(text.includes(name), name);
});
