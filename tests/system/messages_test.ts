// Every message of an error, as a set: each says what was wrong, with which
// value, and what to do where that helps.

import { assertEquals, assertMatch } from "@std/assert";
import { closeSync, openSync } from "node:fs";
import {
  aio_cancel,
  AIO_CANCELED,
  aio_error,
  aio_fsync,
  aio_init,
  aio_read,
  aio_return,
  aio_suspend,
  aio_write,
  Aiocb,
  type AiocbFields,
  AioFile,
  allocatePinned,
  CompletionQueue,
  configure,
  isPinned,
  lio_listio,
  LIO_NOP,
  LIO_READ,
  LIO_WAIT,
  O_SYNC,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
} from "../../mod.ts";
import {
  constants,
  Directory,
  engineHere,
  Fifo,
  isLinux,
  test,
} from "../helpers/mod.ts";

/** Something wrong, and what its error says. */
type Wrong = [call: () => unknown, message: string];

async function assertSays(wrongs: Wrong[]): Promise<void> {
  for (const [call, message] of wrongs) assertEquals(await said(call), message);
}

async function said(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
  return `nothing, in ${call}`;
}

async function write(block: Aiocb): Promise<number> {
  aio_write(block);
  await aio_suspend([block]);
  return aio_return(block);
}

/** What the compiler would not let pass. */
// deno-lint-ignore no-explicit-any
function any(value: unknown): any {
  return value;
}

