// The engine: every request is served in the end, in the order that was promised,
// whatever waits beside it, and waiting costs next to nothing.

import { assert, assertEquals } from "@std/assert";
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { AioFile, allocatePinned, configure, metrics } from "../../mod.ts";
import {
  assertBytes,
  concat,
  decode,
  delay,
  Directory,
  encode,
  engineHere,
  Fifo,
  isEmulated,
  isLinux,
  isThere,
  pattern,
  type ProgramOptions,
  report,
  test,
} from "../helpers/mod.ts";

/** Runs a program that leaves its FIFOs behind, in a directory that goes. */
async function reportIn(
  directory: Directory,
  name: string,
  args: string[] = [],
  options: ProgramOptions = {},
) {
  const env = { TMPDIR: directory.path };
  return await report(name, { ...options, args, env });
}

for (const how of ["appending", "writing"] as const) {
  test(`append() keeps the order of calls under load, file open for ${how}`, {
    ignore: !isLinux && how === "writing",
    pageCache: false,
  }, async () => {
    using directory = new Directory();
    const path = directory.file();
    await using log = await AioFile.open(path, {
      read: true,
      write: true,
      append: how === "appending",
    });
    const others = await Promise.all(
      Array.from(
        { length: 4 },
        () =>
          AioFile.open(directory.file(pattern(100_000)), {
            read: true,
            write: true,
          }),
      ),
    );
    const parts: Uint8Array[] = [];
    const calls: Promise<unknown>[] = [];
    for (let index = 0; index < 1000; index++) {
      const line = encode(`${index}:${"x".repeat(index * 37 % 300)}\n`);
      const part = index % 3 === 0 ? allocatePinned(line.length) : line;
      if (part !== line) part.set(line);
      parts.push(part);
      calls.push(log.append(part));
      if (index % 10 === 0) {
        calls.push(log.readAt(new Uint8Array(1000), index));
      }
      if (index % 50 === 0) calls.push(log.syncData());
      const other = others[index % others.length];
      calls.push(other.readAt(new Uint8Array(5000), index * 7));
      calls.push(other.writeAt(new Uint8Array(500), 50_000 + index));
      // Also across turns of the event loop.
      if (index % 100 === 99) await delay(0);
    }
    await Promise.all(calls);
    assertBytes(Deno.readFileSync(path), concat(parts));
    await Promise.all(others.map((file) => file.close()));
  });
}

test(
  "append() that does not fit any more says how far it came, each for itself",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const path = directory.file();
    const LIMIT_KIB = 4;
    const limited = `trap '' XFSZ; ulimit -S -f ${LIMIT_KIB}; exec "$@"`;
    const outcomes = await report("engine_append_limit", {
      args: [path, "100", "100"],
      wrapper: ["bash", "-c", limited, "bash"],
    });
    assertEquals(outcomes, [
      ...Array(40).fill(100),
      ["EFBIG", 96],
      ...Array(59).fill(["EFBIG", 0]),
    ]);
    assertBytes(Deno.readFileSync(path), pattern(LIMIT_KIB * 1024));
  },
);

test("append() whose buffer is taken away leaves those around it in order", async () => {
  using directory = new Directory();
  const path = directory.file();
  await using file = await AioFile.open(path, { append: true });
  const lines = Array.from(
    { length: 200 },
    (_, index) => encode(`${index}\n`),
  );
  const settling = Promise.allSettled(lines.map((line) => file.append(line)));
  const taken = lines.filter((_, index) => index % 7 === 3);
  structuredClone(taken, { transfer: taken.map(({ buffer }) => buffer) });
  const resolved = (await settling).flatMap(({ status }, index) =>
    status === "fulfilled" ? [index] : []
  );
  assertEquals(
    resolved,
    [...lines.keys()].filter((index) => index % 7 !== 3),
  );
  const written = Deno.readTextFileSync(path).trim().split("\n").map(Number);
  assertEquals(written.filter((index) => index % 7 !== 3), resolved);
});

