// sync() and syncData(): what they cover, and what they share. What reaches the
// disk when can be seen from outside only, in a record of the system calls.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { AioFile, metrics } from "../../mod.ts";
import {
  assertAioError,
  canStrace,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  report,
  strace,
  test,
} from "../helpers/mod.ts";
import { visibleCalls } from "../helpers/native.ts";

const env = visibleCalls();
const canTrace = env !== null && canStrace();

/** A system call, with the places in the record where it began and ended. */
interface SystemCall {
  name: string;
  /** The bytes that were written, or the first of them. */
  text: string;
  begin: number;
  end: number;
}

/** The system calls of a record, in the order in which they began. */
function parse(record: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, SystemCall>();
  record.split("\n").forEach((line, at) => {
    const resumed = line.match(/^(\d+) +<\.\.\. \w+ resumed>/);
    if (resumed !== null) {
      const call = unfinished.get(resumed[1]);
      if (call !== undefined) call.end = at;
      return;
    }
    const begun = line.match(/^(\d+) +(\w+)\((?:\d+)(?:, "([^"]*)")?/);
    if (begun === null) return;
    const [, thread, name, text = ""] = begun;
    const isUnfinished = line.includes("<unfinished ...>");
    const call = { name, text, begin: at, end: isUnfinished ? Infinity : at };
    calls.push(call);
    if (isUnfinished) unfinished.set(thread, call);
  });
  return calls;
}

/** Runs the program, recording its system calls. */
async function trace(
  args: string[],
  injections: string[] = [],
): Promise<{ calls: SystemCall[]; result: unknown }> {
  using directory = new Directory();
  const path = directory.file();
  const record = directory.at("record");
  const result = await report("engine_commits", {
    args: [path, ...args],
    env: env!,
    wrapper: strace(
      record,
      ...["-s", String(256 * 1024)],
      ...["-e", "trace=pwrite64,write,fsync,fdatasync"],
      // The runtime synchronizes files of its own.
      ...["-P", path, "-P", "/dev/null"],
      ...injections.flatMap((injection) => ["-e", `inject=${injection}`]),
    ),
  });
  return { calls: parse(Deno.readTextFileSync(record)), result };
}

function countOf(calls: SystemCall[], name: string): number {
  return calls.filter((call) => call.name === name).length;
}

/** The blocks that were written, by number, with where the last call ended. */
function blocksOf(
  calls: SystemCall[],
): Map<number, { round: number; end: number }> {
  const blocks = new Map<number, { round: number; end: number }>();
  for (const { text, end } of calls) {
    // Appends that come together may be written together.
    for (const [, round, block] of text.matchAll(/r(\d{3})b(\d{3})/g)) {
      const before = blocks.get(Number(block))?.end ?? 0;
      const latest = Math.max(before, end);
      blocks.set(Number(block), { round: Number(round), end: latest });
    }
  }
  return blocks;
}

/** How many blocks there are of all rounds up to one. */
const blocksUpTo = (round: number) => 24 * (round + 1) + 4 * round;

/** Long enough that other calls arrive meanwhile, in microseconds. */
const SLOW_SYNC = "fsync,fdatasync:delay_enter=4000";
const SLOW_WRITES = "pwrite64:delay_enter=1000:when=3+5";

for (
  const [what, args] of Object.entries({
    "on all lanes": ["write"],
    "that append to a file open for writing": ["append"],
    "that append to a file open for appending": ["append", "append"],
    "that append and that do not": ["both"],
  })
) {
  test(`sync() covers every write submitted before it, of writes ${what}`, {
    ignore: !canTrace,
  }, async () => {
    const { calls } = await trace(args, [SLOW_SYNC, SLOW_WRITES]);
    const blocks = [...blocksOf(calls).values()];
    const syncs = calls.filter(({ name }) => name.endsWith("sync"));
    const noteOf = (text: string) =>
      calls.find((call) => call.name === "write" && call.text === text)!;
    for (let round = 0; round < 12; round++) {
      const called = noteOf(`call ${round}`);
      const done = noteOf(`done ${round}`);
      const covered = blocks.filter((block) => block.round <= round);
      assertEquals(covered.length, blocksUpTo(round));
      const written = Math.max(...covered.map(({ end }) => end));
      // It shares none that ran when it was called, though that might cover
      // all of its writes: it might have begun before they were done.
      const covering = syncs.filter(({ begin, end, name }) =>
        begin > written && begin > called.begin && end < done.begin &&
        (name === "fsync" || round % 3 === 0)
      );
      assert(covering.length > 0, `nothing covers round ${round}`);
    }
    if (!args.includes("write")) return;
    const writes = calls.filter(({ name }) => name === "pwrite64");
    const isOverlapping = writes.some((one) =>
      writes.some(({ begin }) => begin > one.begin && begin < one.end)
    );
    assert(isOverlapping, "the writes had one lane only");
  });
}

for (const how of ["writing", "appending"]) {
  test(`syncData() of 64 commits at once shares calls, file open for ${how}`, {
    ignore: !canTrace,
  }, async () => {
    const options = how === "appending" ? ["append"] : [];
    const { calls } = await trace(["share", ...options], [SLOW_SYNC]);
    const count = countOf(calls, "fdatasync");
    assert(count >= 1 && count <= 32, `fdatasync was called ${count} times`);
    assertEquals(countOf(calls, "fsync"), 0);
    const begins = calls.filter(({ name }) => name === "fdatasync")
      .map(({ begin }) => begin);
    const ends = [...blocksOf(calls).values()].map(({ end }) => end);
    assertEquals(ends.length, 64);
    assert(
      Math.max(...begins) > Math.max(...ends),
      "the last is not covered",
    );
  });
}

test("append() and syncData() of 64 writers take a call each in every round", {
  ignore: !canTrace,
}, async () => {
  const { calls } = await trace(["writers"], [SLOW_SYNC]);
  assertEquals(blocksOf(calls).size, 5 * 64);
  assertEquals(countOf(calls, "fdatasync"), 5);
  assertEquals(countOf(calls, "write") + countOf(calls, "pwrite64"), 5);
});

test("sync() and syncData() that share a call share an fsync", {
  ignore: !canTrace,
}, async () => {
  const { calls } = await trace(["mix"]);
  assertEquals(countOf(calls, "fsync"), 1);
  assertEquals(countOf(calls, "fdatasync"), 0);
});

test(
  "syncData() rejects every call that shared the one that failed, and " +
    "each after it until something else is written",
  { ignore: !canTrace },
  async () => {
    const failing = "fdatasync:error=EIO:when=1";
    const { calls, result } = await trace(["fail"], [failing]);
    assertEquals(result, [
      [failed, failed, failed],
      [failed, failed],
      ["done"],
    ]);
    assertEquals(countOf(calls, "fdatasync"), 2);
  },
);

/** The first one fails, and takes its time. */
const FAILING_SYNC = "fdatasync:error=EIO:delay_enter=1000000:when=1";
const failed = "EIO aio_fsync";

test(
  "sync() and syncData() that arrive while one runs that fails reject, " +
    "and so do those of writes that are done before it ends",
  { ignore: !canTrace },
  async () => {
    const { result, calls } = await trace(["arrive"], [FAILING_SYNC]);
    assertEquals(result, [Array(5).fill(failed), [failed], ["done"]]);
    assertEquals(countOf(calls, "fdatasync"), 2);
    assertEquals(countOf(calls, "fsync"), 0);
  },
);

test(
  "writeAt() of a file open for appending does not wait for a sync() that runs",
  {
    engine: "io_uring",
    ignore: !canTrace,
  },
  async () => {
    // Its writes are done before that fails, and so are lost with it.
    const { result } = await trace(["arrive", "append"], [FAILING_SYNC]);
    assertEquals(result, [Array(5).fill(failed), [failed], ["done"]]);
  },
);

test(
  "sync() that is the first to cover a write that was done before one " +
    "failed rejects, whatever was written since",
  { ignore: !canTrace },
  async () => {
    const { result } = await trace(["late"], [FAILING_SYNC]);
    assertEquals(result, [[failed], [failed], [failed], ["done"]]);
  },
);

test("sync() rejects for one before it that would have, but was canceled", {
  ignore: !canTrace,
}, async () => {
  const { result } = await trace(["canceled"], [FAILING_SYNC]);
  assertEquals(result, [[failed, "another error"], [failed], ["done"]]);
});

test("sync() rejects until those have gone on who are told of a failure", {
  ignore: !canTrace,
}, async () => {
  const { result } = await trace(["telling"], [FAILING_SYNC]);
  assertEquals(result, ["EIO", [failed, failed, "done"]]);
});

test("syncData() synchronizes each descriptor that was written through", {
  ignore: !canTrace,
}, async () => {
  const { calls } = await trace(["descriptors"]);
  const counts: number[] = [];
  for (const { name, text } of calls) {
    if (text.startsWith("call")) counts.push(0);
    else if (name === "fdatasync") counts[counts.length - 1]++;
  }
  assertEquals(counts, [1, 1, 2, 1]);
});

test("sync() and syncData() of a FIFO reject with EINVAL, every one", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { failed } = metrics();
  const calls = [
    fifo.file.writeAt(encode("x"), 0),
    fifo.file.sync(),
    fifo.file.syncData(),
    fifo.file.sync(),
  ];
  const [written, ...synchronized] = await Promise.allSettled(calls);
  assertEquals(written.status, "fulfilled");
  for (const outcome of synchronized) {
    const { reason } = outcome as PromiseRejectedResult;
    await assertAioError(Promise.reject(reason), "EINVAL", {
      errno: 22,
      syscall: "aio_fsync",
      fd: fifo.file.fd,
    });
  }
  const reasons = (synchronized as PromiseRejectedResult[])
    .map(({ reason }) => reason);
  // Whoever adds something to an error adds it to that of nobody else.
  assertEquals(new Set(reasons).size, 3);
  assertEquals(metrics().failed - failed, 3);
  // And it is no reason to fail for the next.
  await assertAioError(fifo.file.syncData(), "EINVAL");
  assertEquals(metrics().queued, 0);
});