test("AioFile.open() says which path, or which option, and why", async () => {
  using directory = new Directory();
  const path = directory.file();
  const missing = directory.at("missing");
  await assertSays([
    [
      () => AioFile.open(missing),
      `AioError: Cannot open "${missing}": No such file or directory ` +
      "(ENOENT, open)",
    ],
    [
      () => AioFile.open(directory.path, { write: true }),
      `AioError: Cannot open "${directory.path}": Is a directory ` +
      "(EISDIR, open)",
    ],
    [
      () => AioFile.open(any(7)),
      "TypeError: The path must be a string, a URL or a Uint8Array, but is 7",
    ],
    [
      () => AioFile.open(new URL("https://example.com/file")),
      'TypeError: The path must be a URL of a file, but is "https://example.com/file"',
    ],
    [
      () => AioFile.open(new URL("file:///a%FFb")),
      "TypeError: The path must be a URL whose escapes are UTF-8, but is " +
      '"file:///a%FFb"',
    ],
    [
      () => AioFile.open("/dev/null\0b"),
      String
        .raw`TypeError: The path must have no null bytes, but is "/dev/null\u0000b"`,
    ],
    [
      () => AioFile.open(Uint8Array.of(0x2f, 0xff)),
      engineHere() === "fs"
        ? 'AioError: Cannot open "/\ufffd", which is not UTF-8: that takes ' +
          "--allow-ffi: Invalid or incomplete multibyte or wide character " +
          "(EILSEQ, open)"
        : 'AioError: Cannot open "/\ufffd": No such file or directory ' +
          "(ENOENT, open)",
    ],
    [
      () => AioFile.open(path, any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => AioFile.open(path, { read: false }),
      "TypeError: A file must be opened for reading, writing or appending",
    ],
    [
      () => AioFile.open(path, { truncate: true }),
      "TypeError: truncate needs write, and cannot be together with append",
    ],
    [
      () => AioFile.open(path, { create: true }),
      "TypeError: create and createNew need write or append",
    ],
    [
      () => AioFile.open(path, { write: true, synchronous: any("all") }),
      'TypeError: synchronous must be "data" or "full", but is "all"',
    ],
    [
      () => AioFile.open(path, any("rw")),
      'TypeError: The flags must be one of "r", "r+", "rs", "rs+", "w", "w+", ' +
      '"wx", "wx+", "a", "a+", "ax", "ax+", "as", "as+", but are "rw"',
    ],
    [
      () => AioFile.open(path, { flags: constants.O_CREAT }),
      `TypeError: flags must have none that has an option of its own, but is ` +
      `0o${
        constants.O_CREAT.toString(8)
      }: use read, write, append, truncate, ` +
      "create, direct and synchronous",
    ],
    [
      () => AioFile.open(path, { flags: 0.5 }),
      "RangeError: flags must be a 32-bit integer, but is 0.5",
    ],
  ]);
});

test(
  "AioFile.open() says that direct I/O was asked for",
  { ignore: !isLinux },
  async () => {
    await assertSays([[
      () => AioFile.open("/proc/version", { direct: true }),
      'AioError: Cannot open "/proc/version" for direct I/O: Invalid argument ' +
      "(EINVAL, open)",
    ]]);
  },
);

test("AioFile.adopt() says which descriptor", async () => {
  await assertSays([
    [
      () => AioFile.adopt(-1),
      "AioError: Cannot use descriptor -1, which is not open: Bad file " +
      "descriptor (EBADF, fcntl)",
    ],
    [
      () => AioFile.adopt(0.5),
      "RangeError: fd must be a file descriptor or a FileHandle, but is 0.5",
    ],
    [
      () => AioFile.adopt(any("1")),
      'TypeError: fd must be a file descriptor or a FileHandle, but is "1"',
    ],
    [
      () => AioFile.adopt(any({ close() {} })),
      "TypeError: The file must be a descriptor or a FileHandle, but is an " +
      "object without fd, as Deno's FsFile is: open its path with " +
      "AioFile.open()",
    ],
    [
      () => AioFile.adopt(0, any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => new (any(AioFile))(),
      "TypeError: An AioFile comes from AioFile.open() or AioFile.adopt()",
    ],
  ]);
});

test("requests of a file say which argument, and what it must be", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path);
  const bytes = new Uint8Array(8);
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  await assertSays([
    [
      () => file.readAt(any(null), 0),
      "TypeError: into must be a Uint8Array or a list of them, but is null",
    ],
    [
      () => file.readAt(any(new Uint16Array(4)), 0),
      "TypeError: into must be a Uint8Array or a list of them, but is a Uint16Array",
    ],
    [
      () => file.readAt(detached, 0),
      "TypeError: The buffer of into is detached",
    ],
    [
      () => file.writeAt(any("text"), 0),
      'TypeError: from must be a Uint8Array or a list of them, but is "text"',
    ],
    [
      () => file.readAt(bytes, -1),
      "RangeError: Cannot read at offset -1: the offset must be a " +
      "non-negative integer",
    ],
    [
      () => file.writeAt(bytes, 0.5),
      "RangeError: Cannot write at offset 0.5: the offset must be a " +
      "non-negative integer",
    ],
    [
      () => file.readAt(bytes, 2 ** 53),
      "RangeError: Cannot read at offset 9007199254740992: the offset must be " +
      "a bigint beyond 2 ** 53 - 1",
    ],
    [
      () => file.readAt(bytes, 2n ** 63n),
      "RangeError: Cannot read at offset 9223372036854775808n: the offset " +
      "must be at most 2 ** 63 - 1",
    ],
    [
      () => file.readAt(bytes, any(undefined)),
      "TypeError: Cannot read at offset undefined: the offset must be a " +
      "number or a bigint",
    ],
    [
      () => file.readAt(bytes, 0, { signal: any({}) }),
      "TypeError: signal must be an AbortSignal, but is an object",
    ],
    [
      () => file.readAt(bytes, 0, any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => file.sync(any(5)),
      "TypeError: options must be an object, but is 5",
    ],
    [
      () => file.batch(any({})),
      "TypeError: requests must be an array, but is an object",
    ],
    [
      () => file.batch([any(1)]),
      "TypeError: A request must be an object, but is 1",
    ],
    [
      () => file.batch([{ type: any("sync"), buffer: bytes, offset: 0 }]),
      'TypeError: The type of a request must be "read" or "write", but is ' +
      '"sync"',
    ],
    [
      () => file.truncate(-1),
      "RangeError: length must be a non-negative integer, but is -1",
    ],
    [
      () => file.truncate(any(1n)),
      "RangeError: length must be a number, not a bigint, but is 1n",
    ],
    [
      () => file.readAt(bytes, 0, any(AbortSignal.abort())),
      "TypeError: A signal is an option of a request: { signal }",
    ],
    [
      () => file.readable(any({ start: 10 })),
      "TypeError: The part to read is { offset, length }, not { start, end } " +
      "as in node:fs",
    ],
    [
      () => file.writable(any({ start: 10 })),
      "TypeError: Where to begin is { offset }, not { start, end } as in node:fs",
    ],
    [
      () => file.readable({ chunkSize: 0 }),
      "RangeError: chunkSize must be a positive integer, but is 0",
    ],
    [
      () => file.readable(any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => file.writable({ depth: 1.5 }),
      "RangeError: depth must be a positive integer, but is 1.5",
    ],
    [
      () => file.writable().getWriter().write(any("text")),
      'TypeError: The chunk must be a Uint8Array, but is "text"',
    ],
  ]);
});

test("requests of a file say what could not be done, and where", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path);
  const bytes = new Uint8Array(8);
  const bad = "Bad file descriptor";
  const isReadOnly = "which is open for reading only";
  const closed = await AioFile.open(path);
  await closed.close();
  const adopted = AioFile.adopt(openSync(path, "r"));
  await adopted.close();
  await assertSays([
    [
      () => file.writeAt(bytes, 4),
      `AioError: Cannot write 8 bytes at offset 4 of "${path}", ${isReadOnly}: ` +
      `${bad} (EBADF, aio_write)`,
    ],
    [
      () => file.append(bytes),
      `AioError: Cannot append to "${path}", ${isReadOnly}: ${bad} ` +
      "(EBADF, open)",
    ],
    [
      () => file.truncate(5),
      `AioError: Cannot truncate "${path}", ${isReadOnly}, to 5 bytes: ` +
      "Invalid argument (EINVAL, ftruncate)",
    ],
    [
      () => closed.readAt(bytes, 0),
      `AioError: The file "${path}" is closed: ${bad} (EBADF, aio_read)`,
    ],
    [
      () => adopted.size(),
      `AioError: The file of descriptor ${adopted.fd} is closed: ${bad} ` +
      "(EBADF, fstat)",
    ],
  ]);
});

