/**
 * Measures the library beside its peers: `deno task bench --help`.
 *
 * @module
 */

import { mkdirSync, rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findCgroups, removeConstraints } from "./bench/constraints.ts";
import { describeMachine } from "./bench/machine.ts";
import type { Contestant } from "./bench/contestant.ts";
import { findContestants } from "./bench/contestants.ts";
import {
  formatHeader,
  formatRequirements,
  formatWork,
} from "./bench/report.ts";
import { judge, REQUIREMENTS } from "./bench/requirements.ts";
import type { Results } from "./bench/results.ts";
import { roundsOf, runWork } from "./bench/run.ts";
import { STOLEN_MAX } from "./bench/stolen.ts";
import {
  createTestFile,
  defaultDirectory,
  isInMemory,
} from "./bench/test_file.ts";
import { shorten, type Work, WORKS } from "./bench/workloads.ts";

const MIB = 1 << 20;
/** Of what is read from the disk, a run of some seconds reads a part of this. */
const COLD_MIB = 2048;
/** A process starts, the file is warmed: measured, for the estimate only. */
const OVERHEAD_SECONDS = 1.2;

const HELP =
  `Measures the library and every peer on this machine in one run. All
of it takes an hour and a half; nothing else should run meanwhile.

  deno task bench [options]

  --quick          Five minutes: what the requirements and the documentation need,
                   short runs, one round; --rounds 5 --seconds 3 in earnest
  --only REGEX     Only works whose name matches (the list is below)
  --peers REGEX    Only contestants whose key matches
  --rounds N       Rounds; every contestant runs once in each (default 5)
  --seconds N      Seconds of each run (default 3)
  --retries N      How often a run is made again during which the hypervisor
                   kept over ${
    100 * STOLEN_MAX
  } % of the processors' time (default 0)
  --size MIB       Size of the test file in MiB (default 1024)
  --dir DIRECTORY  Where the test file goes; must be on a disk
  --json FILE      Write all figures to FILE, for bench:charts
  --help           This text

Works: ${WORKS.map(({ name }) => name).join(" ")}
`;

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    peers: { type: "string", default: "" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    retries: { type: "string" },
    size: { type: "string" },
    dir: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (options.help) {
  console.log(HELP);
  Deno.exit(0);
}

const { quick } = options;
const rounds = count("rounds", options.rounds ?? (quick ? "1" : "5"));
const seconds = count("seconds", options.seconds ?? (quick ? "0.5" : "3"));
const retries = count("retries", options.retries ?? "0", true);
const sizeMib = count("size", options.size ?? (quick ? "256" : "1024"));
const only = new RegExp(options.only), keys = new RegExp(options.peers);

const directory = resolve(options.dir ?? await defaultDirectory());
mkdirSync(directory, { recursive: true });
if (isInMemory(directory)) {
  console.error(
    `${directory} is in memory, not on a disk: name another by --dir`,
  );
  Deno.exit(1);
}

const scratch = await mkdtemp(`${directory}/bench-`);
const cleanUp = () => {
  removeConstraints();
  rmSync(scratch, { recursive: true, force: true });
};
process.once("SIGINT", () => {
  cleanUp();
  process.exit(130);
});

progress("looking for peers");
const { contestants, missing, versions } = await findContestants(scratch);
const cgroups = findCgroups();
if (cgroups === undefined) {
  missing.push({
    what: "a share of a processor, and works with one",
    how: "Linux, root, and a cgroup with the cpu controller",
  });
}
const plan = WORKS.filter(({ name }) => only.test(name))
  .filter(({ constraint }) => cgroups || !constraint?.processors)
  .map((work) => ({
    work: quick ? shorten(work) : work,
    takePart: contestants.filter(takesPart(work)),
  }))
  .filter(({ takePart }) => takePart.length > 0);

const results: Results = {
  date: new Date().toISOString(),
  settings: { rounds, seconds, retries, sizeMib, quick },
  machine: await describeMachine(directory),
  versions,
  missing,
  works: [],
};
console.log(formatHeader(results));

const runs = plan.reduce(
  (sum, { work, takePart }) => sum + takePart.length * roundsOf(work, rounds),
  0,
);
const minutes = Math.ceil(runs * (seconds + OVERHEAD_SECONDS) / 60);
progress(`${runs} runs, about ${minutes} minutes`);

try {
  const path = `${scratch}/data`;
  const coldPath = `${scratch}/cold`, coldFileBytes = COLD_MIB * MIB;
  await createTestFile(path, sizeMib * MIB);
  if (plan.some(({ work }) => work.cold)) {
    await createTestFile(coldPath, coldFileBytes);
  }
  for (const { work, takePart } of plan) {
    const result = await runWork(
      work,
      takePart,
      {
        path,
        fileBytes: sizeMib * MIB,
        coldPath,
        coldFileBytes,
        directory: scratch,
        cgroups,
        rounds,
        seconds,
        retries,
      },
      progress,
    );
    results.works.push(result);
    progress("");
    console.log(formatWork(result));
    await save();
  }
} finally {
  cleanUp();
}
console.log(formatRequirements(results));

function takesPart(work: Work): (contestant: Contestant) => boolean {
  return (contestant) =>
    keys.test(contestant.key) &&
    contestant.offers(work) &&
    (!quick && !work.isForFew ||
      (work.quick?.includes(contestant.key) ?? false));
}

// After every work, so that an interrupted run is not lost.
async function save() {
  if (!options.json) return;
  results.requirements = REQUIREMENTS.map((it) => judge(it, results));
  await writeFile(options.json, JSON.stringify(results, null, 2) + "\n");
}

function count(name: string, text: string, mayBeZero = false): number {
  const value = Number(text);
  if (value > 0 || mayBeZero && value === 0) return value;
  const needed = mayBeZero ? "zero or more" : "a number above zero";
  console.error(`--${name} ${text}: ${needed} is needed`);
  Deno.exit(2);
}

/** One line that is overwritten by the next, on a terminal only. */
function progress(line: string) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}
