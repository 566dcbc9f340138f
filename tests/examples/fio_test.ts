// The example program fio.ts, run as a user runs it: in a process of its own.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { constants } from "node:os";
import { faultOf, stamp } from "../../examples/fio/block.ts";
import { parseRuns } from "../../examples/fio/job_file.ts";
import { parseOptions } from "../../examples/fio/options.ts";
import { Progress } from "../../examples/fio/progress.ts";
import { run } from "../../examples/fio/run.ts";
import { distribution, Latencies } from "../../examples/fio/statistics.ts";
import { UsageError } from "../../examples/shared/command_line.ts";
import { parseFio } from "../../scripts/bench/fio.ts";
import {
  Directory,
  execute,
  finish,
  type Finished,
  hasDirectTransfers,
  isLinux,
  start,
  succeeds,
  testWith,
  until,
} from "../helpers/mod.ts";
import {
  assertFailedAs,
  commandOf,
  executeOnTerminal,
  hasPseudoTerminal,
} from "./example.ts";

const test = testWith(() => new Directory());
const assertFailed = assertFailedAs("fio");

const PATTERNS = ["read", "write", "randread", "randwrite", "rw", "randrw"];
const WRITING = ["write", "randwrite", "rw", "randrw"];
const INTERFACES = ["readAt", "batch", "queue"];

// deno-lint-ignore no-explicit-any
type Json = any;

function spawn(
  args: string[],
  permissions?: string[],
): { child: Deno.ChildProcess; finished: Promise<Finished> } {
  const child = start([...commandOf("fio", permissions), ...args]);
  return { child, finished: finish(child) };
}

function fio(args: string[], permissions?: string[]): Promise<Finished> {
  return spawn(args, permissions).finished;
}