test("calls of a file say what could not be done, and why", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path);
  await using other = await AioFile.open(path, "r+");
  await using status = await AioFile.open("/proc/self/comm", "r+");
  const why = "which is open for reading only: Bad file descriptor";
  await assertSays([
    [
      () => file.read(0, -1),
      "RangeError: length must be a non-negative integer, but is -1",
    ],
    [
      () => file.slice(0.5),
      "RangeError: start must be an integer, but is 0.5",
    ],
    [
      () => file.allocate(0, 8),
      `AioError: Cannot allocate 8 bytes at offset 0 of "${path}", ${why} ` +
      "(EBADF, fallocate)",
    ],
    [
      () => file.punchHole(4, 8),
      "AioError: Cannot punch a hole of 8 bytes at offset 4 into " +
      `"${path}", ${why} (EBADF, fallocate)`,
    ],
    [
      () => status.allocate(0, 8),
      "AioError: Cannot allocate 8 bytes at offset 0 of " +
      '"/proc/self/comm": Operation not supported (ENOTSUP, fallocate)',
    ],
    [
      () => file.punchHole(-1, 8),
      "RangeError: Cannot punch a hole at offset -1: the offset must be a " +
      "non-negative integer",
    ],
    [
      () => file.allocate(0, 0),
      "RangeError: length must be a positive integer, but is 0",
    ],
    [
      () => file.advise(any("soon")),
      'TypeError: advice must be one of "normal", "random", "sequential", ' +
      '"willneed", "dontneed", "noreuse", but is "soon"',
    ],
    [
      () => file.lock(),
      `AioError: Cannot lock "${path}", ${why} (EBADF, fcntl)`,
    ],
    [
      () => file.unlock(any({})),
      "TypeError: lock must be a FileLock, but is an object",
    ],
    [
      async () => file.unlock((await other.tryLock())!),
      "TypeError: lock must be one of this file, but is of another one",
    ],
    [
      () => file.copyTo(other, { length: 8, to: 4 }),
      `AioError: Cannot copy 8 bytes of "${path}" from offset 0 to 4, because ` +
      "they overlap: Invalid argument (EINVAL, copy_file_range)",
    ],
    [
      () => other.copyTo(file, { length: 4, to: 4 }),
      `AioError: Cannot write 4 bytes at offset 4 of "${path}", ${why} ` +
      "(EBADF, aio_write)",
    ],
    [
      () => file.copyTo(any(path)),
      `TypeError: The file must be an AioFile, but is "${path.slice(0, 40)}"`,
    ],
  ]);
});

