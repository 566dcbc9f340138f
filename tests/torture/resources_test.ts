// What the library takes of the system: it comes back, and without it nothing
// breaks.

import { assert, assertEquals } from "@std/assert";
import {
  Directory,
  isEmulated,
  isLinux,
  pattern,
  report,
  test,
} from "../helpers/mod.ts";
import { preloadFaults } from "../helpers/native.ts";
import { isLong, limit_ms, scaled, tell } from "./scale.ts";
import { first, positions, starveAt } from "./starve.ts";

const faults = preloadFaults();
if (faults === null) {
  console.log("refused memory is skipped: it needs cc, seccomp and glibc");
}

const MEMORY = [
  {
    name: "ENOMEM for the library's own buffers is an error of that call only",
    call: "aligned_alloc",
    codes: ["ENOMEM"],
    mayFilesFail: true,
    where: scaled(
      positions([1], [2, 14, 210]),
      positions(first(20), [...first(20), ...first(20, 10)]),
    ),
  },
  {
    name: "ENOMEM in the system's submission calls is waited out",
    call: "submission_alloc",
    codes: ["EAGAIN"],
    mayFilesFail: false,
    where: scaled(
      positions([6], [6, 10]),
      positions(first(12), first(12)),
    ),
  },
] as const;

for (const { name, call, codes, mayFilesFail, where } of MEMORY) {
  test(name, {
    engine: "librt",
    ignore: faults === null,
    limit_ms,
  }, async () => {
    const refusal = { call, error: "ENOMEM", codes, mayFilesFail };
    await starveAt(where, { faults: faults!, ...refusal });
  });
}

/** A nursery of fixed size: one that grows looks like memory that leaks. */
const FLAGS = [
  "--allow-all",
  "--v8-flags=--min-semi-space-size=16,--max-semi-space-size=16,--expose-gc",
];

/** What `programs/counts.ts` counts. */
interface Counts {
  memory: number;
  heap: number;
  descriptors: number;
  threads: number;
}

interface Flatness {
  tenths: Counts[];
  atRest: Counts[];
}

/** By what share memory may grow from the middle to the end. */
const GROWTH_MAX = 0.05;

function assertFlat({ tenths, atRest }: Flatness): void {
  const [middle, end] = [tenths[4], tenths[9]];
  const [before, after] = atRest;
  const figures = `memory ${inMb(middle.memory)} to ${inMb(end.memory)}, ` +
    `heap ${inMb(middle.heap)} to ${inMb(end.heap)}, ` +
    `descriptors ${before.descriptors} to ${after.descriptors}, ` +
    `threads ${before.threads} to ${after.threads}`;
  tell(figures);
  assertGrowth("the heap", middle.heap, end.heap);
  // The pages that the process has are told too coarsely in the short form.
  if (isLong) assertGrowth("memory", middle.memory, end.memory);
  assertEquals(after.descriptors, before.descriptors, figures);
  assert(after.threads <= before.threads, figures);
}

function assertGrowth(what: string, before: number, after: number): void {
  const growth = (after / before - 1) * 100;
  assert(
    after <= before * (1 + GROWTH_MAX),
    `${what} grew by ${growth.toFixed(1)} %`,
  );
}

function inMb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const REQUESTS = scaled(100_000, 10_000_000);

for (const pageCache of [true, false]) {
  test(
    `${REQUESTS} requests leave memory, descriptors and threads as they were, ` +
      `page cache ${pageCache ? "on" : "off"}`,
    { ignore: !isLinux, limit_ms },
    async () => {
      using directory = new Directory();
      const outcome = await report("../torture/programs/soak", {
        args: [directory.path, String(REQUESTS)],
        flags: FLAGS,
        pageCache,
        limit_ms,
      });
      const { made, left, ...counts } = outcome;
      assert(made >= REQUESTS, `${made} requests`);
      assertEquals(left, [0, 0]);
      assertFlat(counts);
    },
  );
}

const FILES = scaled(2_000, 100_000);

test(`${FILES} files opened and closed leave no descriptor and no memory`, {
  ignore: !isLinux,
  limit_ms,
}, async () => {
  using directory = new Directory();
  const { opened, ...counts } = await report(
    "../torture/programs/open_close",
    {
      args: [directory.path, String(FILES)],
      flags: FLAGS,
      limit_ms,
    },
  );
  assert(opened >= FILES, `${opened} files`);
  assertFlat(counts);
});

const WORKERS = scaled(10, 1_000);
const KIB = 1024;

/**
 * What a worker may leave behind: nothing once its requests are done, and not
 * more than these hold while they are in flight. Deno itself leaves some, too.
 */
const WORKER_MODES = [
  {
    how: "done",
    name: `${WORKERS} workers whose requests are done leave nothing behind`,
    bytesMax: scaled(1024 * KIB, 64 * KIB),
    descriptorsMax: 0,
  },
  {
    how: "in flight",
    name: `${WORKERS} workers terminated in flight leave what is in flight`,
    // 64 blocks of 4 KiB, aligned, and what the system needs to know of them.
    bytesMax: scaled(1536 * KIB, 1024 * KIB),
    // With which the file is opened once more, one for the reads, and one for the
    // synchronization, and no other.
    descriptorsMax: 3,
  },
];

for (const { how, name, bytesMax, descriptorsMax } of WORKER_MODES) {
  test(name, { engine: "librt", ignore: !isLinux, limit_ms }, async () => {
    using directory = new Directory();
    const { before, after, bytes } = await report(
      "../torture/programs/passing_workers",
      {
        args: [directory.file(pattern(1_000_000)), how, String(WORKERS)],
        flags: FLAGS,
        pageCache: false,
        // What is left has to fit beside everything else.
        wrapper: [
          "bash",
          "-c",
          'ulimit -n "$(ulimit -Hn)"; exec "$@"',
          "bash",
        ],
        limit_ms,
      },
    );
    const perWorker = (name: keyof Counts) =>
      (after[name] - before[name]) / WORKERS;
    tell(
      `each left ${(perWorker("memory") / KIB).toFixed(0)} KiB and ` +
        `${perWorker("descriptors").toFixed(2)} descriptors`,
    );
    // An emulator keeps memory that the process has given back.
    assert(
      isEmulated || perWorker("memory") <= bytesMax,
      "memory is left behind",
    );
    assert(
      perWorker("descriptors") <= descriptorsMax,
      "descriptors are left behind",
    );
    assert(after.threads <= before.threads, "threads are left behind");
    assertEquals(bytes, 4096);
  });
}

test("EMFILE is an error of that call only, and files need no more lanes", {
  ignore: !isLinux,
  limit_ms,
}, async () => {
  using directory = new Directory();
  const { opened, without, withSome } = await report(
    "../torture/programs/few_descriptors",
    {
      args: [directory.path],
      wrapper: ["bash", "-c", 'ulimit -n 80; exec "$@"', "bash"],
      limit_ms,
    },
  );
  const emfile = { code: "EMFILE", errno: 24, syscall: "open" };
  const path = `${directory.path}/file${opened + 4}`;
  assertEquals(without, {
    opening: { ...emfile, path },
    appending: { ...emfile, path: `${directory.path}/file0` },
    requests: {},
    again: { ...emfile, path },
  });
  assertEquals(withSome, {
    appending: { resolved: 1 },
    growth: 1,
    opening: { resolved: "opened" },
    requests: {},
  });
});