test("10,000 requests at once are served one by one with maxInFlight 1", {
  pageCache: false,
}, async () => {
  using directory = new Directory();
  const contents = pattern(10_000);
  await using file = await AioFile.open(directory.file(contents));
  await using other = await AioFile.open(directory.file(contents));
  configure({ maxInFlight: 1 });
  try {
    let most = 0;
    const right = await Promise.all(
      Array.from({ length: 10_000 }, async (_, at) => {
        const byte = new Uint8Array(1);
        await (at % 2 === 0 ? file : other).readAt(byte, at);
        most = Math.max(most, metrics().inFlight);
        return byte[0] === contents[at];
      }),
    );
    assert(right.every((isRight) => isRight), "bytes are wrong");
    assert(most <= 1, `${most} were in flight`);
  } finally {
    configure({ maxInFlight: 512 });
  }
});

const starvation = {
  "few threads": { before: { threads: 4, maxInFlight: 16 } },
  "more threads than requests may be in flight": {
    before: { threads: 64, maxInFlight: 16 },
  },
  "maxInFlight 1": { before: { maxInFlight: 1 } },
  "threads set by aio_init()": { init: { aio_threads: 4 } },
  "threads set when it is too late": { after: { threads: 64 } },
};

for (const [how, options] of Object.entries(starvation)) {
  test(`64 files are served beside 20 FIFOs that block, with ${how}`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const args = [directory.path, JSON.stringify(options), "20", "64"];
    const outcome = await reportIn(
      directory,
      "engine_starvation",
      args,
      { pageCache: false },
    );
    assertEquals(outcome, {
      isStarving: false,
      isRight: true,
      fed: 20,
      areBytesRight: true,
    });
  });
}

const canceled = {
  "that had the room another file waits for": {
    task: "room",
    expected: ["canceled", 4],
  },
  "of a completion queue that had the room another file waits for": {
    task: "queue",
    expected: [[1, "ECANCELED"], [2, 4]],
  },
  "that the next append waits for": {
    task: "append",
    expected: ["canceled", 4, 4],
  },
  "that stands between one that is done and one that waits": {
    task: "behind",
    expected: [4, "canceled", 4],
  },
  "that was overtaken by one of greater urgency": {
    task: "overtaken",
    expected: [4, "canceled", 4],
  },
};

for (const [which, { task, expected }] of Object.entries(canceled)) {
  test(`canceling a request ${which} leaves no other one waiting for ever`, {
    engine: "librt",
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const args = [task, directory.file("contents"), directory.file("other")];
    const outcome = await reportIn(directory, "engine_canceled", args, {
      pageCache: false,
    });
    assertEquals(outcome, expected);
  });
}

test("append() that waits for a thread with others can be canceled alone", {
  engine: "librt",
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const args = ["together", directory.file()];
  assertEquals(
    await reportIn(directory, "engine_canceled", args),
    [4, 4, "canceled", 4, 12],
  );
});

for (const seed of [1, 2, 3, 4]) {
  test(`requests that are made and canceled at random are settled (${seed})`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const args = [directory.path, String(seed)];
    const outcome = await reportIn(directory, "engine_random", args, {
      pageCache: seed % 2 === 0,
    });
    assertEquals(outcome, {
      rounds: 100,
      unsettled: 0,
      isInOrder: true,
      areThere: true,
      wrong: [],
      left: [0, 0],
    });
  });
}

test("priority: greater numbers are served later, equal ones in order", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { read } = await fifo.waitingRead();
  const priorities = [3, 0, 20, 3, 1, 0, 20, 1, 0];
  const buffers = priorities.map(() => new Uint8Array(1));
  const reads = priorities.map((priority, index) =>
    fifo.file.readAt(buffers[index], 0, { priority })
  );
  fifo.feed("-abcdefghi");
  await Promise.all([read, ...reads]);
  assertEquals(buffers.map(decode).join(""), "fahgdbiec");
});

for (const maxInFlight of [1, 512]) {
  test(
    "priority: on a regular file as well, when requests have to wait " +
      `(maxInFlight: ${maxInFlight})`,
    { ignore: !isLinux },
    async () => {
      using directory = new Directory();
      const path = directory.file("contents");
      // The first one is served at once.
      const priorities = [20, 3, 0, 20, 3, 1, 0, 1, 0];
      const args = [path, maxInFlight, ...priorities].map(String);
      assertEquals(
        await report("engine_priorities", { args, pageCache: false }),
        [0, 2, 6, 8, 5, 7, 1, 4, 3],
      );
    },
  );
}