test("requests of a file say which descriptor is not open, or for what it is", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using writable = await AioFile.open(path, { write: true });
  const fd = openSync(path, "r+");
  const gone = AioFile.adopt(fd);
  closeSync(fd);
  const bytes = new Uint8Array(8);
  const isNotOpen = `descriptor ${fd}, which is not open`;
  const bad = "Bad file descriptor";
  await assertSays([
    [
      () => writable.readAt(bytes, 4),
      `AioError: Cannot read 8 bytes at offset 4 of "${path}", which is open ` +
      `for writing only: ${bad} (EBADF, aio_read)`,
    ],
    [
      () => gone.readAt(bytes, 0),
      `AioError: Cannot read 8 bytes at offset 0 of ${isNotOpen}: ${bad} ` +
      "(EBADF, aio_read)",
    ],
    [
      () => gone.append(bytes),
      `AioError: Cannot use ${isNotOpen}: ${bad} (EBADF, fcntl)`,
    ],
    [
      () => gone.syncData(),
      `AioError: Cannot synchronize ${isNotOpen}: ${bad} (EBADF, aio_fsync)`,
    ],
    [
      () => gone.size(),
      `AioError: Cannot get the size of ${isNotOpen}: ${bad} (EBADF, fstat)`,
    ],
    [
      () => gone.truncate(3),
      `AioError: Cannot truncate ${isNotOpen}, to 3 bytes: ${bad} ` +
      "(EBADF, ftruncate)",
    ],
    [
      () => gone.close(),
      `AioError: Cannot close ${isNotOpen}: ${bad} (EBADF, close)`,
    ],
  ]);
});

test("AioFile.open() tells a URL that is a string from a missing file", async () => {
  using directory = new Directory();
  const url = `file://${directory.file("contents")}`;
  await assertSays([[
    () => AioFile.open(url),
    `AioError: Cannot open "${url}" (a string is a path; for a URL, give a ` +
    "URL object): No such file or directory (ENOENT, open)",
  ]]);
  await using _file = await AioFile.open(new URL(url));
});

test("a direct transfer says what of it has to be a multiple of what", {
  ignore: !isLinux,
}, async () => {
  // Memory, where other temporary files may be, takes everything.
  using directory = new Directory("/var/tmp");
  const path = directory.file(new Uint8Array(8192));
  const options = { read: true, write: true, direct: true };
  await using file = await AioFile.open(path, options);
  await using log = await AioFile.open(path, { append: true, direct: true });
  const pinned = allocatePinned(16_384);
  const fd = openSync(path, constants.O_RDWR | constants.O_DIRECT);
  const blockOf = (fields: AiocbFields) =>
    new Aiocb({ aio_fildes: fd, aio_buf: pinned, ...fields });
  const needs = (...names: string[]) =>
    `(direct I/O: ${
      names.map((name) => `the ${name} must be a multiple of N`).join(", ")
    }): Invalid argument`;
  const wrongs: Wrong[] = [
    [
      () => file.readAt(pinned.subarray(0, 4096), 3),
      `AioError: Cannot read 4096 bytes at offset 3 of "${path}" ` +
      `${needs("offset")} (EINVAL, aio_read)`,
    ],
    [
      () => file.writeAt(pinned.subarray(0, 100), 4096),
      `AioError: Cannot write 100 bytes at offset 4096 of "${path}" ` +
      `${needs("length")} (EINVAL, aio_write)`,
    ],
    [
      () => file.writeAt(pinned.subarray(0, 100), 3n),
      `AioError: Cannot write 100 bytes at offset 3 of "${path}" ` +
      `${needs("offset", "length")} (EINVAL, aio_write)`,
    ],
    [
      () => file.append(pinned.subarray(0, 100)),
      `AioError: Cannot append 100 bytes to "${path}" ` +
      `${needs("length")} (EINVAL, aio_write)`,
    ],
    [
      () => write(blockOf({ aio_nbytes: 5, aio_offset: 8192n })),
      `AioError: Cannot write 5 bytes at offset 8192 of descriptor ${fd} ` +
      `${needs("length")} (EINVAL, aio_write)`,
    ],
  ];
  for (const [call, message] of wrongs) {
    const [_, number] = /multiple of (\d+)/.exec(await said(call)) ?? [];
    // What is a multiple of that is taken.
    assertEquals(await file.readAt(pinned, 8192 + Number(number)), 0);
    const text = (await said(call)).replaceAll(`of ${number}`, "of N");
    assertEquals(text, message);
  }
  await Deno.truncate(path, 4_001);
  for (const one of [file, log]) {
    assertMatch(
      await said(() => one.append(pinned)),
      /direct I\/O: the size of the file must be a multiple of \d+\)/,
    );
  }
  assertMatch(
    await said(() => log.writeAt(pinned, 0)),
    /direct I\/O: the size of the file must be a multiple of \d+\)/,
  );
  closeSync(fd);
});

