// lock(), tryLock() and unlock(): locks of open files, without blocking anything.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { AioFile, type FileLock, type LockOptions } from "../../mod.ts";
import {
  assertAioError,
  closeSync,
  delay,
  Directory,
  isLinux,
  isPending,
  openSync,
  Program,
  test,
} from "../helpers/mod.ts";

const here = { ignore: !isLinux };
const READ_WRITE = { read: true, write: true };

/** Two open files of one path. */
class Both implements AsyncDisposable {
  readonly #directory = new Directory();
  readonly path: string = this.#directory.file("contents");
  one!: AioFile;
  other!: AioFile;

  static async open(): Promise<Both> {
    const both = new Both();
    both.one = await AioFile.open(both.path, READ_WRITE);
    both.other = await AioFile.open(both.path, READ_WRITE);
    return both;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.one.close();
    await this.other.close();
    this.#directory[Symbol.dispose]();
  }
}

async function isFree(file: AioFile, options?: LockOptions): Promise<boolean> {
  using lock = await file.tryLock(options);
  return lock !== null;
}

test(
  "tryLock() is null where another open file has the bytes",
  here,
  async () => {
    await using both = await Both.open();
    using lock = await both.one.tryLock({ offset: 10, length: 10 });
    assertNotEquals(lock, null);
    const { other } = both;
    for (
      const [offset, length, expected] of [
        [0, 10, true],
        [0, 11, false],
        [19, 1, false],
        [20, 1, true],
        [12, 2, false],
        [0, undefined, false],
        [20n, undefined, true],
      ] as const
    ) {
      const actual = await isFree(other, { offset, length });
      assertEquals(actual, expected, `${length} bytes from ${offset}`);
    }
  },
);

test(
  "tryLock() in a loop leaves the holder of a lock its turn",
  here,
  async () => {
    await using both = await Both.open();
    const lock = await both.one.lock();
    const released = delay(1).then(() => lock[Symbol.dispose]());
    let got: FileLock | null = null;
    for (let count = 0; got === null && count < 100_000; count++) {
      got = await both.other.tryLock();
    }
    assertNotEquals(got, null, "the holder never had its turn");
    got![Symbol.dispose]();
    await released;
  },
);

test("tryLock() lets those share who share", here, async () => {
  await using both = await Both.open();
  using _lock = await both.one.lock({ shared: true });
  assert(await isFree(both.other, { shared: true }));
  assert(!await isFree(both.other));
  using _second = await both.one.tryLock({ shared: true });
  assertNotEquals(_second, null);
});

test("a lock says what it is", here, async () => {
  await using both = await Both.open();
  const { one } = both;
  using whole = await one.lock({ shared: true });
  assertEquals([whole.offset, whole.length], [0, Infinity]);
  assert(whole.shared);
  whole[Symbol.dispose]();
  using part = await one.lock({ offset: 2n ** 60n, length: 7 });
  assertEquals([part.offset, part.length], [2n ** 60n, 7]);
  assert(!part.shared);
});

test(
  "a lock is given up at the end of its block, by unlock(), and once",
  here,
  async () => {
    await using both = await Both.open();
    const { one, other } = both;
    {
      using _lock = await one.lock();
      assert(!await isFree(other));
    }
    assert(await isFree(other));
    const lock = await one.lock();
    await one.unlock(lock);
    assert(await isFree(other));
    using _other = await other.lock();
    await one.unlock(lock);
    lock[Symbol.dispose]();
    assert(!await isFree(one));
  },
);

test("locks of the same file exclude each other", here, async () => {
  await using both = await Both.open();
  const { one } = both;
  const first = await one.lock({ length: 10 });
  assertEquals(await one.tryLock({ offset: 9 }), null);
  assertEquals(await one.tryLock({ offset: 9, shared: true }), null);
  const waiting = one.lock({ offset: 9 });
  assert(await isPending(waiting));
  await one.unlock(first);
  await one.unlock(await waiting);
});

test(
  "unlock() leaves the bytes that another lock of the file shares",
  here,
  async () => {
    await using both = await Both.open();
    const { one, other } = both;
    const whole = await one.lock({ shared: true });
    using _middle = await one.lock({ shared: true, offset: 10, length: 10 });
    using _last = await one.lock({ shared: true, offset: 30, length: 10 });
    await one.unlock(whole);
    const free = [];
    for (const offset of [0, 9, 10, 19, 20, 29, 30, 39, 40, 2 ** 40]) {
      if (await isFree(other, { offset, length: 1 })) free.push(offset);
    }
    assertEquals(free, [0, 9, 20, 29, 40, 2 ** 40]);
  },
);

test("lock() waits until the other gives up", here, async () => {
  await using both = await Both.open();
  const lock = await both.one.lock();
  const waiting = both.other.lock();
  assert(await isPending(waiting));
  await both.one.unlock(lock);
  using _other = await waiting;
  assert(!await isFree(both.one));
});

