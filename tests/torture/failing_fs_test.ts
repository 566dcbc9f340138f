// A file system that loses, fails, delays and shortens what is written, see
// failing_fs.c: nobody is told that something is durable which is not, and every
// error reaches somebody, once.

import { assert, assertEquals } from "@std/assert";
import { engineHere, engineOf, test } from "../helpers/mod.ts";
import { buildFailingFs } from "./failing_fs.ts";
import { reportInNamespace } from "./namespace.ts";
import { limit_ms, scaled, seed, tell } from "./scale.ts";

const program = buildFailingFs();
const ignore = program === null;
if (ignore) {
  console.log(
    "failing file systems are skipped: they need root, /dev/fuse, cc, " +
      "pkg-config and libfuse3",
  );
}

/** What comes of tasks of a program that has the file system for itself. */
function outcomesOf(tasks: string[], options: object = {}) {
  const all = { where: "main", program, tasks, ...options };
  return reportInNamespace("fs_tasks", all);
}

/** The same for one of them. */
async function outcomeOf(task: string, options?: object) {
  return (await outcomesOf([task], options))[task];
}

test("a file system that loses what is written tells of it on closing", {
  ignore,
  limit_ms,
}, async () => {
  assertEquals(await outcomeOf("no library"), -1);
});

const CLOSES = {
  "close after writeAt": "ENOSPC",
  "close after many writes at once": "ENOSPC",
  "close after syncData and writeAt": "ENOSPC",
  "close after syncData, writeAt and some time": "ENOSPC",
  "close after append": "ENOSPC",
  "close after append and writeAt, per open file": "ENOSPC",
  "close that fails by itself": "EIO",
  "close of the second descriptor that fails": "EIO",
};

for (const where of ["main", "worker"]) {
  const inWorker = where === "worker" ? ", in a worker" : "";

  test(
    "close() rejects with the error that any descriptor of the file tells, both " +
      `times${inWorker}`,
    { ignore, limit_ms, engine: engineOf({ where }) },
    async () => {
      const expected = Object.entries(CLOSES)
        .map(([task, code]) => [task, [code, code, "resolved"]]);
      assertEquals(
        await outcomesOf(Object.keys(CLOSES), { where }),
        Object.fromEntries(expected),
      );
    },
  );

  test(
    "syncData() rejects with what closing a descriptor that was not used " +
      `has told${inWorker}`,
    { ignore, limit_ms, engine: engineOf({ where }) },
    async () => {
      const task = "syncData after syncData, writeAt and some time";
      assertEquals(
        await outcomeOf(task, { where }),
        ["ENOSPC", "ENOSPC", "resolved"],
      );
    },
  );

  test(
    "syncData() and sync() cover writeAt(), append() and copyTo() where errors " +
      `belong to the open file${inWorker}`,
    { ignore, limit_ms, engine: engineOf({ where }) },
    async () => {
      const task = "sync of what one open file has written";
      const outcomes = await outcomeOf(task, { where });
      const told = Object.keys(outcomes).map((name) => [
        name,
        ["ENOSPC", "ENOSPC", "resolved"],
      ]);
      assertEquals(told.length, 12);
      assertEquals(outcomes, Object.fromEntries(told));
    },
  );

  test(
    "syncData() covers a write that it is asked for with, where errors belong to the " +
      `open file${inWorker}`,
    { ignore, limit_ms, engine: engineOf({ where }) },
    async () => {
      const task = "sync beside what one open file writes";
      assertEquals(
        await outcomeOf(task, { where }),
        ["resolved", "ENOSPC"],
      );
    },
  );

  test(
    "syncData() rejects, until something is written, when somebody else " +
      `had the page cache written back, and that failed${inWorker}`,
    { ignore, limit_ms, engine: engineOf({ where }) },
    async () => {
      const task = "sync after a write-back that failed";
      const outcomes = await outcomeOf(task, { where, isWriteback: true });
      assertEquals(Object.keys(outcomes).length, 4);
      for (
        const [first, again, ...later] of Object.values<string[]>(outcomes)
      ) {
        assertEquals([first, again], ["EIO", "EIO"]);
        // Closing what is idle tells it there, and the system tells it again.
        if (where === "main") assertEquals(later, ["resolved", "resolved"]);
      }
    },
  );
}

