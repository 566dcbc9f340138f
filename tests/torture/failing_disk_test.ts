// A disk that fails to write some blocks, see failing_disk.ts: what was
// acknowledged as durable is on that disk.

import { assert, assertEquals } from "@std/assert";
import { Directory, report } from "../helpers/mod.ts";
import { canHaveDisks } from "./failing_disk.ts";
import { namespace } from "./namespace.ts";
import { replay, scaled, tell, timeout } from "./scale.ts";

const ignore = !canHaveDisks();
if (ignore) {
  console.log(
    "failing disks are skipped: they need root, loop devices and ext4",
  );
}

const seed = replay.seed ??
  crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;

/** Runs a program that has a disk of its own. */
async function outcomeOf(name: string, options: object) {
  using directory = new Directory();
  const given = { directory: directory.path, ...options };
  return await report(`../torture/programs/${name}`, {
    args: [JSON.stringify(given)],
    wrapper: [...namespace],
    timeout_ms: timeout,
  });
}

Deno.test({
  name: "a disk that fails loses what it should, and fsync(2) tells of it",
  ignore,
  timeout,
  async fn() {
    const outcome = await outcomeOf("disk_truth", {});
    const { expected, told, onDisk, read, count } = outcome;
    assert(expected.length > 0 && expected.length < count);
    assertEquals({ told, onDisk, read }, {
      told: expected,
      onDisk: expected,
      read: expected,
    });
  },
});

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
    "two writers, with both kinds": ["syncData", "sync"],
    "eight writers": Array(8).fill("syncData"),
  }),
  "two writers": ["syncData", "syncData"],
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
    Deno.test({
      name: "syncData() rejects when a synchronization that ran since its " +
        `write was done fails, of ${who}: ${arrival}`,
      ignore,
      timeout,
      async fn() {
        for (const writes of WRITES) {
          const rounds = scaled(2, 30);
          const given = {
            rounds,
            syncs,
            writes,
            arrival,
            areOthersGood: false,
          };
          const outcome = await outcomeOf("disk_writers", given);
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
    });
  }
}

Deno.test({
  name: "syncData() resolves for what is written after one that failed",
  ignore,
  timeout,
  async fn() {
    const rounds = scaled(2, 30);
    const outcome = await outcomeOf("disk_writers", {
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
  },
});

for (const synchronous of [undefined, "data", "full"] as const) {
  const file = synchronous === undefined
    ? "a file"
    : `a file with synchronous: "${synchronous}"`;
  Deno.test({
    name:
      `whatever is acknowledged of ${file} is on disk, whatever the program`,
    ignore,
    timeout,
    async fn() {
      const rounds = scaled(8, 300);
      const { violations, ...counts } = await outcomeOf("disk_random", {
        seed,
        rounds,
        synchronous,
      });
      tell(`TORTURE_SEED=${seed} ${JSON.stringify(counts)}`);
      assertEquals(violations.slice(0, 10), [], `TORTURE_SEED=${seed}`);
      assert(counts.synced > 0 && counts.unsynced > 0, "nothing happened");
    },
  });
}

for (const synchronous of ["data", "full"]) {
  for (const direct of [false, true]) {
    Deno.test({
      name: `writeAt() that resolves with synchronous: "${synchronous}"` +
        `${direct ? " and direct" : ""} is on disk, with many in flight`,
      ignore,
      timeout,
      async fn() {
        for (let round = 0; round < scaled(1, 20); round++) {
          const outcome = await outcomeOf("disk_synchronous", {
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
          assert(failing.rejected > 100 && good.resolved > 0);
        }
      },
    });
  }
}
