// configure(): what it takes, what it refuses, and what becomes of it.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { settings } from "../../lib/system/settings.ts";
import {
  aio_read,
  aio_return,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  type Configuration,
  configure,
  metrics,
} from "../../mod.ts";
import {
  delay,
  Directory,
  Fifo,
  isLinux,
  pattern,
  report,
  test,
} from "../helpers/mod.ts";

/** Sets everything back to what it was. */
function restore(): Disposable {
  const before = { ...settings };
  return { [Symbol.dispose]: () => void Object.assign(settings, before) };
}

test("configure() throws for what is no number of that kind", () => {
  using _restored = restore();
  const before = { ...settings };
  for (const name of ["threads", "lanes", "maxInFlight"]) {
    for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
      const options = { [name]: value } as Configuration;
      assertThrows(() => configure(options), RangeError, name);
    }
    for (const value of ["4", null, true, {}, 4n, []]) {
      const options = { [name]: value } as unknown as Configuration;
      const error = assertThrows(() => configure(options), Error, name);
      assert(error instanceof TypeError || error instanceof RangeError);
    }
  }
  for (const pollMicroseconds of [-1, -0.5, NaN]) {
    assertThrows(() => configure({ pollMicroseconds }), RangeError);
  }
  for (const value of ["4", null, true, {}, [], 4n]) {
    const options = { pollMicroseconds: value } as unknown as Configuration;
    const error = assertThrows(
      () => configure(options),
      Error,
      "pollMicroseconds",
    );
    assert(error instanceof TypeError || error instanceof RangeError);
  }
  for (const options of [undefined, null]) {
    assertThrows(() => configure(options as unknown as Configuration));
  }
  assertEquals(settings, before);
});

test("configure() changes nothing if one of its numbers is wrong", () => {
  using _restored = restore();
  const before = { ...settings };
  assertThrows(
    () => configure({ lanes: 7, maxInFlight: 7, pollMicroseconds: -7 }),
    RangeError,
    "pollMicroseconds must be a non-negative number, but is -7",
  );
  assertEquals(settings, before);
});

test("configure() leaves alone what it is not given", () => {
  using _restored = restore();
  configure({ lanes: 3, maxInFlight: 100, pollMicroseconds: 7.5 });
  const before = { ...settings };
  configure({});
  configure({ lanes: undefined, maxInFlight: undefined });
  assertEquals(settings, before);
  configure({ maxInFlight: 99 });
  assertEquals(settings, { ...before, maxInFlight: 99 });
});

test("configure() sets how many requests the system has at once", {
  pageCache: false,
}, async () => {
  using _restored = restore();
  using directory = new Directory();
  await using file = await AioFile.open(directory.file(pattern(1000)));
  for (const maxInFlight of [3, 50]) {
    configure({ maxInFlight });
    let most = 0;
    await Promise.all(Array.from({ length: 500 }, async (_, at) => {
      const reading = file.readAt(new Uint8Array(1), at);
      most = Math.max(most, metrics().inFlight);
      await reading;
      most = Math.max(most, metrics().inFlight);
    }));
    assert(most <= maxInFlight, `${most} with ${maxInFlight}`);
  }
});

test(
  "configure() sets how many lanes a file has",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const args = ["kinds", directory.file(), "0"];
    const { three, one } = await report("engine_lanes", {
      args,
      pageCache: false,
    });
    assertEquals({ three, one }, { three: 3, one: 1 });
  },
);

test(
  "configure() sets how many threads serve requests",
  { ignore: !isLinux },
  async () => {
    // As many FIFOs as threads are waited for by a call of their own each.
    using directory = new Directory();
    const env = { TMPDIR: directory.path };
    for (const threads of [3, 7]) {
      const settings = [{ configuration: { threads } }];
      const args = [String(threads), JSON.stringify(settings)];
      assertEquals(await report("engine_threads", { args, env }), threads);
    }
  },
);

const configuration = { threads: 3 };
const idle = { init: { aio_idle_time: 5 } };

for (
  const settings of [
    [{ configuration }, idle],
    [idle, { configuration }],
    [{ init: { aio_threads: 3 } }, idle],
    [{ init: { aio_threads: 5 } }, { init: { aio_num: 9, aio_threads: 3 } }],
  ]
) {
  test(
    `aio_init() changes the number of threads only where it is given one, after ${
      JSON.stringify(settings)
    }`,
    { ignore: !isLinux },
    async () => {
      using directory = new Directory();
      const env = { TMPDIR: directory.path };
      const args = ["3", JSON.stringify(settings)];
      assertEquals(await report("engine_threads", { args, env }), 3);
      args.push("blocks");
      assertEquals(await report("engine_threads", { args, env }), 3);
    },
  );
}

test("configure() sets for how long completions are polled for", {
  ignore: !isLinux,
}, async () => {
  using _restored = restore();
  await using fifo = new Fifo();
  const waits = async () => {
    const before = metrics();
    // The C interface has a thread wait for a FIFO.
    using cb = new Aiocb({
      aio_fildes: fifo.file.fd,
      aio_buf: allocatePinned(1),
    });
    aio_read(cb);
    const suspended = aio_suspend([cb]);
    await delay(50);
    fifo.feed("x");
    await suspended;
    aio_return(cb);
    const { suspends, polls } = metrics();
    return {
      suspends: suspends - before.suspends,
      polls: polls - before.polls,
    };
  };
  configure({ pollMicroseconds: 0 });
  const never = await waits();
  assert(never.suspends > 0, "it did not suspend");
  assert(never.polls <= 2, `it polled ${never.polls} times`);
  // Beyond the time that the read takes.
  configure({ pollMicroseconds: 10_000_000 });
  await waits(); // Until earlier observations have no say any more.
  const always = await waits();
  assertEquals(always.suspends, 0);
  assert(always.polls > 50, `it polled ${always.polls} times only`);
});

test("configure() throws a TypeError for what is no name of an engine", () => {
  for (const engine of [5, 5n, null, {}, "uring", ""]) {
    assertThrows(
      () => configure({ engine: engine as "auto" }),
      TypeError,
      'engine must be "auto" or ',
    );
  }
});
