// Control blocks with absurd fields, and descriptors that are closed, or become
// those of another file, while a file is open on them.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { setTimeout as delay } from "node:timers/promises";
import {
  aio_cancel,
  aio_error,
  aio_fsync,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  type AiocbFields,
  AioError,
  AioFile,
  allocatePinned,
  lio_listio,
  LIO_NOP,
  LIO_NOWAIT,
  LIO_READ,
  LIO_WAIT,
  LIO_WRITE,
  metrics,
  O_DSYNC,
  O_SYNC,
  SIGEV_NONE,
  SIGEV_THREAD,
} from "../../mod.ts";
import {
  closeSync,
  decode,
  Directory,
  encode,
  openSync,
  test,
} from "../helpers/mod.ts";
import { classOf, outcomeOf } from "./hostile/trial.ts";
import { limit_ms, replay, scaled } from "./scale.ts";

/** No descriptor of this process is one of these. */
const ABSURD_FDS = [-1, -2, -(2 ** 31), 2 ** 31 - 1, 1_000_000];

/** Fields that are of their types, but make no sense; `fd` is a real file's. */
function absurdFields(fd: number): fc.Arbitrary<AiocbFields> {
  const int32 = fc.oneof(
    fc.integer(),
    fc.constantFrom(0, -0, 1, 20, 21, -1, 2 ** 31 - 1, -(2 ** 31)),
  );
  const shared = () =>
    new Uint8Array(new SharedArrayBuffer(0, { maxByteLength: 4096 }));
  return fc.record({
    aio_fildes: fc.oneof(fc.constant(fd), fc.constantFrom(...ABSURD_FDS)),
    aio_offset: fc.oneof(
      fc.maxSafeInteger(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(0, -1, 2n ** 63n - 1n, -(2n ** 63n)),
    ),
    aio_buf: fc.oneof(
      fc.constant(null),
      fc.nat(100).map((length) => allocatePinned(length + 1).subarray(1)),
      fc.constant(shared).map((make) => make()),
    ),
    aio_nbytes: fc.oneof(fc.nat(100), fc.maxSafeNat()),
    aio_lio_opcode: fc.oneof(
      int32,
      fc.constantFrom(LIO_READ, LIO_WRITE, LIO_NOP),
    ),
    aio_reqprio: fc.oneof(fc.constant(0), int32),
    aio_sigevent: fc.constantFrom(
      { sigev_notify: SIGEV_NONE },
      { sigev_notify: 99 },
      { sigev_notify: SIGEV_THREAD },
      { sigev_notify: SIGEV_THREAD, sigev_notify_function: () => {} },
    ),
  }, { requiredKeys: [] });
}

/** What may be done with a block, in any order, whatever its state is. */
const ACTIONS: Record<string, (block: Aiocb) => unknown> = {
  aio_read,
  aio_write,
  "aio_fsync(O_SYNC)": (block) => aio_fsync(O_SYNC, block),
  "aio_fsync(O_DSYNC)": (block) => aio_fsync(O_DSYNC, block),
  "aio_fsync(7)": (block) => aio_fsync(7, block),
  "lio_listio(LIO_WAIT)": (block) => lio_listio(LIO_WAIT, [block, null]),
  "lio_listio(LIO_NOWAIT)": (block) => lio_listio(LIO_NOWAIT, [block]),
  "lio_listio() twice": (block) => lio_listio(LIO_WAIT, [block, block]),
  aio_error,
  aio_return,
  "aio_suspend()": (block) => aio_suspend([block], 1_000),
  "aio_cancel()": (block) => aio_cancel(block.aio_fildes, block),
  "aio_cancel() of another": (block) => aio_cancel(-1, block),
  "aio_offset =": (block) => block.aio_offset = 1,
  "aio_nbytes =": (block) => block.aio_nbytes = 1,
  "aio_sigevent.sigev_notify =": (block) =>
    Reflect.set(block.aio_sigevent, "sigev_notify", "text"),
  "dispose()": (block) => block[Symbol.dispose](),
  "a turn": () => delay(0),
};

/** Waits for what is in progress still. */
async function finish(block: Aiocb): Promise<void> {
  const { result } = await outcomeOf(() => aio_suspend([block], 5_000));
  const isUnknown = result instanceof AioError && result.code === "EINVAL";
  if (result !== undefined && !isUnknown) throw result;
}

test("any control block is served or refused with the documented error", {
  limit_ms,
}, async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("contents"), "r+");
  const property = fc.asyncProperty(
    absurdFields(fd),
    fc.array(fc.constantFrom(...Object.keys(ACTIONS)), {
      minLength: 1,
      maxLength: 12,
    }),
    async (fields, names) => {
      const block = new Aiocb(fields);
      for (const name of names) {
        const { how, result } = await outcomeOf(() => ACTIONS[name](block));
        if (how === "accepting") continue;
        const found = classOf(result);
        assert(
          found === "AioError" || found === "TypeError",
          `${name}: ${result}`,
        );
      }
      await finish(block);
    },
  );
  try {
    await fc.assert(property, { numRuns: scaled(300, 20_000), ...replay });
  } finally {
    closeSync(fd);
  }
});