test("lock() waits for another process, and for its end", here, async () => {
  await using both = await Both.open();
  {
    await using holder = new Program("lock_holder", { args: [both.path] });
    assertEquals(await holder.line(), "locked");
    assert(!await isFree(both.one));
    const waiting = both.one.lock();
    assert(await isPending(waiting));
    await holder[Symbol.asyncDispose]();
    using _lock = await waiting;
  }
});

test("lock() is canceled by its signal, at once", here, async () => {
  await using both = await Both.open();
  using _lock = await both.one.lock();
  const controller = new AbortController();
  const waiting = both.other.lock({ signal: controller.signal });
  await delay(200); // By now it asks every 64 ms.
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await waiting.catch((error) => error), reason);
  const { signal } = controller;
  const again = both.other.lock({ signal });
  assertEquals(await again.catch((error) => error), reason);
});

test(
  "lock() is refused when the file is closed meanwhile, which does not wait",
  here,
  async () => {
    await using both = await Both.open();
    using _lock = await both.one.lock();
    const waiting = assertAioError(both.other.lock(), "EBADF");
    await both.other.close();
    await waiting;
  },
);

test(
  "close() gives up all locks, also where the descriptor stays open",
  here,
  async () => {
    await using both = await Both.open();
    const fd = openSync(both.path, "r+");
    const file = AioFile.adopt(fd, { closeFd: false });
    const locks: FileLock[] = [
      await file.lock({ length: 5 }),
      await file.lock({ offset: 9 }),
    ];
    assert(!await isFree(both.one));
    await file.close();
    assert(await isFree(both.one));
    using _lock = await both.one.lock();
    for (const lock of locks) lock[Symbol.dispose]();
    assert(!await isFree(both.other));
    closeSync(fd);
  },
);

test(
  "transfers and further descriptors of the file leave its locks alone",
  here,
  async () => {
    await using both = await Both.open();
    const { one } = both;
    using _lock = await one.lock();
    await one.append(new Uint8Array(10));
    await Promise.all(
      Array.from({ length: 64 }, (_, at) => one.writeAt(new Uint8Array(1), at)),
    );
    {
      await using third = await AioFile.open(both.path);
      await third.read(0, 10);
    }
    assert(!await isFree(both.other));
  },
);

test(
  "lock() wants a file open for writing, or for reading to share it",
  here,
  async () => {
    await using both = await Both.open();
    const { path } = both;
    await using reader = await AioFile.open(path);
    await using writer = await AioFile.open(path, { write: true });
    const syscall = "fcntl";
    for (
      const [locking, access] of [
        [reader.lock(), "reading"],
        [reader.tryLock(), "reading"],
        [writer.lock({ shared: true }), "writing"],
      ] as const
    ) {
      const { message } = await assertAioError(locking, "EBADF", {
        path,
        syscall,
      });
      assert(message.includes(`open for ${access} only`), message);
    }
    assert(await isFree(reader, { shared: true }));
    assert(await isFree(writer));
  },
);

test(
  "lock(), tryLock() and unlock() refuse what is not valid",
  here,
  async () => {
    await using both = await Both.open();
    const { one, other } = both;
    for (const call of ["lock", "tryLock"] as const) {
      await assertRejects(
        () => one[call]({ offset: -1 }),
        RangeError,
        "offset",
      );
      await assertRejects(() => one[call]({ length: 0 }), RangeError, "length");
      const shared = "yes" as unknown as boolean;
      await assertRejects(() => one[call]({ shared }), TypeError, "shared");
      const none = null as unknown as LockOptions;
      await assertRejects(() => one[call](none), TypeError, "options");
    }
    await assertRejects(
      () => one.unlock({} as FileLock),
      TypeError,
      "lock must be a FileLock",
    );
    using lock = await other.lock();
    await assertRejects(() => one.unlock(lock), TypeError, "of another one");
  },
);

test(
  "lock(), tryLock() and unlock() of a closed file are EBADF",
  here,
  async () => {
    using directory = new Directory();
    const path = directory.file();
    const file = await AioFile.open(path, READ_WRITE);
    const lock = await file.lock();
    await file.close();
    for (const call of [file.lock(), file.tryLock(), file.unlock(lock)]) {
      await assertAioError(call, "EBADF", { path, syscall: "fcntl" });
    }
  },
);

test(
  "lock() of a worker that is terminated while it writes is given up",
  here,
  async () => {
    await using both = await Both.open();
    const module = new URL("../programs/locking_worker.ts", import.meta.url);
    for (let count = 0; count < 5; count++) {
      const worker = new Worker(module, { type: "module" });
      const locked = new Promise((resolve) => worker.onmessage = resolve);
      worker.postMessage(both.path);
      await locked;
      assertEquals(await both.other.tryLock(), null);
      worker.terminate();
      // Within the limit of the test.
      (await both.other.lock())[Symbol.dispose]();
    }
  },
);
