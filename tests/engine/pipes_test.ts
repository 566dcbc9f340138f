// Pipes, FIFOs and sockets: a request may wait for the other end for ever, and
// nothing waits with it but what came later, in the same direction.
//
// Each test has a process of its own, because threads that wait, and the setting
// of their number, are the process's.

import { assertEquals } from "@std/assert";
import {
  Directory,
  engineOf,
  isLinux,
  maxDescriptors,
  pattern,
  report,
  test,
} from "../helpers/mod.ts";

const ignore = !isLinux;
const MIB = 1024 * 1024;

/** Runs a program that leaves its FIFOs behind, in a directory that goes. */
async function outcomeOf(name: string, options: object) {
  using directory = new Directory();
  return await report(name, {
    args: [JSON.stringify({
      where: "main",
      path: directory.file(pattern(16)),
      ...options,
    })],
    env: { TMPDIR: directory.path },
    pageCache: false,
    // As many descriptors as may be.
    wrapper: ["bash", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "bash"],
  });
}

/** Two for each FIFO, and some for everything else. */
const canOpen = (fifos: number) => isLinux && maxDescriptors() > 3 * fifos;

const crowds = {
  "alone": { waiting: 0 },
  "beside 40 reads that wait": { waiting: 40 },
  "with 2 threads, beside 3 reads that wait": { threads: 2, waiting: 3 },
  "in a worker": { where: "worker", waiting: 3 },
};

for (const [how, options] of Object.entries(crowds)) {
  for (const isNonblocking of [false, true]) {
    const pipe = isNonblocking ? "a pipe with O_NONBLOCK" : "a pipe";
    test(
      `writeAt() to ${pipe} writes all of it before what a later call ` +
        `writes, ${how}`,
      { ignore, engine: engineOf({ where: "main", ...options }) },
      async () => {
        const lengths = Array(4).fill([1.5 * MIB, 100, 2 * MIB + 1]).flat();
        const given = { ...options, isNonblocking, lengths };
        assertEquals(await outcomeOf("pipes_order", given), {
          runs: lengths.map((length, at) => [at + 1, length]),
          resolved: lengths,
        });
      },
    );
  }
}

const holders = {
  "a write of 3 pipes, with 2 threads": { threads: 2, writes: 3, reads: 0 },
  "a write of 33 pipes": { writes: 33, reads: 0 },
  "a write of 200 pipes": { writes: 200, reads: 0 },
  "a write of 2,000 pipes": { writes: 2_000, reads: 0 },
  "a read of 200 pipes": { writes: 0, reads: 200 },
  "a write of 100 pipes and a read of 100": { writes: 100, reads: 100 },
  "a write of 33 pipes in a worker": { where: "worker", writes: 33, reads: 0 },
};

for (const [what, options] of Object.entries(holders)) {
  test(`readAt() of a file is served while ${what} waits`, {
    ignore: !canOpen(options.writes + options.reads),
    engine: engineOf({ where: "main", ...options }),
  }, async () => {
    assertEquals(await outcomeOf("pipes_full", options), {
      files: ["served", "served", "served", "served"],
      areSettled: true,
      wrong: 0,
    });
  });
}

const readiness = {
  "readAt() of every FIFO that waits is served when there is data": "read",
  "writeAt() of every FIFO that waits is served when there is room": "write",
};

for (const [name, operation] of Object.entries(readiness)) {
  for (
    const options of [{ count: 40 }, { count: 700 }, { count: 2_000 }, {
      count: 700,
      where: "worker",
    }]
  ) {
    const { count } = options;
    test(`${name}, of ${count}${"where" in options ? " in a worker" : ""}`, {
      ignore: !canOpen(count),
      engine: engineOf({ where: "main", ...options }),
    }, async () => {
      assertEquals(
        await outcomeOf("pipes_ready", { operation, ...options }),
        { waits: [], served: count },
      );
    });
  }
}

const directions = {
  "readAt() of a socket that waits does not block its writes": {
    task: "read waits",
    sockets: 1,
  },
  "readAt() of 40 sockets that wait does not block their writes": {
    task: "read waits",
    sockets: 40,
  },
  "writeAt() of a socket that waits does not block its reads": {
    task: "write waits",
    sockets: 1,
  },
  "writeAt() of 40 sockets that wait does not block their reads": {
    task: "write waits",
    sockets: 40,
  },
  "readAt() of a FIFO gets what the same file writes later": {
    task: "one FIFO",
    sockets: 1,
  },
};

for (const [name, options] of Object.entries(directions)) {
  for (const where of ["main", "worker"]) {
    for (const isNonblocking of [false, true]) {
      const how = (isNonblocking ? ", with O_NONBLOCK" : "") +
        (where === "worker" ? ", in a worker" : "");
      test(
        `${name}${how}`,
        { ignore, engine: engineOf({ where }) },
        async () => {
          const given = { ...options, where, isNonblocking };
          assertEquals(
            await outcomeOf("pipes_both_ways", given),
            Array(options.sockets).fill("done"),
          );
        },
      );
    }
  }
}