for (const where of ["main", "worker"]) {
  const inWorker = where === "worker" ? ", in a worker" : "";
  const engine = engineOf({ where });

  for (const code of ["EIO", "ECANCELED"]) {
    test(
      `sync() rejects with the file system's ${code}, and so does one that came ` +
        `while it ran${inWorker}`,
      { ignore, limit_ms, engine },
      async () => {
        const task = `syncs that fail with ${code}`;
        assertEquals(
          await outcomeOf(task, { where }),
          [code, code, "resolved"],
        );
      },
    );
  }

  test(
    "each request is settled, as one that failed, where the file system always " +
      `says ECANCELED${inWorker}`,
    { ignore, limit_ms, engine },
    async () => {
      const task = "what fails with ECANCELED for ever";
      const code = "ECANCELED";
      assertEquals(await outcomeOf(task, { where }), {
        readAt: code,
        writeAt: code,
        append: code,
        sync: code,
        syncData: code,
        counts: [5, 0],
      });
    },
  );

  test(
    "the calls of a file go on while those of another one wait for a file system that " +
      `does not answer${inWorker}`,
    // There they are the runtime's own.
    { ignore: ignore || engineHere() === "fs", limit_ms, engine },
    async () => {
      const task = "calls of another file";
      const { others, waiting } = await outcomeOf(task, { where });
      assertEquals(others, Array(5).fill("resolved"));
      assertEquals(waiting, 40);
    },
  );
}

test(
  "writeAt() and append() go on where a file system takes a part of a write that " +
    "goes past the page cache",
  { ignore, limit_ms },
  async () => {
    const task = "writes that come short";
    const whole = [3000, 3000, true];
    assertEquals(await outcomeOf(task), {
      writeAt: whole,
      list: whole,
      append: whole,
      "append, open for appending": whole,
    });
  },
);

test('append() by the engine "fs" rejects with what fstat() fails with', {
  ignore,
  limit_ms,
  engine: "fs",
}, async () => {
  const task = "append where fstat fails";
  assertEquals(await outcomeOf(task), "EIO");
});

test("timers fire while close() waits for a file system that does not answer", {
  ignore,
  limit_ms,
  // With librt, and of the runtime's own, Deno's waits itself.
  engine: "io_uring",
}, async () => {
  assertEquals(await outcomeOf("close that waits"), [true, "resolved"]);
});

test(
  "close() of files that are closed at once tells each of its error, with one " +
    "descriptor left",
  { ignore: ignore || engineHere() === "fs", limit_ms },
  async () => {
    const outcomes = await outcomeOf("close with a descriptor");
    assertEquals(outcomes, Array(8).fill("ENOSPC"));
  },
);

const FILES = [
  {},
  { lanes: 1 },
  { lanes: 8 },
  { synchronous: "data" },
  { synchronous: "full" },
];

for (const options of FILES) {
  test(
    "whatever is acknowledged survives a loss of power, whatever the " +
      `program, with ${JSON.stringify(options)}`,
    { ignore, limit_ms },
    async () => {
      const rounds = scaled(4, 400);
      const { violations, ...counts } = await reportInNamespace("fs_random", {
        program,
        seed,
        rounds,
        ...options,
      });
      tell(`TORTURE_SEED=${seed} ${JSON.stringify(counts)}`);
      assertEquals(violations.slice(0, 10), [], `TORTURE_SEED=${seed}`);
      // Of a synchronous file it is the writes that fail.
      const { synced, unsynced, rejected } = counts;
      assert(synced > 0 && unsynced + rejected > 0, "nothing happened");
    },
  );
}