test("priority: no request gets in between the pieces of one that has begun", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const LENGTH = 1024 * 1024;
  const long = fifo.file.writeAt(new Uint8Array(LENGTH).fill(1), 0, {
    priority: 5,
  });
  const first = await fifo.take(LENGTH / 4);
  const urgent = fifo.file.writeAt(new Uint8Array(100).fill(2), 0);
  const rest = await fifo.take(LENGTH + 100 - first.length);
  await Promise.all([long, urgent]);
  const taken = concat([first, rest]);
  assertEquals([taken.indexOf(2), taken.lastIndexOf(1)], [
    LENGTH,
    LENGTH - 1,
  ]);
});

test("requests that would wait for a thread go to the system together", {
  engine: "librt",
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const args = ["direct", "16", directory.file(pattern(16 * 4096))];
  const { calls, values } = await reportIn(directory, "engine_listio", args);
  assertEquals(values, Array(16).fill(4096));
  assertEquals(calls, { aio_read: [1, 1, 1, 1], lio_listio: [12] });
});

test("writes into the page cache go to the system at once", {
  engine: "librt",
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const args = ["written", "16", directory.file()];
  const { calls, values } = await reportIn(directory, "engine_listio", args);
  assertEquals(values, Array(16).fill(64));
  assertEquals(calls, { aio_write: Array(16).fill(1) });
});

/** Of ext4, which writes into the page cache only in calls that may wait. */
const EXT4_MAGIC = 0xef53;
const isOnExt4 = isLinux && statfsSync(tmpdir()).type === EXT4_MAGIC;

test(
  "short writes of a file on ext4 are not for a ring, long ones and lists are",
  {
    ignore: !isOnExt4 || !isThere("io_uring"),
  },
  async () => {
    using directory = new Directory();
    const outcome = await report("ring_writes", {
      args: [directory.file()],
      engine: "io_uring",
    });
    assertEquals(outcome, {
      inRing: { short: 0, long: 1, list: 1 },
      isCounted: true,
    });
  },
);

const canDropPrivileges = isLinux && Deno.uid() !== null;

test("requests of every kind wait until the system has a thread for them", {
  ignore: !canDropPrivileges,
}, async () => {
  using directory = new Directory();
  Deno.chmodSync(directory.path, 0o755);
  const path = directory.file(pattern(3000));
  Deno.chmodSync(path, 0o666);
  const { areWaiting, waiting, ...outcome } = await reportIn(
    directory,
    "engine_no_threads",
    ["requests", path],
    { pageCache: false },
  );
  assertEquals(outcome, { failed: 0, completed: 90 });
  if (engineHere() === "librt") {
    assertEquals([areWaiting, waiting], [Array(5).fill(true), 90]);
  } else {
    // The kernel needs none for what is cached, but for synchronizations.
    assert(areWaiting[3] && waiting >= 30);
  }
});

test(
  'CompletionQueue with notify "thread" yields what the system had no ' +
    "thread to notify of",
  { ignore: !canDropPrivileges },
  async () => {
    using directory = new Directory();
    Deno.chmodSync(directory.path, 0o777);
    const path = directory.file("contents");
    Deno.chmodSync(path, 0o666);
    const args = ["notification", path];
    const tag = await reportIn(directory, "engine_no_threads", args);
    assertEquals(tag, 7);
  },
);

/** As much of a second as waiting may take; it takes a tenth of this. */
const PROCESSOR_US_MAX = isEmulated ? 500_000 : 100_000;
/** The same of the engine "fs", which looks now and then, and takes a fifth of this. */
const PROCESSOR_US_MAX_OF_FS = Math.max(PROCESSOR_US_MAX, 300_000);

const waits = {
  "a read waits for a FIFO": "one",
  "40 reads wait for a FIFO each": "many",
  "a completion queue waits for a FIFO": "queue",
  "a read waits for a FIFO that a write waited for before": "turn",
};

for (const [what, task] of Object.entries(waits)) {
  test(
    `the processor has little to do while ${what}`,
    { ignore: !isLinux },
    async () => {
      using directory = new Directory();
      const used_us = await reportIn(directory, "engine_processor", [task]);
      const most_us = engineHere() === "fs"
        ? PROCESSOR_US_MAX_OF_FS
        : PROCESSOR_US_MAX;
      assert(used_us < most_us, `${used_us} us of a second`);
    },
  );
}
