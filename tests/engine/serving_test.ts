// Which engine serves: the one that was asked for, or the best one that can be had.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  Directory,
  type EngineName,
  isThere,
  type ProgramOptions,
  report,
  test,
} from "../helpers/mod.ts";

const hasRings = isThere("io_uring");

/** The first Linux with rings that "auto" takes. */
const GOOD_KERNEL = [6, 1];

function isGoodKernel(): boolean {
  const [major, minor] = Deno.osRelease().split(".").map(Number);
  const [wantedMajor, wantedMinor] = GOOD_KERNEL;
  return major > wantedMajor || major === wantedMajor && minor >= wantedMinor;
}

const BEST: EngineName = hasRings && isGoodKernel()
  ? "io_uring"
  : Deno.build.os === "darwin"
  ? "fs"
  : "librt";

/** What came of asking for engines, one after another; "" asks for none. */
async function servingAfter(
  engines: string[],
  { where = "main", ...options }: ProgramOptions & { where?: string } = {},
): Promise<string[]> {
  using directory = new Directory();
  return await report("which_engine", {
    args: [directory.file("contents"), where, ...engines],
    engine: "auto",
    ...options,
  });
}

test(`configure() with engine "auto", and nothing at all, take ${BEST} here`, async () => {
  assertEquals(await servingAfter([""]), [BEST]);
  assertEquals(await servingAfter(["auto"]), [BEST]);
});

for (const engine of ["librt", "io_uring", "fs"] as const) {
  test(`configure() with engine "${engine}" has it serve`, {
    ignore: !isThere(engine),
  }, async () => {
    assertEquals(await servingAfter([engine]), [engine]);
    assertEquals(await servingAfter([""], { engine }), [engine]);
    // What the program says holds, whatever the environment says.
    const other = engine === "librt" ? "io_uring" : "librt";
    assertEquals(await servingAfter([engine], { engine: other }), [engine]);
  });
}

test("configure() with another engine than the one that serves is EBUSY", {
  ignore: !hasRings,
}, async () => {
  const engines = ["librt", "librt", "io_uring", "auto"];
  const [first, same, another, any] = await servingAfter(engines);
  assertEquals([first, same, any], ["librt", "librt", "librt"]);
  assertStringIncludes(another, "EBUSY");
  assertStringIncludes(another, '"librt" serves already');
});

for (
  const [way, what] of [
    ["metrics", "metrics()"],
    ["supported", "supported()"],
    ["open", "an open() that failed"],
    ["adopt", "an adopt() that failed"],
  ]
) {
  test(`another engine can be asked for after ${what}`, async () => {
    using directory = new Directory();
    const args = [directory.file("contents"), way];
    const outcome = await report("unsettled_engine", { args, engine: "auto" });
    assertEquals(outcome, "fs");
  });
}

test("POSIX_AIO_ENGINE with an unknown name is refused, with those there are", async () => {
  const env = { POSIX_AIO_ENGINE: "aio_uring" };
  const [outcome] = await servingAfter([""], { env });
  assertStringIncludes(outcome, "ENOSYS");
  for (const name of ["aio_uring", "auto", "io_uring", "librt"]) {
    assertStringIncludes(outcome, `"${name}"`);
  }
});

test("POSIX_AIO_ENGINE with an unknown name: supported() says why nothing serves, and no error names a call that nobody made", async () => {
  using directory = new Directory();
  const { engine, reason, refusal } = await report("wrong_engine", {
    args: [directory.file("contents")],
    env: { POSIX_AIO_ENGINE: "aio_uring" },
  });
  assertEquals(engine, undefined);
  assertStringIncludes(reason, "POSIX_AIO_ENGINE");
  assertEquals([refusal.code, refusal.syscall], ["ENOSYS", "open"]);
  assertStringIncludes(refusal.message, "POSIX_AIO_ENGINE");
});

test("POSIX_AIO_ENGINE is not looked at without --allow-env", async () => {
  const flags = ["--allow-read", "--allow-ffi"];
  const env = { POSIX_AIO_ENGINE: "aio_uring" };
  assertEquals(await servingAfter([""], { env, flags }), [BEST]);
});

test("a worker has librt unless it asks for node:fs, and no ring, whoever serves the main thread", async () => {
  assertEquals(await servingAfter([""], { where: "worker" }), ["librt"]);
  assertEquals(await servingAfter(["librt"], { where: "worker" }), ["librt"]);
  assertEquals(await servingAfter(["fs"], { where: "worker" }), ["fs"]);
  // The environment is one for all isolates of a process.
  const inherited = { where: "worker", engine: "io_uring" } as const;
  assertEquals(await servingAfter([""], inherited), ["librt"]);
  const [refused] = await servingAfter(["io_uring"], { where: "worker" });
  assertStringIncludes(refused, "(ENOSYS, open)");
  assert(!hasRings || refused.includes("may end before the process does"));
});
