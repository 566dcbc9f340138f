// Faults of the system, real ones: each is an AioError that says what it is, and
// leaves the file usable.

import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { AioError, AioFile, allocatePinned } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  closeSync,
  constants,
  Directory,
  encode,
  engineHere,
  Fifo,
  isEmulated,
  isLinux,
  isThere,
  openSync,
  pattern,
  report,
  succeeds,
  test,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;
const READ_WRITE = { read: true, write: true };

/** Mounts a file system in memory of a size; the superuser may do that. */
class SmallFileSystem implements Disposable {
  readonly #directory = new Directory();
  readonly path = this.#directory.path;

  constructor(size_bytes: number) {
    const options = `size=${size_bytes}`;
    const args = ["-t", "tmpfs", "-o", options, "tmpfs", this.path];
    if (!succeeds("mount", ...args)) throw new Error("mount failed");
  }

  [Symbol.dispose](): void {
    succeeds("umount", "--lazy", this.path);
    this.#directory[Symbol.dispose]();
  }
}

function mayMount(): boolean {
  if (!isLinux || Deno.uid() !== 0) return false;
  try {
    new SmallFileSystem(4096)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

test("ENOENT, ENOTDIR, EISDIR, ELOOP and ENAMETOOLONG come from open()", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const file = directory.file();
  Deno.symlinkSync("loop", directory.at("loop"));
  const cases = [
    ["ENOENT", 2, directory.at("missing")],
    ["ENOENT", 2, ""],
    ["ENOTDIR", 20, `${file}/below`],
    ["EISDIR", 21, directory.path],
    ["ELOOP", 40, directory.at("loop")],
    ["ENAMETOOLONG", 36, directory.at("x".repeat(300))],
  ] as const;
  for (const [code, errno, path] of cases) {
    const opening = AioFile.open(path, { write: true });
    const error = await assertAioError(opening, code, {
      errno,
      syscall: "open",
      path,
    });
    assert(error.message.startsWith(`Cannot open ${JSON.stringify(path)}: `));
    assert(error.message.endsWith(`(${code}, open)`), error.message);
    assert(!("fd" in error) && !("bytesTransferred" in error));
  }
});

test(
  "EACCES comes from open() to a user who may not",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    Deno.chmodSync(directory.path, 0o755);
    const path = directory.file("secret");
    Deno.chmodSync(path, 0o000);
    const outcomes = await report("not_permitted", { args: [path] });
    const denied = { code: "EACCES", errno: 13, syscall: "open", path };
    assertEquals(outcomes, [denied, denied]);
  },
);

test(
  "EISDIR comes from reading a directory",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    await using file = await AioFile.open(directory.path);
    const error = await assertAioError(
      file.readAt(new Uint8Array(8), 0),
      "EISDIR",
      { errno: 21, syscall: "aio_read", fd: file.fd, path: directory.path },
    );
    assert(error.message.startsWith("Cannot read 8 bytes at offset 0 of "));
  },
);

test(
  "EBADF comes from what the file is not open for",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    await using reader = await AioFile.open(path);
    await using writer = await AioFile.open(path, { write: true });
    for (const bytes of [new Uint8Array(8), allocatePinned(8)]) {
      await assertAioError(reader.writeAt(bytes, 3), "EBADF", {
        errno: 9,
        syscall: "aio_write",
        fd: reader.fd,
        path,
        offset: 3,
        bytesTransferred: 0,
      });
      await assertAioError(writer.readAt(bytes, 3), "EBADF", {
        errno: 9,
        syscall: "aio_read",
        fd: writer.fd,
        path,
        offset: 3,
        bytesTransferred: 0,
      });
      assertEquals(await reader.readAt(new Uint8Array(8), 3), 5);
      assertEquals(await writer.writeAt(encode("C"), 0), 1);
    }
    await assertAioError(reader.truncate(), "EINVAL", { syscall: "ftruncate" });
    assertEquals(Deno.readTextFileSync(path), "Contents");
  },
);

