// System calls that fail, under a real run of the library: nothing hangs, nobody
// is told of a byte that is not there, and every error is the one that happened.
//
// The system calls are held back by seccomp(2), see faults.c.

import { assert, assertEquals } from "@std/assert";
import { Directory, report, test } from "../helpers/mod.ts";
import { preloadFaults, visibleCalls } from "../helpers/native.ts";
import { limit_ms, scaled, tell } from "./scale.ts";
import { first, positions, starveAt } from "./starve.ts";

const faults = preloadFaults();
const ignore = faults === null;
if (ignore) {
  console.log(
    "injected faults are skipped: they need cc, glibc, and seccomp, which an " +
      "emulator has not",
  );
}

const REQUESTS = [
  "readAt()",
  "writeAt()",
  "batch()",
  "append()",
  "append() to a file without O_APPEND",
  "append() and writeAt() to a pipe",
  "readAt() of a pipe",
  "readable()",
  "writable()",
  "CompletionQueue",
  "CompletionQueue that suspends",
  "CompletionQueue with threads",
  "CompletionQueue that polls",
  "sync()",
  "syncData()",
  "aio_read(), aio_write() and aio_fsync()",
  "lio_listio(LIO_WAIT)",
  "lio_listio(LIO_NOWAIT)",
];

for (const requests of REQUESTS) {
  test(`${requests}: every fault of a system call comes out as what it is`, {
    ignore,
    limit_ms,
  }, async () => {
    for (const lanes of scaled([2], [1, 2, 8])) await inject(requests, lanes);
  });
}

/** Injects every fault, at three positions or at each. */
async function inject(requests: string, lanes: number): Promise<void> {
  using directory = new Directory();
  const extent = scaled("three positions", "every position");
  const outcomes: Record<string, [number, number, number]> = await report(
    "../torture/programs/injected_faults",
    {
      args: [directory.path, requests, extent, String(lanes)],
      env: { ...visibleCalls(), LD_PRELOAD: faults! },
      // The faults are those of the calls of an engine.
      pageCache: false,
      limit_ms,
    },
  );
  const cases = Object.values(outcomes);
  const [calls, hits, failed] = [0, 1, 2].map((at) =>
    cases.reduce((sum, counts) => sum + counts[at], 0)
  );
  tell(
    `${cases.length} cases: ${hits} faults in ${calls} system calls, ` +
      `${failed} requests failed`,
  );
  assert(failed > 0, "no fault had any consequence");
}

const REFUSALS = [
  { call: "dup", error: "EMFILE", codes: [] },
  { call: "dup", error: "ENFILE", codes: [] },
  { call: "thread", error: "EAGAIN", codes: ["EAGAIN"] },
  { call: "thread", error: "ENOMEM", codes: ["EAGAIN"] },
] as const;

for (const { call, error, codes } of REFUSALS) {
  test(`${error} of ${call}: requests wait, or go on with what there is`, {
    engine: "librt",
    ignore,
    limit_ms,
  }, async () => {
    const where = scaled(
      positions([10], [1]),
      positions(first(20), first(20)),
    );
    const refusal = { call, error, codes, mayFilesFail: false };
    await starveAt(where, { faults: faults!, ...refusal });
  });
}

test(
  "readAt() of a file that says EAGAIN waits, spares the processor, and " +
    "can be canceled",
  { ignore, limit_ms },
  async () => {
    using directory = new Directory();
    const { tries, ...outcomes } = await report(
      "../torture/programs/endless_again",
      {
        args: [directory.path],
        env: { ...visibleCalls(), LD_PRELOAD: faults! },
        pageCache: false,
      },
    );
    // Three requests, made again after 1, 2, 4, … 64 milliseconds.
    assert(tries >= 6 && tries <= 100, `${tries} calls`);
    assertEquals(outcomes, {
      written: 1,
      isWaiting: true,
      reason: "no more",
      codes: ["ECANCELED", "ECANCELED"],
      bytes: 8,
      left: [0, 0],
    });
  },
);
