// A disk that fails to write some blocks, see failing_disk.ts: what was
// acknowledged as durable is on that disk.

import { assert, assertEquals } from "@std/assert";
import { engineOf, test } from "../helpers/mod.ts";
import { canHaveDisks } from "./failing_disk.ts";
import { reportInNamespace } from "./namespace.ts";
import { limit_ms, scaled, seed, tell } from "./scale.ts";

const ignore = !canHaveDisks();
if (ignore) {
  console.log(
    "failing disks are skipped: they need root, loop devices and ext4",
  );
}

test("a disk that fails loses what it should, and fsync(2) tells of it", {
  ignore,
  limit_ms,
}, async () => {
  const outcome = await reportInNamespace("disk_truth", {});
  const { expected, told, onDisk, read, count } = outcome;
  assert(expected.length > 0 && expected.length < count);
  assertEquals({ told, onDisk, read }, {
    told: expected,
    onDisk: expected,
    read: expected,
  });
});

for (const where of ["main", "worker"]) {
  const inWorker = where === "worker" ? ", in a worker" : "";
  for (
    const [what, options] of Object.entries({
      "writeAt()": { change: "writeAt" },
      // More than there are descriptors for.
      "writeAt() of 300 files": { change: "writeBlock", files: 300 },
      "copyTo()": { change: "copyTo" },
      "punchHole()": { change: "punchHole" },
      "truncate()": { change: "truncate" },
      "punchHole() of a synchronous file": {
        change: "punchHole",
        synchronous: "data",
      },
    })
  ) {
    test(
      `syncData() rejects for what another open file was told of before, of ${what}` +
        inWorker,
      { ignore, limit_ms, engine: engineOf({ where }) },
      async () => {
        const { changed, others, synced } = await reportInNamespace(
          "disk_other",
          { where, files: 1, ...options },
        );
        assert(["EIO", "ENOSPC"].includes(others), others);
        assertEquals(new Set(changed), new Set(["resolved"]));
        assertEquals(new Set(synced), new Set([others]));
      },
    );
  }
}

const ARRIVALS = [
  "written before, asked while it runs",
  "in flight before, asked with it",
  "written and asked while it runs",
  "asked while it runs, before the write is done",
  "written while it runs, asked when it has ended",
  "written and asked when it has ended",
];

const WRITERS = {
  ...scaled({}, {
    "two writers": ["syncData", "syncData"],
    "two writers, with both kinds": ["syncData", "sync"],
    "eight writers": Array(8).fill("syncData"),
  }),
  "three writers, with both kinds": ["sync", "syncData", "sync"],
};

const WRITES = [
  ["writeAt"],
  ["append"],
  ["writeAt", "append"],
  ["append", "writeAt"],
];

for (const [who, syncs] of Object.entries(WRITERS)) {
  for (const arrival of ARRIVALS) {
    test(
      "syncData() rejects when a synchronization that ran since its " +
        `write was done fails, of ${who}: ${arrival}`,
      { ignore, limit_ms },
      async () => {
        for (const writes of WRITES) {
          const rounds = scaled(2, 30);
          const given = {
            rounds,
            syncs,
            writes,
            arrival,
            areOthersGood: false,
          };
          const outcome = await reportInNamespace("disk_writers", given);
          const settled = rounds * syncs.length;
          assertEquals({ writes, ...outcome }, {
            writes,
            violations: [],
            resolved: settled,
            rejected: 0,
            synced: 0,
            unsynced: settled,
          });
        }
      },
    );
  }
}

test("syncData() resolves for what is written after one that failed", {
  ignore,
  limit_ms,
}, async () => {
  const rounds = scaled(2, 30);
  const outcome = await reportInNamespace("disk_writers", {
    rounds,
    syncs: ["syncData", "sync", "syncData"],
    writes: ["writeAt"],
    arrival: "written and asked when it has ended",
    areOthersGood: true,
  });
  assertEquals(outcome, {
    violations: [],
    resolved: 3 * rounds,
    rejected: 0,
    synced: 2 * rounds,
    unsynced: rounds,
  });
});

for (const synchronous of [undefined, "data", "full"] as const) {
  const file = synchronous === undefined
    ? "a file"
    : `a file with synchronous: "${synchronous}"`;
  test(`whatever is acknowledged of ${file} is on disk, whatever the program`, {
    ignore,
    limit_ms,
  }, async () => {
    const rounds = scaled(8, 300);
    const { violations, ...counts } = await reportInNamespace("disk_random", {
      seed,
      rounds,
      synchronous,
    });
    tell(`TORTURE_SEED=${seed} ${JSON.stringify(counts)}`);
    assertEquals(violations.slice(0, 10), [], `TORTURE_SEED=${seed}`);
    assert(counts.synced > 0 && counts.unsynced > 0, "nothing happened");
  });
}

for (const synchronous of ["data", "full"]) {
  for (const direct of [false, true]) {
    test(
      `writeAt() that resolves with synchronous: "${synchronous}"` +
        `${direct ? " and direct" : ""} is on disk, with many in flight`,
      { ignore, limit_ms },
      async () => {
        // Most fail with others: in one round that may be all of them.
        let resolvedAtAll = 0;
        for (let round = 0; round < scaled(1, 20); round++) {
          const outcome = await reportInNamespace("disk_synchronous", {
            seed: seed + round,
            synchronous,
            direct,
          });
          const { lost, good, failing } = outcome;
          tell(
            `of ${good.resolved + good.rejected} writes that could be made ` +
              `${good.rejected} were rejected`,
          );
          const { resolved } = failing;
          assertEquals(
            { lost, resolved },
            { lost: 0, resolved: 0 },
            `TORTURE_SEED=${seed + round}`,
          );
          assert(failing.rejected > 100);
          resolvedAtAll += good.resolved;
        }
        assert(resolvedAtAll > 0, "nothing was acknowledged");
      },
    );
  }
}