test("sync() that shares one that runs cannot be canceled any more", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { write: true });
  const controller = new AbortController();
  const { signal } = controller;
  const calls = [file.sync({ signal }), file.syncData({ signal })];
  while (metrics().inFlight === 0) await null;
  controller.abort("too late");
  assertEquals(await file.cancel(), 0);
  await Promise.all(calls);
});

test("sync() that waits for a write can be canceled, and others stay", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { write } = await fifo.waitingWrite(encode("x"));
  const controller = new AbortController();
  const aborted = fifo.file.sync({ signal: controller.signal });
  const others = [fifo.file.sync(), fifo.file.syncData()];
  controller.abort("no more");
  assertStrictEquals(await aborted.catch((reason) => reason), "no more");
  for (const other of others) assert(await isPending(other, 5));
  fifo.drain();
  await write;
  // A FIFO cannot be synchronized, so this is how far they can come.
  for (const other of others) await assertAioError(other, "EINVAL");
});

test("sync() behind a canceled one, and behind a slow write, is served", {
  ignore: !canTrace,
}, async () => {
  // The calls of each thread are counted: the second one of the first thread.
  const slow = "pwrite64:delay_enter=50000:when=2";
  const { calls, result } = await trace(["overtake"], [slow]);
  assertEquals(result, ["another error", "done"]);
  assertEquals(countOf(calls, "fsync"), 1);
});