/** What to do with a file, each with an outcome of its own. */
function everything(file: AioFile): Promise<unknown>[] {
  const bytes = new Uint8Array(4);
  return [
    file.readAt(bytes, 0),
    file.readAt(allocatePinned(4), 0),
    file.writeAt(encode("text"), 0),
    file.append(encode("text")),
    file.sync(),
    file.syncData(),
    file.batch([{ type: "read", buffer: bytes, offset: 0 }])
      .then(([outcome]) => {
        if (outcome.status === "rejected") throw outcome.reason;
      }),
    file.size(),
    file.truncate(8),
    file.readable().getReader().read(),
    file.writable().getWriter().write(encode("text")),
  ];
}

test("a file whose descriptor was closed by others fails with EBADF", {
  limit_ms,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  // What the runtime opens meanwhile gets a lower number than the one that is closed.
  const lower = Array.from({ length: 16 }, () => openSync(path, "r"));
  const file = await AioFile.open(path, { read: true, write: true });
  for (const fd of lower) closeSync(fd);
  closeSync(file.fd);
  const outcomes = await Promise.allSettled(everything(file));
  for (const [index, outcome] of outcomes.entries()) {
    // A writable stream tells of a failure when it is closed.
    if (index === outcomes.length - 1) continue;
    assertEquals(outcome.status, "rejected", `call ${index}`);
    const { reason } = outcome as PromiseRejectedResult;
    assert(reason instanceof AioError, `call ${index}: ${reason}`);
    assertEquals((reason as AioError).code, "EBADF");
  }
  const { result } = await outcomeOf(() => file.close());
  assert(result instanceof AioError);
  assertEquals((result as AioError).code, "EBADF");
  assertEquals(Deno.readTextFileSync(path), "contents");
  assertEquals(metrics().inFlight, 0);
  assertEquals(metrics().queued, 0);
});

test(
  "a file whose descriptor is another file's by now works on that, as in C",
  { limit_ms },
  async () => {
    using directory = new Directory();
    const paths = [directory.file("contents"), directory.file("something")];
    const file = await AioFile.open(paths[0], { read: true, write: true });
    const { fd } = file;
    closeSync(fd);
    assertEquals(openSync(paths[1], "r+"), fd);
    const bytes = new Uint8Array(4);
    await file.readAt(bytes, 0);
    assertEquals(decode(bytes), "some");
    assertEquals(await file.size(), 9);
    await Promise.allSettled(everything(file));
    assertEquals(Deno.readTextFileSync(paths[0]), "contents");
    await file.close();
    const { result } = await outcomeOf(() => closeSync(fd));
    assertEquals((result as { code?: string }).code, "EBADF");
    assertEquals(metrics().inFlight, 0);
  },
);