test("CompletionQueue says which argument, and what it must be", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const bytes = new Uint8Array(8);
  const queue = new CompletionQueue<number>();
  const closed = new CompletionQueue<number>();
  await closed.close();
  await assertSays([
    [
      () => new CompletionQueue({ notify: any("fast") }),
      'TypeError: notify must be "auto", "suspend", "thread" or "poll", but is ' +
      '"fast"',
    ],
    [
      () => new CompletionQueue(any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => queue.read(any({}), bytes, 0, 1),
      "TypeError: The file must be an AioFile, but is an object (import and " +
      "require() have an AioFile each)",
    ],
    [
      () => queue.read(file, any(1), 0, 1),
      "TypeError: buffer must be a Uint8Array, but is 1",
    ],
    [
      () => queue.write(file, bytes, -5, 1),
      "RangeError: Cannot write at offset -5: the offset must be a " +
      "non-negative integer",
    ],
    [
      () => queue.sync(file, 1, any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => queue.submit(any(1)),
      "TypeError: requests must be an array, but is 1",
    ],
    [
      () => queue.submit([any(1)]),
      "TypeError: A request must be an object, but is 1",
    ],
    [
      () => queue.submit([{ type: any("append"), file, tag: 1 }]),
      'TypeError: The type of a request must be "read", "write", "sync" or ' +
      '"syncData", but is "append"',
    ],
    [
      () => closed.read(file, bytes, 0, 1),
      "AioError: The completion queue is closed: Bad file descriptor " +
      "(EBADF, aio_suspend)",
    ],
  ]);
  await queue.close();
});

test("allocatePinned() and isPinned() say which length, alignment or view", async () => {
  await assertSays([
    [
      () => allocatePinned(-1),
      "RangeError: Cannot allocate -1 bytes: the length must be a " +
      "non-negative integer",
    ],
    [
      () => allocatePinned(8, { alignment: 3 }),
      "RangeError: Cannot align to 3 bytes: the alignment must be a power of " +
      "two up to 1073741824",
    ],
    [
      () => allocatePinned(2 ** 40),
      "RangeError: Cannot allocate 1099511627776 bytes: pinned memory comes " +
      "in pieces of at most 4294967296 bytes",
    ],
    [
      () => allocatePinned(8, any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => isPinned(any([])),
      "TypeError: The view must be a Uint8Array, but is an array",
    ],
  ]);
});

test("configure() and aio_init() say which number, and what it must be", async () => {
  await assertSays([
    [
      () => configure({ threads: 0 }),
      "RangeError: threads must be a positive 32-bit integer, but is 0",
    ],
    [
      () => configure({ lanes: any("2") }),
      'TypeError: lanes must be a positive 32-bit integer, but is "2"',
    ],
    [
      () => configure({ pollMicroseconds: -1 }),
      "RangeError: pollMicroseconds must be a non-negative number, but is -1",
    ],
    [
      () => configure(any(null)),
      "TypeError: options must be an object, but is null",
    ],
    [
      () => aio_init({ aio_num: 2 ** 31 }),
      "RangeError: aio_num must be a positive 32-bit integer, but is 2147483648",
    ],
    [
      () => aio_init(any(null)),
      "TypeError: options must be an object, but is null",
    ],
  ]);
});

test(
  "Aiocb says which field, and what it must be",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    using block = new Aiocb({
      aio_fildes: fifo.file.fd,
      aio_buf: allocatePinned(1),
    });
    aio_read(block);
    const inProgress = "cannot be changed while the request of descriptor " +
      `${fifo.file.fd} is in progress`;
    const make = (fields: Record<string, unknown>) => () =>
      new Aiocb(fields as AiocbFields);
    await assertSays([
      [
        make({ aio_fildes: "1" }),
        'TypeError: aio_fildes must be a 32-bit integer, but is "1"',
      ],
      [
        make({ aio_offset: 0.5 }),
        "RangeError: aio_offset must be a safe integer or a bigint of 64 bits, " +
        "but is 0.5",
      ],
      [
        make({ aio_buf: new Uint8Array(8) }),
        "TypeError: aio_buf has 8 bytes that the runtime may move: memory from " +
        "allocatePinned() or a SharedArrayBuffer is needed",
      ],
      [
        make({ aio_nbytes: -1 }),
        "RangeError: aio_nbytes must be a non-negative integer, but is -1",
      ],
      [
        make({ aio_sigevent: 1 }),
        "TypeError: aio_sigevent must be an object, but is 1",
      ],
      [
        () => new Aiocb(any(null)),
        "TypeError: fields must be an object, but is null",
      ],
      [() => block.aio_offset = 1, `TypeError: aio_offset ${inProgress}`],
      [() => block.aio_buf = null, `TypeError: aio_buf ${inProgress}`],
    ]);
    fifo.feed("x");
    await aio_suspend([block]);
  },
);

test("the functions of C say which field or argument was not valid", async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("contents"), "r");
  const block = (fields: AiocbFields = {}) =>
    new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(8),
      aio_lio_opcode: LIO_READ,
      ...fields,
    });
  const disposed = block();
  disposed[Symbol.dispose]();
  const twice = block();
  const invalid = "Invalid argument";
  const idle = "The control block was not submitted, or its outcome was " +
    `retrieved: ${invalid}`;
  const notify = (sigevent: Record<string, unknown>) => () =>
    aio_read(block({ aio_sigevent: any(sigevent) }));
  await assertSays([
    [
      () => aio_read(any(null)),
      "TypeError: The control block must be an Aiocb, but is null",
    ],
    [
      () => aio_read(block({ aio_nbytes: 9 })),
      `AioError: aio_nbytes is 9, but aio_buf has 8 bytes: ${invalid} ` +
      "(EINVAL, aio_read)",
    ],
    [
      () => aio_read(disposed),
      `AioError: The control block is disposed of: ${invalid} ` +
      "(EINVAL, aio_read)",
    ],
    [
      () => aio_read(block({ aio_reqprio: 99 })),
      "AioError: Cannot read 8 bytes at offset 0 of descriptor " +
      `${fd} with aio_reqprio 99: ${invalid} (EINVAL, aio_read)`,
    ],
    [
      () => aio_write(block({ aio_reqprio: -1, aio_offset: 5n })),
      "AioError: Cannot write 8 bytes at offset 5 of descriptor " +
      `${fd} with aio_reqprio -1: ${invalid} (EINVAL, aio_write)`,
    ],
    [
      notify({ sigev_notify: 77 }),
      "AioError: sigev_notify is 77, which is none of SIGEV_NONE, " +
      `SIGEV_SIGNAL and SIGEV_THREAD: ${invalid} (EINVAL, aio_read)`,
    ],
    [
      notify({ sigev_notify: SIGEV_SIGNAL, sigev_signo: 99 }),
      "AioError: sigev_signo is 99, which is no signal's number: " +
      `${invalid} (EINVAL, aio_read)`,
    ],
    [
      notify({ sigev_notify: SIGEV_NONE, sigev_value: 2 ** 40 }),
      "AioError: sigev_value is 1099511627776, which is no integer of 32 " +
      `bits: ${invalid} (EINVAL, aio_read)`,
    ],
    [
      notify({ sigev_notify: SIGEV_THREAD }),
      "TypeError: SIGEV_THREAD needs a function as sigev_notify_function, but " +
      "it is undefined",
    ],
    [
      () => aio_fsync(99, block()),
      `AioError: The op 99 is neither O_SYNC nor O_DSYNC: ${invalid} ` +
      "(EINVAL, aio_fsync)",
    ],
    [
      () => aio_fsync(O_SYNC, block({ aio_fildes: -5 })),
      "AioError: Cannot synchronize descriptor -5, which is not open: Bad " +
      "file descriptor (EBADF, aio_fsync)",
    ],
    [() => aio_error(block()), `AioError: ${idle} (EINVAL, aio_error)`],
    [() => aio_return(block()), `AioError: ${idle} (EINVAL, aio_return)`],
    [
      () => aio_suspend([block()]),
      `AioError: ${idle} (EINVAL, aio_suspend)`,
    ],
    [
      () => aio_suspend(any(null)),
      "TypeError: The list must be an array of control blocks, but is null",
    ],
    [
      () => aio_suspend([], -1),
      `AioError: timeout_ms is -1, which is negative: ${invalid} ` +
      "(EINVAL, aio_suspend)",
    ],
    [
      () => aio_suspend([], NaN),
      `AioError: timeout_ms is NaN, which is no time: ${invalid} ` +
      "(EINVAL, aio_suspend)",
    ],
    [
      () => aio_suspend([], any("1")),
      'TypeError: timeout_ms must be a number, but is "1"',
    ],
    [
      () => aio_cancel(-5),
      "AioError: Cannot cancel requests of descriptor -5: Bad file descriptor " +
      "(EBADF, aio_cancel)",
    ],
    [
      () => aio_cancel(0, block()),
      "AioError: Cannot cancel requests of descriptor 0 with a control block " +
      `of descriptor ${fd}: ${invalid} (EINVAL, aio_cancel)`,
    ],
    [
      () => lio_listio(77, []),
      "AioError: The mode 77 is neither LIO_WAIT nor LIO_NOWAIT: " +
      `${invalid} (EINVAL, lio_listio)`,
    ],
    [
      () =>
        lio_listio(LIO_WAIT, [
          block({ aio_lio_opcode: LIO_NOP }),
          twice,
          null,
          twice,
        ]),
      "AioError: The entries 1 and 3 of the list are the same control block: " +
      `${invalid} (EINVAL, lio_listio)`,
    ],
    [
      () => lio_listio(LIO_WAIT, [block(), block({ aio_fildes: -5 })]),
      "AioError: 1 of 2 requests of the list failed, and aio_error() says " +
      "why: Input/output error (EIO, lio_listio)",
    ],
  ]);
  closeSync(fd);
});