test("sync() that waits for room in the system can be canceled", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  assertEquals(
    await report("engine_waiting_syncs", {
      args: [directory.file("contents"), directory.file("contents")],
    }),
    {
      aborted: "no more",
      canceled: ["ECANCELED", 1],
      others: ["done", "done"],
    },
  );
});

test("sync() of one file does not wait for writes of another", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.at("new"), {
    write: true,
    createNew: true,
  });
  await using fifo = new Fifo();
  const { write } = await fifo.waitingWrite(encode("x"));
  file.writeAt(encode("contents"), 0);
  await file.sync();
  await file.syncData();
  assert(await isPending(write, 0));
  fifo.drain();
  await write;
});

test("sync() covers a write that fails, and resolves", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const write = file.writeAt(encode("x"), 0);
  const sync = file.sync();
  await assertAioError(write, "EBADF");
  await sync;
});

test("sync() 1,000 times at once, between writes, settles every one", async () => {
  using directory = new Directory();
  const path = directory.file();
  const options = isLinux ? { write: true } : { append: true };
  await using file = await AioFile.open(path, options);
  const before = metrics();
  const calls: Promise<unknown>[] = [];
  for (let index = 0; index < 1000; index++) {
    calls.push(file.append(encode(`${index};`)));
    calls.push(index % 2 === 0 ? file.sync() : file.syncData());
    if (index % 100 === 0) await delay(0);
  }
  await Promise.all(calls);
  const { submitted, completed, inFlight, queued } = metrics();
  assertEquals(submitted - before.submitted, 2000);
  assertEquals(completed - before.completed, 2000);
  assertEquals({ inFlight, queued }, { inFlight: 0, queued: 0 });
  assertEquals(
    Deno.readTextFileSync(path),
    Array.from({ length: 1000 }, (_, index) => `${index};`).join(""),
  );
});