/** Runs it, has it succeed, and gives its report. */
async function measure(...args: string[]): Promise<Json> {
  const { code, stdout, stderr } = await fio(["--json", ...args]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Whether the first block of a file was written. */
function isBegun(path: string): boolean {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(4096);
    file.readSync(bytes);
    return bytes.some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

/** What has to hold in the report of any run. */
function assertConsistent(report: Json, blockSize: number): void {
  assertEquals(report.jobs.length, 1);
  const [job] = report.jobs;
  let operations = 0;
  for (const direction of [job.read, job.write]) {
    operations += direction.total_ios;
    assertEquals(direction.io_bytes, direction.total_ios * blockSize);
    assertEquals(direction.io_kbytes, Math.floor(direction.io_bytes / 1024));
    assertAlike(direction.bw_bytes, direction.iops * blockSize);
    assertEquals(direction.clat_ns.N, direction.total_ios);
    assertLatency(direction.clat_ns);
  }
  assertLatency(job.sync.lat_ns);
  assertEquals(job.sync.lat_ns.N, job.sync.total_ios);
  const { submitted, failed } = report.aio_metrics;
  assertEquals(submitted, operations + job.sync.total_ios);
  assertEquals(failed, 0);
  const shares = [job.latency_ns, job.latency_us, job.latency_ms]
    .flatMap((buckets) => Object.values<number>(buckets));
  assertAlike(shares.reduce((sum, share) => sum + share), 100);
}

function assertLatency({ min, max, mean, N, percentile }: Json): void {
  assertEquals(percentile === undefined, N === 0);
  if (N === 0) return;
  const levels = Object.keys(percentile).map(Number);
  assertEquals(levels, levels.toSorted((a, b) => a - b));
  const values = Object.values<number>(percentile);
  assertEquals(values, values.toSorted((a, b) => a - b));
  assert(
    min > 0 && min <= mean && mean <= max * 1.001,
    `${min} ${mean} ${max}`,
  );
  assert(values[0] >= min && values.at(-1)! <= max, `${min} ${values} ${max}`);
}

/** Equal but for rounding. */
function assertAlike(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) <= 1, `${actual}, not ${expected}`);
}

for (const [index, pattern] of PATTERNS.entries()) {
  const way = INTERFACES[index % INTERFACES.length];
  test(`fio.ts --pattern ${pattern} does one operation for each block`, async (directory) => {
    const path = directory.at("new");
    const report = await measure(
      ...["--pattern", pattern, "--interface", way, "--depth", "4"],
      ...["--size", "1000k", "--block-size", "8k", path],
    );
    assertConsistent(report, 8192);
    const { read, write, error } = report.jobs[0];
    assertEquals(error, 0);
    assertEquals(read.total_ios + write.total_ios, 125);
    assertEquals(
      read.total_ios > 0,
      pattern !== "write" && pattern !== "randwrite",
    );
    assertEquals(write.total_ios > 0, WRITING.includes(pattern));
    assertEquals(Deno.statSync(path).size, 1_024_000);
  });
}

for (const way of INTERFACES) {
  test(`fio.ts --interface ${way} does exactly --operations, over all jobs`, async (directory) => {
    const report = await measure(
      ...["--pattern", "randrw", "--interface", way, "--verify"],
      ...["--depth", "5", "--jobs", "3", "--operations", "1000"],
      ...["--size", "1m", directory.at("new")],
    );
    assertConsistent(report, 4096);
    const [{ read, write }] = report.jobs;
    assertEquals(read.total_ios + write.total_ios, 1000);
    assert(report.verified_blocks > 0);
    assert(report.verified_blocks <= write.total_ios);
  });

  test(`fio.ts --interface ${way} --verify finds a damaged block`, async (directory) => {
    const path = directory.at("new");
    await measure("--pattern", "write", "--verify", "--size", "400k", path);
    const again = ["--verify", "--interface", way, "--depth", "7", path];
    assertEquals((await measure(...again)).jobs[0].error, 0);
    const bytes = Deno.readFileSync(path);
    bytes[70_000] ^= 1;
    Deno.writeFileSync(path, bytes);
    const result = await fio(["--json", ...again]);
    assertFailed(
      result,
      1,
      `${path}: the block at offset 69632 is damaged at byte 368 of it`,
    );
    const [job] = JSON.parse(result.stdout).jobs;
    assertEquals(job.error, constants.errno.EILSEQ);
  });

  test(`fio.ts --interface ${way} --sync syncs after so many writes`, async (directory) => {
    const report = await measure(
      ...["--pattern", "write", "--interface", way, "--sync", "4"],
      ...["--depth", "4", "--size", "100k", directory.at("new")],
    );
    assertConsistent(report, 4096);
    const [{ write, sync }] = report.jobs;
    assertEquals(write.total_ios, 25);
    assertEquals(sync.total_ios, 6);
  });
}

test("fio.ts --jobs shares the file and the operations out", async (directory) => {
  const path = directory.at("new");
  const report = await measure(
    ...["--pattern", "write", "--jobs", "7", "--verify", "--size", "1m", path],
  );
  assertEquals(report.jobs[0].write.total_ios, 256);
  // All blocks, each by one of the jobs.
  assertEquals(report.verified_blocks, 256);
  await measure("--verify", path);
});

test("fio.ts --verify finds a block that belongs elsewhere", async (directory) => {
  const path = directory.at("new");
  await measure("--pattern", "write", "--verify", "--size", "64k", path);
  const bytes = Deno.readFileSync(path);
  bytes.copyWithin(20_480, 8192, 12_288);
  Deno.writeFileSync(path, bytes);
  const result = await fio(["--verify", path]);
  assertFailed(result, 1, "at offset 20480 holds what belongs at offset 8192");
});

test("fio.ts --verify finds what another program writes meanwhile", async (directory) => {
  const path = directory.at("new");
  const { child, finished } = spawn([
    ...["--pattern", "randrw", "--verify", "--runtime", "50", "--depth", "4"],
    ...["--size", "64k", "--json", path],
  ]);
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  await until(() => isBegun(path), "nothing is written");
  using file = await Deno.open(path, { write: true });
  await until(() => {
    file.seekSync(0, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(65_536));
    return hasEnded;
  }, "it goes on");
  assertFailed(await finished, 1, "was not written by a run with --verify");
});

test("fio.ts --verify says so when a file was not written for it", async (directory) => {
  const path = directory.at("new");
  await measure("--size", "64k", path);
  const plain = await fio(["--verify", path]);
  assertFailed(plain, 1, "offset 0 was not written by a run with --verify");
  await measure(
    ...["--pattern", "write", "--overwrite", "--verify", path],
  );
  const larger = await fio(["--verify", "--block-size", "8k", path]);
  assertFailed(larger, 1, "offset 0 was written with a block size of 4096");
});

test("fio.ts --verify reads again what was written", async (directory) => {
  const path = directory.file(new Uint8Array(65_536));
  const options = parseOptions([
    ...["--pattern", "write", "--overwrite", "--verify", path],
  ])!;
  /** Loses the last write between the run and its verification. */
  class Losing extends Progress {
    override start(...args: Parameters<Progress["start"]>): void {
      super.start(...args);
      if (this.phase !== "verifying") return;
      using file = Deno.openSync(path, { write: true });
      file.seekSync(61_440, Deno.SeekMode.Start);
      file.writeSync(new Uint8Array(4096));
    }
  }
  const prepared = { size: 65_536, isNew: false, generation: 0 };
  const { signal } = new AbortController();
  const outcome = await run(options, 7, prepared, new Losing(), signal);
  assertEquals(outcome.write.count, 16);
  assertEquals(outcome.verified, 15);
  assertStringIncludes(outcome.failure!.message, "at offset 61440 was not");
});

test("faultOf() tells what is wrong with a block", () => {
  const words = new Uint32Array(128);
  const offset = 2 ** 33 + 512;
  const version = { run: 5, generation: 2 };
  assertStringIncludes(faultOf(words, offset, null)!, "not written by");
  stamp(words, offset, version);
  assertEquals(faultOf(words, offset, version), null);
  assertEquals(faultOf(words, offset, null), null);
  const fault = (at: number, expected: typeof version | null) =>
    faultOf(words, at, expected);
  assertEquals(fault(512, null), `holds what belongs at offset ${offset}`);
  assertEquals(
    fault(offset, { run: 5, generation: 3 }),
    "holds generation 2, not 3",
  );
  assertEquals(
    fault(offset, { run: 6, generation: 2 }),
    "holds what an earlier run wrote",
  );
  for (const index of words.keys()) {
    for (const bit of [0, 31]) {
      words[index] ^= 1 << bit;
      assert(fault(offset, version) !== null, `bit ${bit} of word ${index}`);
      words[index] ^= 1 << bit;
    }
  }
  assertEquals(
    faultOf(words.subarray(0, 64), offset, null),
    "was written with a block size of 512",
  );
});

test("distribution() puts latencies where fio does", () => {
  const some = new Latencies(), others = new Latencies();
  for (const ns of [1, 3, 999, 1999, 2000]) some.record(ns / 1e6);
  for (const ms of [0.7, 3, 1999, 2001, 1e9]) others.record(ms);
  const filled = distribution([some, others]).filter(({ percent }) =>
    percent > 0
  ).map(({ unit, below, percent }) => `${below} ${unit} ${percent}`);
  assertEquals(filled, [
    "2 ns 10",
    "4 ns 10",
    "1000 ns 10",
    "2 us 10",
    "4 us 10",
    "750 us 10",
    "4 ms 10",
    "2000 ms 10",
    "null ms 20",
  ]);
});

test("Latencies have percentiles that do not exceed their maximum", () => {
  const latencies = new Latencies();
  for (let us = 1; us <= 1000; us++) latencies.record(us / 1000);
  const percentiles = [50, 99, 99.9, 100].map((percent) =>
    Math.round(latencies.percentile_ns(percent) / 1000)
  );
  assertEquals(percentiles, [500, 990, 999, 1000]);
  assertEquals(latencies.max_ns, 1_000_000);
  assertEquals(latencies.min_ns, 1000);
  assertEquals(latencies.count, 1000);
});

for (
  const [mix, least, most] of [[0, 0, 0], [70, 1290, 1510], [100, 2000, 2000]]
) {
  test(`fio.ts --mix ${mix} has that many percent of reads`, async (directory) => {
    const report = await measure(
      ...["--pattern", "randrw", "--mix", `${mix}`, "--operations", "2000"],
      ...["--depth", "8", "--size", "1m", directory.at("new")],
    );
    const [{ read, write }] = report.jobs;
    // Five standard deviations around 1400.
    const count = read.total_ios;
    assert(count >= least && count <= most, `${count} of 2000 are reads`);
    assertEquals(count + write.total_ios, 2000);
  });
}

test("fio.ts --seed makes a run repeat", async (directory) => {
  const reads = async (...args: string[]) => {
    const report = await measure(
      ...["--pattern", "randrw", "--overwrite", "--operations", "2000"],
      ...["--jobs", "2", "--depth", "4", ...args, "--size", "1m"],
      directory.at("new"),
    );
    return report.jobs[0].read.total_ios;
  };
  const first = await reads("--seed", "1");
  assertEquals(await reads(), first);
  assertEquals(await reads("--seed", "1"), first);
  const others = [await reads("--seed", "2"), await reads("--seed", "3")];
  assert(others.some((other) => other !== first), `${first} ${others}`);
});

test("fio.ts reads a file that has contents, and leaves it alone", async (directory) => {
  const bytes = crypto.getRandomValues(new Uint8Array(50_000));
  const path = directory.file(bytes);
  // Without the right to write, it cannot but leave it alone.
  const permissions = ["--allow-ffi", "--allow-read"];
  const { code, stdout } = await fio(["--json", path], permissions);
  assertEquals(code, 0);
  assertEquals(JSON.parse(stdout).jobs[0].read.total_ios, 12);
  const tooLong = await fio(["--size", "64k", path]);
  assertFailed(tooLong, 1, `${path} has 50000 bytes, fewer than the 65536`);
  await measure("--unlink", path);
  assertEquals(Deno.readFileSync(path), bytes);
});

for (const pattern of WRITING) {
  test(`fio.ts --pattern ${pattern} does not overwrite contents unless it may`, async (directory) => {
    const bytes = crypto.getRandomValues(new Uint8Array(50_000));
    const path = directory.file(bytes);
    const options = ["--pattern", pattern, "--verify"];
    for (const size of [[], ["--size", "16k"], ["--size", "1m"]]) {
      const result = await fio([...options, ...size, path]);
      assertFailed(result, 1, `${path} has contents: --overwrite permits`);
      assertEquals(result.stdout, "");
    }
    assertEquals(Deno.readFileSync(path), bytes);

    await measure(...options, "--size", "16k", "--overwrite", path);
    const after = Deno.readFileSync(path);
    // What lies behind the part that is used is nobody's to touch.
    assertEquals(after.subarray(16_384), bytes.subarray(16_384));
    await measure("--verify", "--size", "16k", path);
  });
}

test("fio.ts fills an empty file, and extends one that it may overwrite", async (directory) => {
  const path = directory.file();
  assertFailed(
    await fio([path]),
    2,
    `${path} is empty: making it needs --size`,
  );
  await measure("--pattern", "rw", "--size", "64k", path);
  await measure(
    ...["--pattern", "rw", "--size", "128k", "--overwrite", "--verify", path],
  );
  assertEquals(Deno.statSync(path).size, 131_072);
  await measure("--verify", path);
});

test("fio.ts --unlink removes the file that it made", async (directory) => {
  const path = directory.at("new");
  for (const pattern of ["read", "write"]) {
    await measure("--pattern", pattern, "--size", "64k", "--unlink", path);
    assertEquals([...Deno.readDirSync(directory.path)], []);
  }
});

test("fio.ts --runtime goes on after the last block", async (directory) => {
  const report = await measure(
    ...["--size", "4k", "--runtime", "0.5", directory.at("new")],
  );
  assertConsistent(report, 4096);
  assert(report.jobs[0].read.total_ios > 1);
});

test("fio.ts --ramp does not count what is done in that time", async (directory) => {
  const report = await measure(
    ...["--ramp", "0.2", "--operations", "10", "--depth", "2"],
    ...["--size", "64k", directory.at("new")],
  );
  assertConsistent(report, 4096);
  assertEquals(report.jobs[0].read.total_ios, 10);
});

test("fio.ts --lanes bounds the duplicates of the descriptor", async (directory) => {
  const report = await measure(
    ...["--lanes", "1", "--depth", "32", "--pattern", "randread"],
    ...["--size", "4m", directory.at("new")],
  );
  assertEquals(report.aio_metrics.lanes, 1);
});

test("fio.ts --direct goes past the page cache", {
  ignore: !hasDirectTransfers(),
}, async (directory) => {
  const path = directory.at("new");
  for (const way of INTERFACES) {
    const report = await measure(
      ...["--direct", "--pattern", "randrw", "--verify", "--overwrite"],
      ...["--depth", "8", "--interface", way, "--size", "256k", path],
    );
    assertConsistent(report, 4096);
    assertEquals(report.jobs[0]["job options"].direct, "1");
  }
  await measure("--verify", path);
});

test("fio.ts --direct says so when the file system refuses", {
  ignore: !isLinux || !succeeds("test", "-s", "/proc/config.gz"),
}, async () => {
  const result = await fio(
    ["--direct", "--size", "512", "--block-size", "512", "/proc/config.gz"],
    ["--allow-all"],
  );
  assertFailed(result, 1, "EINVAL");
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`fio.ts reports what was done until ${signal}`, async (directory) => {
    const path = directory.at("new");
    const { child, finished } = spawn([
      ...["--pattern", "write", "--runtime", "50", "--depth", "4", "--json"],
      ...["--size", "1m", path],
    ]);
    await until(() => isBegun(path), "nothing is written");
    child.kill(signal);
    const result = await finished;
    assertFailed(result, code, `stopped by ${signal}`);
    const report = JSON.parse(result.stdout);
    assertConsistent(report, 4096);
    assert(report.jobs[0].write.total_ios > 0);
    assertEquals(report.terminated_by, signal);
    assertEquals(Deno.statSync(path).size, 2 ** 20);
  });
}

test("fio.ts says that nothing was measured when it ends in the ramp", async (directory) => {
  const path = directory.at("new");
  const { child, finished } = spawn([
    ...["--pattern", "write", "--ramp", "50", "--size", "1m", path],
  ]);
  await until(() => isBegun(path), "nothing is written");
  child.kill("SIGINT");
  const result = await finished;
  assertFailed(result, 130, "stopped by SIGINT");
  assertStringIncludes(result.stdout, "nothing was measured");
});

test("fio.ts removes a file that it has not filled yet on SIGINT", async (directory) => {
  const path = directory.at("new");
  const { child, finished } = spawn(["--size", "64g", path]);
  await until(() => isBegun(path), "nothing is written");
  child.kill("SIGINT");
  const result = await finished;
  assertFailed(result, 130, "stopped by SIGINT");
  assertEquals(result.stdout, "");
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

test("fio.ts prints a table, a histogram and what it took", async (directory) => {
  const path = directory.at("new");
  const { code, stdout, stderr } = await fio([
    ...["--pattern", "randrw", "--mix", "60", "--sync", "10", "--verify"],
    ...["--size", "1m", path],
  ]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertStringIncludes(stdout, `randrw, 60 % reads of ${path}, 1 MiB: blocks`);
  for (const row of ["read", "write", "sync"]) {
    assert(new RegExp(`^${row} +\\d+ +\\d+ `, "m").test(stdout), stdout);
  }
  assert(/ < \d+ us +\u2588+ +\d+\.\d\d %$/m.test(stdout), stdout);
  for (const line of ["processor", "library", "verified"]) {
    assert(new RegExp(`^${line} +\\d+`, "m").test(stdout), stdout);
  }
  assert(!stdout.includes("\x1b"));
});

const MISUSES: [string, string[], string][] = [
  ["two names", ["a", "b"], "one file is needed, not 2 names"],
  ["an unknown option", ["--fast", "a"], "Unknown option '--fast'"],
  ["an unknown pattern", ["--pattern=trim", "a"], '"trim"'],
  ["an unknown interface", ["--interface=uring", "a"], '"uring"'],
  ["a mix of one pattern", ["--mix=50", "a"], "not for read"],
  [
    "a mix beyond 100",
    ["--pattern=rw", "--mix=101", "a"],
    '--mix must be 0 to 100, not "101"',
  ],
  ["a size with a wrong unit", ["--size=3x", "a"], "--size must be a size"],
  ["a block size of 0", ["--block-size=0", "a"], "--block-size must be a size"],
  ["a depth of 0", ["--depth=0", "a"], '--depth must be 1 to 4096, not "0"'],
  ["a depth that is missing", ["a", "--depth"], "--depth"],
  ["65 jobs", ["--jobs=65", "a"], '--jobs must be 1 to 64, not "65"'],
  ["a seed of -1", ["--seed=-1", "a"], "--seed must be"],
  ["a runtime that is no number", ["--runtime=1s", "a"], "--runtime must be"],
  ["too much in flight", ["--jobs=64", "--depth=65", "a"], "at most 4096"],
  [
    "blocks beyond all bounds",
    ["--depth=2", "--block-size=1g", "a"],
    "at most 1 GiB",
  ],
  [
    "unaligned direct blocks",
    ["--direct", "--block-size=1000", "a"],
    "must be a multiple of 512, not 1000",
  ],
  [
    "blocks that cannot be verified",
    ["--verify", "--block-size=100", "a"],
    "must be a multiple of 32, not 100",
  ],
  ["syncs without writes", ["--sync=1", "a"], "--sync needs a pattern"],
  ["to overwrite by reading", ["--overwrite", "a"], "--overwrite needs a"],
  ["fewer operations than jobs", ["--operations=1", "--jobs=2", "a"], "2 jobs"],
];
for (const [what, args, message] of MISUSES) {
  test(`parseRuns() refuses ${what}`, async () => {
    await assertRejects(() => parseRuns(args), UsageError, message);
  });
}

const EXITS: [string, string[], string][] = [
  ["no name", [], "one file is needed, not 0 names"],
  ["a new file without a size", ["/nowhere/a"], "making it needs --size"],
  [
    "fewer blocks than may be in flight",
    ["--size=12k", "--depth=4", "/nowhere/a"],
    "12288 bytes are 3 blocks, too few for 1 x 4",
  ],
];
for (const [what, args, message] of EXITS) {
  test(`fio.ts refuses ${what} and exits with 2`, async () => {
    const result = await fio(args);
    assertFailed(result, 2, message);
    assertStringIncludes(result.stderr, "--help");
    assertEquals(result.stdout, "");
  });
}

const JOBS = `; fill it, then look at it
[global]
filename=FILE
size = 400k
bs=8k # powers of 1024

[fill]
rw=write
fdatasync=10
direct=0

[look]
stonewall
rw=randread
iodepth=4
number_ios=30
group_reporting
`;

/** Makes a job file, of which a line may be another. */
function jobFile(directory: Directory, from = "", to = ""): string {
  assertStringIncludes(JOBS, from);
  const text = JOBS.replace(from, to).replace("FILE", directory.at("data"));
  return directory.file(text);
}

test("fio.ts --job-file runs the sections of a job file in turn", async (directory) => {
  const report = await measure("--job-file", jobFile(directory));
  const [fill, look, ...others] = report.jobs;
  assertEquals(others, []);
  assertEquals([fill.jobname, look.jobname], ["fill", "look"]);
  assertEquals([fill.groupid, look.groupid], [0, 1]);
  assertEquals([fill.write.total_ios, fill.read.total_ios], [50, 0]);
  assertEquals(fill.sync.total_ios, 5);
  assertEquals([look.write.total_ios, look.read.total_ios], [0, 30]);
  assertEquals(look["job options"].iodepth, "4");
  assertEquals(look["job options"].bs, "8192");
  assertEquals(report.aio_metrics.submitted, 50 + 5 + 30);
  assertEquals(Deno.statSync(directory.at("data")).size, 409_600);
});

test("fio.ts --job-file takes what fio takes, too", {
  ignore: !succeeds("fio", "--version"),
}, async (directory) => {
  const path = jobFile(directory);
  const { code, stderr } = await execute(["fio", "--parse-only", path]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

test("fio.ts --job-file prints a report for each section", async (directory) => {
  const { code, stdout } = await fio(["--job-file", jobFile(directory)]);
  assertEquals(code, 0);
  const headlines = stdout.match(/^(fill|look): \w+ of /gm);
  assertEquals(headlines, ["fill: write of ", "look: randread of "]);
});

test("fio.ts --job-file writes over nothing, unless --overwrite is given", async (directory) => {
  Deno.writeTextFileSync(directory.at("data"), "mine");
  const args = ["--job-file", jobFile(directory)];
  assertFailed(await fio(args), 1, "--overwrite permits to write over");
  assertEquals(Deno.readTextFileSync(directory.at("data")), "mine");
  const report = await measure("--overwrite", ...args);
  assertEquals(report.jobs.length, 2);
});

test("fio.ts --job-file ends at the section that fails, and reports what was", async (directory) => {
  const args = [
    "--json",
    "--job-file",
    jobFile(directory, "stonewall", "stonewall\nverify=pattern"),
  ];
  const result = await fio(args);
  assertFailed(result, 1, "was not written by a run with --verify");
  const { jobs } = JSON.parse(result.stdout);
  assertEquals(jobs.map(({ jobname }: Json) => jobname), ["fill", "look"]);
  assertEquals(jobs[1].error, constants.errno.EILSEQ);
});

test("parseRuns() takes what fio calls the options", async (directory) => {
  const path = directory.file(`[global]
time_based
runtime=1500ms
ramp_time=2m
[mix]
filename=/a b
readwrite=randrw
rwmixread=70
blocksize=64k
size=1g
numjobs=2
direct
verify=pattern
unlink=1
randseed=7
ioengine=queue
invalidate=0
norandommap
`);
  const [options] = await parseRuns(["--job-file", path, "--json"]);
  const expected = parseOptions([
    ...["--runtime=1.5", "--ramp=120", "--pattern=randrw", "--mix=70"],
    ...["--block-size=64k", "--size=1g", "--jobs=2", "--direct", "--verify"],
    ...["--unlink", "--seed=7", "--interface=queue", "--json", "/a b"],
  ]);
  assertEquals(options, { ...expected, name: "mix" });
});

const WRONG_JOBS: [string, string, string, string][] = [
  [
    "an unknown option",
    "bs=8k",
    "nrfiles=8",
    '5: there is no option "nrfiles"',
  ],
  ["a wrong value", "iodepth=4", "iodepth=x", ":15: [look]: iodepth must be"],
  ["a wrong value of all", "bs=8k", "bs=8x", ":5: [fill]: bs must be a size"],
  ["a flag that is none", "direct=0", "direct=2", ":10: direct must be 0 or 1"],
  ["a missing value", "iodepth=4", "iodepth", ":15: iodepth needs a value"],
  ["another verification", "direct=0", "verify=md5", ":10: verify must be"],
  ["what cannot be", "direct=0", "invalidate=1", ":10: invalidate must be 0"],
  ["jobs at the same time", "stonewall", "", ":12: [look] needs stonewall"],
  ["a time without an end", "direct=0", "runtime=1", ":7: [fill] needs both"],
  ["no file", "filename=FILE", "", ":7: [fill] needs filename"],
  ["several files", "filename=FILE", "filename=a:b", ":3: filename must be"],
  ["an option of no section", "[global]", "", ':3: "filename='],
  ["no job", JOBS, "[global]", "has no job"],
  [
    "too much in flight",
    "iodepth=4",
    "iodepth=4000\nnumjobs=2",
    ":12: [look]: ",
  ],
];
for (const [what, from, to, message] of WRONG_JOBS) {
  test(`parseRuns() refuses ${what} of a job file, and says where`, async (directory) => {
    const path = jobFile(directory, from, to);
    const error = await assertRejects(
      () => parseRuns(["--job-file", path]),
      UsageError,
      message,
    );
    assert(error.message.startsWith(path), error.message);
  });
}

test("fio.ts --job-file takes no other options, and needs its file", async (directory) => {
  const path = jobFile(directory);
  const depth = await fio(["--depth=2", "--job-file", path]);
  assertFailed(depth, 2, "--depth and --job-file exclude each other");
  const name = await fio(["--job-file", path, "file"]);
  assertFailed(name, 2, "file and --job-file exclude each other");
  const missing = directory.at("missing");
  const none = await fio(["--job-file", missing]);
  assertFailed(none, 1, `cannot read ${missing}: No such file or directory`);
});

test("fio.ts fails when the file cannot be used", async (directory) => {
  const args = ["--size", "64k"];
  const missing = await fio([...args, directory.at("no/file")]);
  assertFailed(missing, 1, "No such file or directory");
  const folder = await fio([...args, directory.path]);
  assertFailed(folder, 1, "is neither a file nor a block device");
  const forbidden = await fio(
    [...args, directory.at("new")],
    ["--allow-ffi", "--allow-read"],
  );
  assertFailed(forbidden, 1, "--allow-write");
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

test("fio.ts --help names every option", async () => {
  const { code, stdout } = await fio(["--help"]);
  assertEquals(code, 0);
  const source = Deno.readTextFileSync(
    new URL("../../examples/fio/options.ts", import.meta.url),
  );
  const names = [...source.matchAll(/\bline(?:\.\w+\(|, )"([a-z-]+)"/g)];
  assert(names.length > 0);
  for (const [, name] of names) assertStringIncludes(stdout, `--${name} `);
  for (const line of stdout.split("\n")) assert(line.length <= 80, line);
});

test(
  "fio.ts shows a bar on a terminal",
  { ignore: !hasPseudoTerminal },
  async (directory) => {
    const { code, stdout } = await executeOnTerminal([
      ...commandOf("fio"),
      ...["--size", "4m", "--pattern", "rw", "--verify", directory.at("new")],
    ]);
    assertEquals(code, 0, stdout);
    assert(/\u2588 100 % {2}\d+ operations/.test(stdout), stdout);
    // The cursor is hidden meanwhile and shown again.
    assert(stdout.lastIndexOf("\x1b[?25h") > stdout.lastIndexOf("\x1b[?25l"));
    assertStringIncludes(stdout, "verified ");
  },
);

const fioIsHere = succeeds("fio", "--version") &&
  new TextDecoder().decode(
    new Deno.Command("fio", { args: ["--enghelp"] }).outputSync().stdout,
  ).includes("posixaio");
if (!fioIsHere) {
  console.log("There is no fio with posixaio: nothing is compared with it.");
}

/** What fio itself reports. */
async function real(directory: Directory, ...args: string[]): Promise<Json> {
  const { code, stdout, stderr } = await execute([
    ...["fio", "--name=real", "--ioengine=posixaio"],
    ...["--output-format=json", "--lat_percentiles=1"],
    ...[`--filename=${directory.at("real")}`, ...args],
  ], { cwd: directory.path });
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout.slice(stdout.indexOf("{")));
}

for (const pattern of ["read", "randread", "write", "randwrite"]) {
  test(
    `fio.ts --pattern ${pattern} counts as fio does`,
    { ignore: !fioIsHere },
    async (directory) => {
      const theirs = await real(
        directory,
        ...[`--rw=${pattern}`, "--bs=8k", "--size=1m", "--io_size=3m"],
        ...["--iodepth=4", "--norandommap"],
      );
      const ours = await measure(
        ...["--pattern", pattern, "--block-size", "8k", "--size", "1m"],
        ...["--operations", "384", "--depth", "4", directory.at("ours")],
      );
      for (const direction of ["read", "write"]) {
        for (const name of ["total_ios", "io_bytes", "io_kbytes"]) {
          const [one, other] = [ours, theirs].map((report) =>
            report.jobs[0][direction][name]
          );
          assertEquals(one, other, `${direction} ${name}`);
        }
      }
      assertEquals(
        Deno.statSync(directory.at("ours")).size,
        Deno.statSync(directory.at("real")).size,
      );
    },
  );
}

test(
  "fio.ts --json has the shape of fio's",
  { ignore: !fioIsHere },
  async (directory) => {
    const theirs = await real(
      directory,
      ...["--rw=randrw", "--bs=4k", "--size=1m", "--fdatasync=8"],
    );
    const ours = await measure(
      ...["--pattern", "randrw", "--size", "1m", "--sync", "8"],
      directory.at("ours"),
    );
    for (const name of ["aio_metrics", "verified_blocks", "terminated_by"]) {
      delete ours[name];
    }
    delete ours.jobs[0]["job options"];
    // Both have it, with and without --lat_percentiles.
    delete ours.jobs[0].read.clat_ns.percentile;
    delete ours.jobs[0].write.clat_ns.percentile;
    assertShape(ours, theirs, "report");
  },
);

/** Everything in `ours` is in `theirs`, and is of the same kind. */
function assertShape(ours: Json, theirs: Json, name: string): void {
  assertEquals(typeof theirs, typeof ours, name);
  if (typeof ours !== "object") return;
  for (const key of Object.keys(ours)) {
    assertShape(ours[key], theirs[key], `${name}.${key}`);
  }
}

test("fio.ts --json can be read by what reads fio's", async (directory) => {
  const path = directory.at("new");
  const args = ["--json", "--size", "64k", path];
  const { stdout } = await fio(args);
  const [{ read }] = JSON.parse(stdout).jobs;
  assertEquals(parseFio(stdout, { operation: "read" }), {
    what: "fio",
    iops: Math.round(read.iops),
    mbps: Math.round(read.bw_bytes / 1e5) / 10,
    p50_us: read.clat_ns.percentile["50.000000"] / 1000,
    p99_us: read.clat_ns.percentile["99.000000"] / 1000,
  });
});