test("the functions of C say which request is in progress, or failed", {
  ignore: !isLinux,
}, async () => {
  await using fifo = new Fifo();
  const { fd } = fifo.file;
  const block = () =>
    new Aiocb({
      aio_fildes: fd,
      aio_buf: allocatePinned(8),
      aio_lio_opcode: LIO_READ,
    });
  const running = block();
  aio_read(running);
  const canceled = block();
  aio_read(canceled);
  assertEquals(aio_cancel(fd, canceled), AIO_CANCELED);
  const inProgress = `The control block of descriptor ${fd} is in progress: ` +
    "Invalid argument";
  await assertSays([
    [() => aio_read(running), `AioError: ${inProgress} (EINVAL, aio_read)`],
    [
      () => lio_listio(LIO_WAIT, [running]),
      `AioError: ${inProgress} (EINVAL, lio_listio)`,
    ],
    [
      () => aio_return(running),
      `AioError: Cannot take the outcome of a request of descriptor ${fd}: ` +
      "Operation now in progress (EINPROGRESS, aio_return)",
    ],
    [
      () => aio_suspend([running], 1),
      "AioError: No request was done within 1 ms: Resource temporarily unavailable " +
      "(EAGAIN, aio_suspend)",
    ],
    [
      () => aio_cancel(fd + 1, running),
      `AioError: Cannot cancel requests of descriptor ${fd + 1} with a ` +
      `control block of descriptor ${fd}: Invalid argument ` +
      "(EINVAL, aio_cancel)",
    ],
    [
      () => aio_return(canceled),
      `AioError: Cannot read 8 bytes at offset 0 of descriptor ${fd}: ` +
      "Operation canceled (ECANCELED, aio_read)",
    ],
  ]);
  fifo.feed("x");
  await aio_suspend([running]);
});