test("EBADF comes from a descriptor that was closed under the file", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  // A high number: whatever else is opened meanwhile takes a lower one.
  const fds = Array.from({ length: 64 }, () => openSync(path, "r+"));
  const fd = fds.pop()!;
  fds.forEach(closeSync);
  const file = AioFile.adopt(fd);
  closeSync(fd);
  const calls = {
    aio_read: file.readAt(new Uint8Array(8), 0),
    aio_write: file.writeAt(new Uint8Array(8), 0),
    aio_fsync: file.sync(),
    fstat: file.size(),
    ftruncate: file.truncate(),
    close: file.close(),
  };
  const outcomes = Object.entries(calls).map(([syscall, call]) =>
    assertAioError(call, "EBADF", { errno: 9, syscall, fd })
  );
  await Promise.all(outcomes);
});

test("EINVAL comes from direct transfers that are not aligned", {
  ignore: !isLinux,
  onFirstThread: import.meta.url,
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(16_384));
  await using file = await AioFile.open(path, {
    ...READ_WRITE,
    direct: true,
  });
  const pinned = allocatePinned(8192);
  const cases = [
    [pinned.subarray(0, 4096), 1],
    [pinned.subarray(0, 4096), 511],
    [pinned.subarray(0, 1000), 0],
    [pinned.subarray(1, 4097), 0],
    [new Uint8Array(4096), 1],
    [new Uint8Array(1000), 0],
  ] as const;
  for (const [bytes, offset] of cases) {
    const particulars = {
      errno: 22,
      fd: file.fd,
      path,
      offset,
      bytesTransferred: 0,
    };
    await assertAioError(file.readAt(bytes, offset), "EINVAL", {
      ...particulars,
      syscall: "aio_read",
    });
    await assertAioError(file.writeAt(bytes, offset), "EINVAL", {
      ...particulars,
      syscall: "aio_write",
    });
  }
  // The library's own memory is aligned whatever the caller's is.
  const odd = new Uint8Array(8192).subarray(1, 4097);
  for (const bytes of [odd, pinned.subarray(4096)]) {
    assertEquals(await file.readAt(bytes, 4096), 4096);
    assertBytes(bytes, pattern(4096, 4096));
  }
  assertBytes(Deno.readFileSync(path), pattern(16_384));
});

test(
  "EINVAL comes from a direct append of a wrong length, and not from those beside it",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const path = directory.file();
    await using file = await AioFile.open(path, { append: true, direct: true });
    const results = await Promise.allSettled(
      [4096, 100, 4096].map((length) => file.append(new Uint8Array(length))),
    );
    const told = results.map((result) =>
      result.status === "fulfilled" ? result.value : result.reason.code
    );
    assertEquals(told, [4096, "EINVAL", 4096]);
    assertEquals(await file.size(), 8192);
  },
);

test("EINVAL or EFBIG comes from an offset that no file reaches", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, READ_WRITE);
  const last = 2n ** 63n - 1n;
  for (const bytes of [new Uint8Array(8), allocatePinned(8)]) {
    const outcome = await file.writeAt(bytes, last).catch((error) => error);
    assert(outcome instanceof AioError);
    assert(outcome.code === "EINVAL" || outcome.code === "EFBIG");
    assertEquals(outcome.offset, last);
    assertEquals(outcome.bytesTransferred, 0);
    assert(outcome.message.includes(`${last}`), outcome.message);
  }
  assertEquals(await file.size(), 8);
  assertEquals(await file.writeAt(encode("C"), 0), 1);
});

test(
  "ENOSPC comes from a device that is full",
  { ignore: !isLinux },
  async () => {
    const path = "/dev/full";
    await using file = await AioFile.open(path, READ_WRITE);
    for (const bytes of [new Uint8Array(100), allocatePinned(100)]) {
      const particulars = {
        errno: 28,
        syscall: "aio_write",
        fd: file.fd,
        path,
        bytesTransferred: 0,
      };
      await assertAioError(file.writeAt(bytes, 0), "ENOSPC", particulars);
      await assertAioError(file.append(bytes), "ENOSPC", particulars);
      assertEquals(await file.readAt(bytes, 0), 100);
    }
    // Each of many fails on its own.
    const writes = Array.from(
      { length: 500 },
      () => assertAioError(file.writeAt(new Uint8Array(1), 0), "ENOSPC"),
    );
    await Promise.all(writes);
  },
);

