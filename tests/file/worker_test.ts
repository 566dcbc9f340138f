// Workers: each has a library of its own, and may be terminated at any moment.

import { assert, assertEquals } from "@std/assert";
import { AioFile } from "../../mod.ts";
import {
  assertBytes,
  Directory,
  Fifo,
  isLinux,
  pattern,
  report,
  run,
  test,
} from "../helpers/mod.ts";
import { scaled } from "../torture/scale.ts";

/** Runs a worker until it says that it is done; resolves with what it says. */
async function work(message: unknown): Promise<unknown> {
  const worker = new Worker(
    new URL("../programs/file_worker.ts", import.meta.url),
    { type: "module" },
  );
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(message);
    });
  } finally {
    worker.terminate();
  }
}

test("both interfaces work in a worker", { ignore: !isLinux }, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(100_000));
  assertEquals(await work({ task: "everything", path }), {
    read: true,
    pinned: true,
    written: true,
    appended: true,
    listed: true,
    notified: [0, 1, 2, 3, 4],
    code: "EBADF",
    inFlight: 0,
  });
});

test("workers and the main thread use one file at the same time", async () => {
  using directory = new Directory();
  const path = directory.file(new Uint8Array(4 * 65_536));
  await using file = await AioFile.open(path, { read: true, write: true });
  const parts = [0, 1, 2].map((part) =>
    work({ task: "write", path, offset: part * 65_536, length: 65_536 })
  );
  const own = Array.from({ length: 64 }, (_, at) => {
    const offset = 3 * 65_536 + at * 1024;
    return file.writeAt(pattern(1024, offset), offset);
  });
  await Promise.all([...parts, ...own]);
  assertBytes(Deno.readFileSync(path), pattern(4 * 65_536));
});

test("readAt() in a worker fills memory that the main thread shares", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(10_000));
  const shared = new Uint8Array(new SharedArrayBuffer(8_000));
  const bytes = await work({ task: "share", path, shared, offset: 1_000 });
  assertEquals(bytes, 8_000);
  assertBytes(shared.slice(), pattern(8_000, 1_000));
});

test("a process with workers that read a FIFO in vain can exit", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using fifo = new Fifo();
  const path = directory.file(new Uint8Array(1 << 20));
  const ended = await run("worker_exit", {
    args: [path, fifo.path],
    pageCache: false,
  });
  assertEquals(ended.code, 5, ended.stderr);
});

const BATCHES = scaled(5, 25);
const DOOMED = BATCHES * 8;
const limit_ms = 120_000;

test(
  `${DOOMED} workers terminated with requests in flight leave the process intact`,
  { ignore: !isLinux, limit_ms },
  async () => {
    using directory = new Directory();
    const { workers, orphans, wrong, notified } = await report(
      "terminated_workers",
      {
        args: [directory.path, String(BATCHES)],
        pageCache: false,
        limit_ms,
      },
    );
    assertEquals(workers, DOOMED);
    // Those that waited for a FIFO, six for each worker at least.
    assert(orphans >= 6 * DOOMED, `${orphans} orphans`);
    assertEquals(wrong, []);
    assertEquals(notified, true);
  },
);

test("writes of a terminated worker do not go to a file of another thread", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const { reused, written } = await report("reused_descriptors", {
    args: [directory.path],
  });
  assert(reused > 0, "no number of a descriptor was used again");
  assertEquals(written, 0);
});

for (
  const [way, what, expected] of [
    [
      "terminated",
      "writes of a terminated worker that found no lane do not go to a file of another thread",
      { isReused: true, foreign: 0 },
    ],
    [
      "canceled",
      "sync() in a worker is served though a write behind it was canceled, where there is no lane for either",
      { sync: "resolved", close: "resolved" },
    ],
  ] as const
) {
  test(what, { ignore: !isLinux }, async () => {
    using directory = new Directory();
    const outcome = await report("few_lanes", {
      args: [directory.path, way],
      pageCache: false,
      wrapper: ["bash", "-c", 'ulimit -n 256; exec "$@"', "bash"],
    });
    assertEquals(outcome, expected);
  });
}
