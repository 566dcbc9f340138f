// The rule that everything rests on: native code never touches memory that was
// given up. Two watch over it. One knows from when to when the system may touch
// what, and allows nobody to take it meanwhile (in_flight.c). The other is
// Valgrind's memcheck, under which Deno itself runs with the library as it is.

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Directory,
  type Ended,
  enginesBesideWorkers,
  isEmulated,
  isLinux,
  isThere,
  report,
  run,
  succeeds,
  test,
} from "../helpers/mod.ts";
import { preload } from "../helpers/native.ts";
import { limit_ms, scaled, tell } from "./scale.ts";

const LIFE = "../torture/programs/memory_life";
const MISUSE = "../torture/programs/memory_misuse";

const inFlight = preload("in_flight", "rings");
if (inFlight === null) {
  console.log("watching memory in flight is skipped: it needs cc and glibc");
}

/** How often everything happens once, and how many workers are terminated. */
const EXTENT = scaled(["4", "3"], ["300", "150"]);

test("memory in flight is not freed, unmapped or used for something else", {
  ignore: inFlight === null,
  limit_ms,
}, async () => {
  using directory = new Directory();
  const { submissions, frees, violations } = await report(LIFE, {
    args: [directory.path, ...EXTENT],
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
    env: { LD_PRELOAD: inFlight! },
    engine: enginesBesideWorkers(),
    pageCache: false,
    limit_ms,
  });
  tell(`${submissions} requests, and memory freed ${frees} times`);
  assert(submissions > 1_000, `${submissions} requests`);
  assert(frees > 0, "nobody freed anything");
  assertEquals(violations, 0);
});

for (
  const misuse of [
    "frees a block in flight",
    "submits a block in flight",
    "unmaps a buffer in flight",
    "reads into a buffer in flight",
    "unmaps a buffer that a ring has",
    "reads with a ring into a buffer that it has",
  ]
) {
  const engine = misuse.includes("ring") ? "io_uring" : "librt";
  test(`a program that ${misuse} is caught by who watches`, {
    ignore: inFlight === null || !isThere(engine),
    limit_ms,
  }, async () => {
    const { violations } = await report(MISUSE, {
      args: [misuse],
      engine,
      env: { LD_PRELOAD: inFlight! },
      limit_ms,
    });
    assert(violations > 0);
  });
}

// It cannot run what is for another processor.
const hasValgrind = isLinux && !isEmulated &&
  succeeds("valgrind", "--version");
if (!hasValgrind) {
  console.log("memcheck is skipped: it needs valgrind");
}

/** Runs a program under memcheck. */
function memcheck(program: string, ...args: string[]): Promise<Ended> {
  return run(program, {
    args,
    pageCache: false,
    // V8 makes machine code, and memcheck has to translate all of it: less is
    // faster, though V8's own code is slower.
    flags: ["--allow-all", "--v8-flags=--expose-gc,--no-opt,--no-sparkplug"],
    wrapper: [
      "valgrind",
      "--tool=memcheck",
      "--smc-check=all-non-file",
      // V8 reads what it has not written, and knows why.
      "--undef-value-errors=no",
      "--leak-check=no",
      "--error-exitcode=99",
    ],
    limit_ms,
  });
}

function errorsOf({ stderr }: Ended): number {
  const [, errors] = stderr.match(/ERROR SUMMARY: (\d+) errors/) ?? [];
  assert(errors !== undefined, stderr);
  return Number(errors);
}

test("memcheck finds no access to memory that was given up", {
  engine: "librt",
  ignore: !hasValgrind,
  limit_ms,
}, async () => {
  using directory = new Directory();
  const extent = scaled(["1", "0"], ["10", "10"]);
  const ended = await memcheck(LIFE, directory.path, ...extent);
  assertEquals(errorsOf(ended), 0, ended.stderr);
  assertEquals({ code: ended.code, signal: ended.signal }, {
    code: 0,
    signal: null,
  }, ended.stderr);
  const { requests } = JSON.parse(ended.stdout);
  tell(`${requests} requests of promises, batches and queues`);
});

test("memcheck finds that glibc writes to a block that was freed in flight", {
  engine: "librt",
  ignore: !hasValgrind,
  limit_ms,
}, async () => {
  const ended = await memcheck(MISUSE, "frees a block in flight");
  assert(errorsOf(ended) > 0);
  assertMatch(ended.stderr, /Invalid write of size \d+\n.*handle_fildes_io/);
  assertEquals(ended.code, 99);
});