test(
  "ENOSPC on a small file system says how far the write came (needs to mount)",
  { ignore: !mayMount() },
  async () => {
    const SIZE = MIB + 64 * 1024;
    using system = new SmallFileSystem(SIZE);
    const path = `${system.path}/file`;
    const options = { ...READ_WRITE, create: true };
    await using file = await AioFile.open(path, options);
    const contents = pattern(2 * MIB);
    const pinned = allocatePinned(2 * MIB);
    pinned.set(contents);
    for (const from of [contents, pinned]) {
      const error = await assertAioError(file.writeAt(from, 0), "ENOSPC", {
        syscall: "aio_write",
        fd: file.fd,
        path,
        offset: 0,
        bytesTransferred: SIZE,
      });
      assert(error.message.includes(`after ${SIZE} bytes`), error.message);
      assertBytes(Deno.readFileSync(path), contents.subarray(0, SIZE));

      await file.truncate();
      const appending = file.append(from);
      await assertAioError(appending, "ENOSPC", { bytesTransferred: SIZE });
      assertBytes(Deno.readFileSync(path), contents.subarray(0, SIZE));

      await file.truncate();
      assertEquals(await file.writeAt(from.subarray(0, MIB), 0), MIB);
      assertBytes(Deno.readFileSync(path), contents.subarray(0, MIB));
      await file.truncate();
    }
  },
);

test(
  "EIO comes from reading what cannot be read",
  { ignore: !isLinux },
  async () => {
    // Nothing is mapped at address 0.
    const path = "/proc/self/mem";
    await using file = await AioFile.open(path);
    for (const into of [new Uint8Array(8), allocatePinned(8)]) {
      const error = await assertAioError(file.readAt(into, 0), "EIO", {
        errno: 5,
        syscall: "aio_read",
        fd: file.fd,
        path,
        offset: 0,
        bytesTransferred: 0,
      });
      assertEquals(
        error.message,
        `Cannot read 8 bytes at offset 0 of "${path}": ` +
          "Input/output error (EIO, aio_read)",
      );
    }
    const known = allocatePinned(4096);
    known.set(pattern(4096));
    const address = Deno.UnsafePointer.of(known as Uint8Array<ArrayBuffer>);
    const into = new Uint8Array(4096);
    const at = Deno.UnsafePointer.value(address);
    assertEquals(await file.readAt(into, at), 4096);
    assertBytes(into, pattern(4096));
  },
);

if (isEmulated) {
  console.log(
    "QEMU leaves no hole behind a mapped file: EIO in the middle of a read is " +
      "not tested.",
  );
}

test("EIO in the middle of a read says how far it came", {
  ignore: !isLinux || isEmulated,
}, async () => {
  await using file = await AioFile.open("/proc/self/mem");
  const end = endOfMapping();
  const contents = new Uint8Array(4096);
  await file.readAt(contents, end - 4096);
  for (const allocate of [allocatePinned, (n: number) => new Uint8Array(n)]) {
    const into = allocate(3 * MIB);
    const error = await assertAioError(
      file.readAt(into, end - 4096),
      "EIO",
      { offset: end - 4096, bytesTransferred: 4096 },
    );
    assert(error.message.includes("after 4096 bytes"), error.message);
    assertBytes(into.subarray(0, 4096), contents);
  }
});

/** Where a mapping of a file that never changes ends, and nothing follows. */
function endOfMapping(): number {
  const maps = readFileSync("/proc/self/maps", "utf8").trim().split("\n").map(
    (line) => {
      const [, start, end, access] = line.match(/^(\w+)-(\w+) (\S+)/)!;
      const isFile = line.includes(" /") && access.startsWith("r-");
      return { start: parseInt(start, 16), end: parseInt(end, 16), isFile };
    },
  );
  const found = maps.find(({ end, isFile }, index) =>
    isFile && maps[index + 1]?.start > end + 4096
  );
  assert(found !== undefined, "no mapping of a file has nothing behind it");
  return found!.end;
}

