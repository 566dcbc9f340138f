// Every engine keeps every promise: the tests of what goes through one pass on each.
// On the process's first thread, because others give librt the requests that a ring
// would have.
//
// `deno task test:engines` runs all of them, also with the page cache asked first. A
// part of a file's path behind `--` chooses the files that have it.
// What node:fs cannot do is in limits_of_fs.ts.

import { assert, assertEquals } from "@std/assert";
import pMap from "p-map";
import {
  type EngineName,
  ENGINES,
  isThere,
  type ProgramOptions,
  report,
  test,
  WHOLE_FILE,
} from "../helpers/mod.ts";
import { pages } from "../docs/pages.ts";
import { preload } from "../helpers/native.ts";
import { sentenceFiles } from "../posix/helpers.ts";
import { isLong } from "../torture/scale.ts";
import { isBeyondFs, rowsOfLimits, testsBeyondFs } from "./limits_of_fs.ts";

const areAll = Deno.env.get("POSIX_AIO_ALL_ENGINES") === "1";

/** All tests of a file take their time; nothing takes longer but what hangs. */
const limit_ms = isLong ? 3_600_000 : 180_000;

/** These choose the engine themselves, or need none. */
const OF_NO_ENGINE = [
  "engine/engines_test.ts",
  "engine/fs_engine_test.ts",
  "engine/ring_faults_test.ts",
  "engine/ring_test.ts",
  "engine/serving_test.ts",
  "torture/faulty_rings_test.ts",
];

/** These are about librt alone: about its parts, or about workers, which it serves. */
const OF_LIBRT = [
  "engine/lane_count_test.ts",
  "engine/lane_test.ts",
  "engine/lanes_test.ts",
  "engine/readiness_test.ts",
  "file/worker_test.ts",
  "torture/again_test.ts",
];

/** What of the engine on node:fs always runs: a part of everything that it does. */
const OF_FS = [
  "engine/engine_test.ts",
  "engine/stream_transfers_test.ts",
  "file/aio_file_test.ts",
  "file/batch_test.ts",
  "file/block_device_test.ts",
  "file/buffer_lists_test.ts",
  "file/copy_to_test.ts",
  "file/metrics_test.ts",
  "file/open_test.ts",
  "file/streams_test.ts",
  "requests/append_test.ts",
  "requests/file_queue_test.ts",
  "requests/group_commit_test.ts",
  "requests/priorities_test.ts",
];

/** Librt serves in `deno test` as well; the first thread takes another way for these. */
const OTHERWISE_ON_FIRST_THREAD = [
  "engine/page_cache_test.ts",
  "engine/turn_test.ts",
  "file/aio_file_test.ts",
  "file/batch_test.ts",
  "file/buffer_lists_test.ts",
  "file/completion_queue_test.ts",
  "file/memory_test.ts",
  "file/streams_test.ts",
  "requests/append_test.ts",
  "requests/group_commit_test.ts",
  ...sentenceFiles().map((name) => `posix/${name}`),
];

function testFiles(directory: string): string[] {
  const url = new URL(`../${directory}/`, import.meta.url);
  return [...Deno.readDirSync(url)]
    .filter(({ name }) => name.endsWith("_test.ts"))
    .map(({ name }) => `${directory}/${name}`)
    .sort();
}

const ALL = ["engine", "requests", "file", "torture"].flatMap(testFiles)
  .filter((file) => !OF_NO_ENGINE.includes(file));

function filesOf(engine: EngineName): string[] {
  if (engine === "librt") return areAll ? ALL : OTHERWISE_ON_FIRST_THREAD;
  const files = ALL.filter((file) => !OF_LIBRT.includes(file));
  if (engine === "io_uring") return files;
  return areAll ? files.filter((file) => !isBeyondFs(file)) : OF_FS;
}

/** Runs the tests of a file on the first thread of a process. */
async function passes(
  file: string,
  serving: EngineName,
  options: ProgramOptions,
): Promise<void> {
  const exceptions = serving === "fs" ? testsBeyondFs(file) : [];
  const { ran, ignored, ...outcome } = await report("first_thread", {
    args: [
      WHOLE_FILE,
      new URL(`../${file}`, import.meta.url).href,
      JSON.stringify(exceptions),
    ],
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
    engine: serving,
    limit_ms,
    ...options,
  });
  assert(ran + ignored > 0, "the file has no test for it");
  const expected = { mayEndFirst: false, engine: serving, failed: {} };
  assertEquals(outcome, { ...expected, unused: [] });
}

interface Run {
  file: string;
  options: ProgramOptions;
}

function runsOf(engine: EngineName): Run[] {
  const ways = areAll && engine !== "fs" ? [false, true] : [false];
  return filesOf(engine).flatMap((file) =>
    ways.map((pageCache) => ({ file, options: { pageCache } }))
  );
}

/** Many tests wait for something: as many files at once as there are processors. */
function testAll(
  name: string,
  engine: EngineName,
  runs: Run[],
  ignore: boolean,
) {
  const chosen = runs.filter(({ file }) => file.includes(Deno.args[0] ?? ""));
  test(name, { ignore, limit_ms: limit_ms * runs.length }, async (t) => {
    await pMap(chosen, ({ file, options }) =>
      t.step({
        name: options.pageCache ? `${file}, behind the page cache` : file,
        fn: () => passes(file, engine, options),
        sanitizeExit: false,
        sanitizeOps: false,
        sanitizeResources: false,
      }), { concurrency: navigator.hardwareConcurrency });
  });
}

for (const engine of ENGINES) {
  testAll(
    `every file with tests of what goes through an engine passes on "${engine}"`,
    engine,
    runsOf(engine),
    !isThere(engine),
  );
}

test("docs/guides/platforms.md tells what node:fs cannot do", () => {
  const page = pages.find(({ path }) => path === "docs/guides/platforms.md")!;
  const rows = page.text.split("\n").map((line) => line.split("|")[1]?.trim());
  for (const row of rowsOfLimits()) assert(rows.includes(row), row);
});

const EPERM = "1";
const noRings = preload("no_rings");

testAll(
  `engine "auto" is librt where a container has no rings`,
  "librt",
  ["engine/engine_test.ts", "requests/append_test.ts"].map((file) => ({
    file,
    options: {
      engine: "auto",
      env: { LD_PRELOAD: noRings ?? "", NO_RINGS: EPERM },
    },
  })),
  noRings === null,
);
