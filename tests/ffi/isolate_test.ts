// Isolates that end before the process does, which `deno test` has one of for
// each file. The one on the process's first thread does not: see engines_test.ts.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mayEndFirst } from "../../ffi/isolate.ts";
import { platform } from "../../lib/system/constants.ts";
import { addressInPlace } from "../../lib/system/pinned.ts";
import { settings } from "../../lib/system/settings.ts";
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioError,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  metrics,
  SIGEV_THREAD,
} from "../../mod.ts";
import {
  decode,
  Directory,
  endBefore,
  execute,
  Fifo,
  isLinux,
  makeFifo,
  openSync,
  Program,
  test,
} from "../helpers/mod.ts";
import { Frees } from "../helpers/frees.ts";

/** Takes longer to read than one look at it takes. */
const LARGE_BYTES = 1024 * 1024;

test("mayEndFirst() is true in an isolate of `deno test`, where all works", async () => {
  assert(mayEndFirst());
  using directory = new Directory();
  const path = directory.file("contents");
  const fd = openSync(path, "r");
  await using file = AioFile.adopt(fd, { closeFd: true });
  const called = Promise.withResolvers<number>();
  using cb = new Aiocb({
    aio_fildes: fd,
    aio_buf: allocatePinned(8),
    aio_sigevent: {
      sigev_notify: SIGEV_THREAD,
      sigev_value: 5,
      sigev_notify_function: called.resolve,
    },
  });
  aio_read(cb);
  assertEquals(await called.promise, 5);
  assertEquals(aio_return(cb), 8);
  assertEquals(decode(cb.aio_buf!), "contents");

  await using queue = new CompletionQueue<string>({ notify: "thread" });
  const pinned = allocatePinned(8);
  queue.read(file, pinned, 0, "all");
  for await (const { bytes, error } of queue.drain()) {
    assertEquals([bytes, error], [8, null]);
  }
  assertEquals(decode(pinned), "contents");
});

test("aio_read() gives the system no memory of an isolate that may end first", {
  ignore: !isLinux,
}, async () => {
  const memory = allocatePinned(1 << 20);
  const start = Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
  await using fifo = new Fifo();
  using cb = new Aiocb({ aio_fildes: fifo.file.fd, aio_buf: memory });
  aio_read(cb);
  const block = new Deno.UnsafePointerView(
    Deno.UnsafePointer.create(cb.address)!,
  );
  const given = block.getBigUint64(platform.aiocb.buf);
  assert(given < start || given >= start + BigInt(memory.byteLength));
  fifo.feed("x");
  await aio_suspend([cb]);
  assertEquals(aio_return(cb), 1);
  assertEquals(decode(memory.subarray(0, 1)), "x");
});

test(
  "aio_read() that fails frees its memory in an isolate that may end first",
  {
    ignore: !isLinux,
  },
  () => {
    using frees = new Frees();
    using cb = new Aiocb({ aio_buf: allocatePinned(8), aio_reqprio: -1 });
    assertThrows(() => aio_read(cb), AioError, "aio_reqprio");
    assertEquals(frees.count, 1);
  },
);

test('CompletionQueue with notify "thread" suspends where that may end first', {
  ignore: !isLinux,
  pageCache: false,
}, async () => {
  using directory = new Directory();
  const path = directory.file(new Uint8Array(LARGE_BYTES));
  await using file = await AioFile.open(path);
  await using queue = new CompletionQueue({ notify: "thread" });
  const { suspends } = metrics();
  const memory = new Uint8Array(LARGE_BYTES);
  const { pollMicroseconds } = settings;
  // Anything but "suspend" would poll for ever.
  configure({ pollMicroseconds: Infinity });
  // A read may be done before anybody looks.
  while (metrics().suspends === suspends) {
    queue.read(file, memory, 0, undefined);
    for await (const { bytes } of queue.drain()) {
      assertEquals(bytes, LARGE_BYTES);
    }
  }
  configure({ pollMicroseconds });
});

test("addressInPlace() is 0 in an isolate that may end first", () => {
  assertEquals(addressInPlace(allocatePinned(8)), 0);
  assertEquals(addressInPlace(new Uint8Array(new SharedArrayBuffer(8))), 0);
});

for (const flag of ["--watch", "--hmr"]) {
  test(`SIGEV_THREAD does no harm when \`deno run ${flag}\` starts again`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    await using fifo = new Fifo();
    const watched = directory.file();
    await using program = new Program("../npm/programs/watched", {
      engine: "auto",
      args: [fifo.path, directory.at("marker"), watched],
      flags: ["--allow-all", `${flag}=${watched}`],
    });
    assertEquals(await program.line(), "in flight, librt");
    assertEquals(await program.line(), "same process, librt");
  });
}

/** How many bytes a read takes out of a FIFO after its isolate has ended. */
const TAKEN = {
  "aio_read()": 1000,
  "SIGEV_THREAD": 1000,
  // It waits in the library, and is gone with it.
  "readAt()": 0,
};

for (const [how, taken] of Object.entries(TAKEN)) {
  test(`${how} in flight does no harm when its isolate has ended`, {
    ignore: !isLinux,
  }, async () => {
    using directory = new Directory();
    const [FIFO, REPORT] = [directory.at("fifo"), directory.at("report")];
    makeFifo(FIFO);
    const programs = ["ended_isolate", "next_isolate"].map((name) =>
      new URL(`../programs/${name}.ts`, import.meta.url).pathname
    );
    // One after another, in one process.
    const { code, stdout, stderr } = await execute(
      [Deno.execPath(), "test", "-A", "--no-check", "--quiet", ...programs],
      { env: { FIFO, REPORT, HOW: how }, signal: endBefore() },
    );
    assertEquals(code, 0, stdout + stderr);
    assertEquals(JSON.parse(Deno.readTextFileSync(REPORT)), {
      taken,
      overwritten: 0,
    });
  });
}