test("EFBIG comes from a write past the limit of the file size", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file();
  const LIMIT_KIB = 1028;
  const limited = `trap '' XFSZ; ulimit -S -f ${LIMIT_KIB}; exec "$@"`;
  const { across, beyond, size, then } = await report("file_size", {
    args: [path],
    wrapper: ["bash", "-c", limited, "bash"],
  });
  const size_bytes = LIMIT_KIB * 1024;
  const common = { code: "EFBIG", errno: 27, syscall: "aio_write", path };
  assertEquals(across, {
    ...common,
    offset: 100,
    bytesTransferred: size_bytes - 100,
  });
  assertEquals(beyond, {
    ...common,
    offset: size_bytes,
    bytesTransferred: 0,
  });
  assertEquals({ size, then }, { size: size_bytes, then: 4096 });
});

test(
  "EFBIG comes from all that makes a file longer than the limit, and no signal",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const path = directory.file();
    assertEquals(await report("size_limit", { args: [path] }), {
      writeAt: "EFBIG",
      "writeAt() of a list": "EFBIG",
      "direct writeAt()": "EFBIG",
      truncate: "EFBIG",
      allocate: "EFBIG",
      copyTo: "EFBIG",
      "a process that was started": "SIGXFSZ",
    });
  },
);

test(
  "EPIPE comes from a pipe that nobody reads",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const reader = openSync(
      fifo.path,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    await using file = AioFile.adopt(openSync(fifo.path, constants.O_WRONLY));
    await fifo.file.close();
    fifo.closeControl();
    assertEquals(await file.writeAt(encode("x"), 0), 1);
    closeSync(reader);
    await assertAioError(file.writeAt(encode("x"), 0), "EPIPE", {
      errno: 32,
      syscall: "aio_write",
      fd: file.fd,
      bytesTransferred: 0,
    });
    const again = openSync(
      fifo.path,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    assertEquals(await file.writeAt(encode("x"), 0), 1);
    closeSync(again);
  },
);

test("EMFILE comes from open(), and open files go on without descriptors", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(MIB));
  const { error, right, reopened } = await report("no_descriptors", {
    args: [path],
    pageCache: false,
    wrapper: ["bash", "-c", 'ulimit -n 100; exec "$@"', "bash"],
  });
  assertEquals(error, { code: "EMFILE", errno: 24, syscall: "open", path });
  assertEquals({ right, reopened }, { right: 2000, reopened: true });
});

for (const engine of [engineHere(), "auto"] as const) {
  test(
    `EMFILE at the first open() or adopt() passes, where ${engine} is to serve`,
    {
      ignore: !isLinux,
    },
    async () => {
      using directory = new Directory();
      const outcome = await report("descriptors_again", {
        args: [directory.file(pattern(1))],
        engine,
        pageCache: false,
        wrapper: ["bash", "-c", 'ulimit -n 100; exec "$@"', "bash"],
      });
      const automatic = isThere("io_uring") ? "io_uring" : "librt";
      assertEquals(outcome, {
        first: "EMFILE",
        // That needs none of its own.
        adopted: engine === "librt" ? "adopted" : "EMFILE",
        leaked: 0,
        engine: engine === "auto" ? automatic : engine,
        available: true,
      });
    },
  );
}

// More than one call takes, too: the event loop has a turn before they are tried again.
for (const count of [100, 600]) {
  test(
    `EAGAIN of the system never arrives: ${count} requests wait for a thread`,
    {
      ignore: !isLinux,
    },
    async () => {
      using directory = new Directory();
      Deno.chmodSync(directory.path, 0o755);
      const path = directory.file(pattern(100));
      Deno.chmodSync(path, 0o644);
      const { pending, counts } = await report("no_threads", {
        args: [path, String(count)],
        pageCache: false,
      });
      assertEquals(
        counts,
        Array.from({ length: count }, (_, at) => 100 - at % 100),
      );
      // The kernel reads what is cached without any.
      if (engineHere() === "librt") assertEquals(pending, count);
    },
  );
}
