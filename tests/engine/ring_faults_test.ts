// Rings that the kernel refuses, or has little room in, and calls that fail now and
// then: nobody sees more of it than another engine. The faults are those of rings.c.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Directory, isThere, report, test } from "../helpers/mod.ts";
import { preload, type RingFaults } from "../helpers/native.ts";

const [EPERM, EINTR, EAGAIN, ENOMEM, EBUSY, ENOSYS] = [1, 4, 11, 12, 16, 38];

const rings = isThere("io_uring") ? preload("rings") : null;
const noRings = isThere("io_uring") ? preload("no_rings") : null;
const ignore = rings === null;
if (ignore) {
  console.log("faults of rings are skipped: they need io_uring, cc and glibc");
}

/** What came of it; of faults, how often each happened. */
async function outcomeOf(
  engine: "auto" | "io_uring",
  faults: RingFaults & { NO_RINGS?: string },
  lockedBytes?: number,
) {
  using directory = new Directory();
  Deno.chmodSync(directory.path, 0o777);
  const library = "NO_RINGS" in faults ? noRings : rings;
  return await report("ring_work", {
    args: [directory.path, ...lockedBytes === undefined ? [] : [lockedBytes]]
      .map(String),
    env: { ...faults, LD_PRELOAD: library! },
    engine,
  });
}

const REFUSALS = {
  "with EPERM": { RINGS_SETUP: `${EPERM}` },
  "with ENOSYS": { RINGS_SETUP: `${ENOSYS}` },
  "with ENOMEM": { RINGS_SETUP: `${ENOMEM}` },
  "by a filter as that of a container": { NO_RINGS: `${EPERM}` },
  "by a filter with ENOSYS": { NO_RINGS: `${ENOSYS}` },
};

const REASONS: Record<number, string> = {
  [EPERM]: "Operation not permitted (EPERM, io_uring_setup)",
  [ENOSYS]: "Function not implemented (ENOSYS, io_uring_setup)",
  [ENOMEM]: "Cannot allocate memory (ENOMEM, io_uring_setup)",
};

for (const [how, faults] of Object.entries(REFUSALS)) {
  test(`engine "auto" is librt where rings are refused ${how}`, {
    ignore,
  }, async () => {
    const { counts: _, ...outcome } = await outcomeOf("auto", faults);
    assertEquals(outcome, { engine: "librt", wrong: [], left: [0, 0] });
  });

  test(`engine "io_uring" says why where rings are refused ${how}`, {
    ignore,
  }, async () => {
    const { code, message } = await outcomeOf("io_uring", faults);
    assertEquals(code, "ENOSYS");
    assertStringIncludes(
      message,
      'The engine "io_uring", which POSIX_AIO_ENGINE asks for, is not available',
    );
    const [errno] = Object.values(faults);
    assertStringIncludes(message, REASONS[Number(errno)]);
  });
}

test('engine "io_uring" says that the process may lock no memory', {
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  const { code, message } = await outcomeOf("io_uring", {}, 0);
  assertEquals(code, "ENOSYS");
  assertStringIncludes(message, REASONS[ENOMEM]);
});

test('engine "io_uring" has fewer entries where little memory may be locked', {
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  const { counts, ...outcome } = await outcomeOf("io_uring", {}, 32 * 1024);
  assertEquals(outcome, { engine: "io_uring", wrong: [], left: [0, 0] });
  // Each try to have one counts, and files and FIFOs have one each.
  assert(counts.setups > 2, `${counts.setups} rings were tried`);
});

/** Faults, and what shows that they have happened. */
const FAULTS: Record<string, [RingFaults, string]> = {
  "fewer entries": [{ RINGS_ENTRIES_MAX: "32" }, "setups"],
  "16 entries, and room for no more completions": [
    { RINGS_ENTRIES_MAX: "16", RINGS_COMPLETIONS: "16" },
    "overflows",
  ],
  "EAGAIN of every third call": [{ RINGS_ENTER: `${EAGAIN}:3` }, "refusals"],
  "EBUSY of every third call": [{ RINGS_ENTER: `${EBUSY}:3` }, "refusals"],
  "EINTR of every second call": [{ RINGS_ENTER: `${EINTR}:2` }, "refusals"],
  "EAGAIN of every second call, few entries, and little room": [{
    RINGS_ENTER: `${EAGAIN}:2`,
    RINGS_ENTRIES_MAX: "16",
    RINGS_COMPLETIONS: "16",
  }, "overflows"],
  "a call that takes one entry": [{ RINGS_TAKEN: "1" }, "setups"],
  "a call that takes seven entries": [{ RINGS_TAKEN: "7" }, "setups"],
  "short transfers": [{ RINGS_SHORT: "100:3" }, "shorts"],
  "transfers served in another order": [{ RINGS_CALLS: "6" }, "jobs"],
  "everything at once": [{
    RINGS_ENTRIES_MAX: "32",
    RINGS_COMPLETIONS: "32",
    RINGS_ENTER: `${EAGAIN}:5`,
    RINGS_TAKEN: "5",
    RINGS_SHORT: "1000:2",
  }, "shorts"],
};

for (const [what, [faults, evidence]] of Object.entries(FAULTS)) {
  test(`engine "io_uring" serves everything with ${what}`, {
    ignore,
  }, async () => {
    const { counts, ...outcome } = await outcomeOf("io_uring", faults);
    assertEquals(outcome, { engine: "io_uring", wrong: [], left: [0, 0] });
    assert(counts[evidence] > 0, `no ${evidence}: it did not happen`);
  });
}
