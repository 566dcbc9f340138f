// AioFile.open() and AioFile.adopt(): how files come to be, and who closes them.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { constants, fstatSync, readFileSync, readSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { AioError, AioFile, allocatePinned } from "../../mod.ts";
import type { NodeFlags, OpenOptions } from "../../mod.ts";
import {
  assertAioError,
  closeSync,
  decode,
  Directory,
  encode,
  endBefore,
  engineHere,
  execute,
  isLinux,
  openSync,
  test,
} from "../helpers/mod.ts";

/** The status flags of a descriptor, as the kernel has them. */
function flagsOf(fd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  return parseInt(info.match(/^flags:\s*([0-7]+)$/m)![1], 8);
}

/**
 * Whether a descriptor has O_DIRECT, which is another bit on another processor;
 * the kernel's own, under `/proc`, are not the program's in an emulator.
 */
function isDirect(fd: number): boolean {
  const F_GETFL = 3;
  const fcntl = { parameters: ["i32", "i32"], result: "i32" } as const;
  const libc = Deno.dlopen("libc.so.6", { fcntl });
  const flags = libc.symbols.fcntl(fd, F_GETFL);
  libc.close();
  return (flags & constants.O_DIRECT) !== 0;
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

async function textOf(file: AioFile): Promise<string> {
  const bytes = new Uint8Array(await file.size());
  await file.readAt(bytes, 0);
  return decode(bytes);
}

test("AioFile.open() opens for reading unless told otherwise", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  for (const options of [undefined, {}, { read: true }]) {
    await using file = await AioFile.open(path, options);
    assertEquals(await textOf(file), "contents");
    await assertAioError(file.writeAt(encode("x"), 0), "EBADF");
  }
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("AioFile.open() with write opens for writing only, and empties nothing", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { write: true });
  await file.writeAt(encode("C"), 0);
  await assertAioError(file.readAt(new Uint8Array(1), 0), "EBADF");
  assertEquals(Deno.readTextFileSync(path), "Contents");
});

test("AioFile.open() with read and write opens for both", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, { read: true, write: true });
  await file.writeAt(encode("C"), 0);
  assertEquals(await textOf(file), "Contents");
});

test("AioFile.open() with append opens for writing at the end only", async () => {
  using directory = new Directory();
  const path = directory.file("begin");
  await using file = await AioFile.open(path, { append: true });
  await file.append(encode(" end"));
  await assertAioError(file.readAt(new Uint8Array(1), 0), "EBADF");
  assertEquals(Deno.readTextFileSync(path), "begin end");
});

test("AioFile.open() takes combinations of options as Deno.open() does", async () => {
  using directory = new Directory();
  const path = directory.at("subject");

  async function outcome(
    exists: boolean,
    open: () => Promise<AioFile | Deno.FsFile>,
  ): Promise<string> {
    if (exists) Deno.writeTextFileSync(path, "contents");
    let opened: string;
    try {
      await using _file = await open();
      opened = "opened";
    } catch (error) {
      assertInstanceOf(error, Error);
      opened = (error as { code?: string }).code ?? "refused";
    }
    let left = "nothing";
    try {
      left = Deno.readTextFileSync(path);
      Deno.removeSync(path);
    } catch (error) {
      assertInstanceOf(error, Deno.errors.NotFound);
    }
    return `${opened}, and then there is ${left}`;
  }

  const names = [
    "read",
    "write",
    "append",
    "truncate",
    "create",
    "createNew",
  ] as const;
  for (let bits = 1; bits < 1 << names.length; bits++) {
    const options: OpenOptions = {};
    names.forEach((name, bit) => options[name] = (bits & (1 << bit)) !== 0);
    // Deno gives the one contradiction in this a code, the others none; and
    // it lets createNew excuse it.
    if (options.append && options.truncate) continue;
    for (const exists of [false, true]) {
      const expected = await outcome(exists, () => Deno.open(path, options));
      const actual = await outcome(exists, () => AioFile.open(path, options));
      assertEquals(actual, expected, JSON.stringify({ options, exists }));
    }
  }
});

test("AioFile.open() rejects options that contradict each other", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const wrong: OpenOptions[] = [
    { read: false },
    { read: false, write: false, append: false },
    { truncate: true },
    { create: true },
    { createNew: true },
    { read: true, truncate: true },
    { read: true, create: true },
    { read: true, createNew: true },
    { append: true, truncate: true },
    { write: true, append: true, truncate: true },
    { synchronous: "both" as "full" },
    { synchronous: true as unknown as "full" },
  ];
  for (const options of wrong) {
    await assertRejects(
      () => AioFile.open(path, options),
      TypeError,
      "",
      JSON.stringify(options),
    );
  }
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("AioFile.open() with truncate empties the file", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  await using file = await AioFile.open(path, {
    write: true,
    truncate: true,
  });
  assertEquals(await file.size(), 0);
});

test("AioFile.open() with create makes a file, or takes the one there is", async () => {
  using directory = new Directory();
  for (const path of [directory.file("contents"), directory.at("new")]) {
    await using file = await AioFile.open(path, {
      read: true,
      write: true,
      create: true,
    });
    await file.writeAt(encode("."), await file.size());
  }
  assertEquals(Deno.readTextFileSync(directory.at("file0")), "contents.");
  assertEquals(Deno.readTextFileSync(directory.at("new")), ".");
});

test("AioFile.open() with createNew makes a file, or fails with EEXIST", async () => {
  using directory = new Directory();
  const path = directory.at("new");
  const options = { write: true, createNew: true };
  await using file = await AioFile.open(path, options);
  await file.writeAt(encode("mine"), 0);
  await assertAioError(AioFile.open(path, options), "EEXIST", {
    syscall: "open",
    path,
  });
  assertEquals(Deno.readTextFileSync(path), "mine");
});

test("AioFile.open() gives a new file its mode, less the umask", {
  ignore: Deno.build.os === "windows",
}, async () => {
  using directory = new Directory();
  const umask = Deno.umask();
  for (const mode of [undefined, 0o600, 0o640, 0o666, 0o777]) {
    const path = directory.at(`mode${mode}`);
    await using file = await AioFile.open(path, {
      write: true,
      createNew: true,
      mode,
    });
    assertEquals(
      fstatSync(file.fd).mode & 0o777,
      (mode ?? 0o666) & ~umask,
      `mode ${mode?.toString(8)}`,
    );
  }
});

test("AioFile.open() leaves the mode of a file that exists as it is", {
  ignore: Deno.build.os === "windows",
}, async () => {
  using directory = new Directory();
  const path = directory.file();
  Deno.chmodSync(path, 0o604);
  await using file = await AioFile.open(path, {
    write: true,
    create: true,
    mode: 0o600,
  });
  assertEquals(fstatSync(file.fd).mode & 0o777, 0o604);
});

test("AioFile.open() rejects a mode that is none", async () => {
  using directory = new Directory();
  const path = directory.at("new");
  for (const mode of [-1, 1.5, NaN, "rw" as unknown as number]) {
    const options = { write: true, create: true, mode };
    const error = await assertRejects(() => AioFile.open(path, options));
    assert(error instanceof TypeError || error instanceof RangeError);
  }
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

test("AioFile.open() with synchronous sets O_DSYNC or O_SYNC", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file();
  const { O_DSYNC, O_SYNC } = constants;
  const cases = [
    [undefined, 0],
    ["data", O_DSYNC],
    ["full", O_SYNC],
  ] as const;
  for (const [synchronous, flags] of cases) {
    await using file = await AioFile.open(path, { write: true, synchronous });
    assertEquals(flagsOf(file.fd) & O_SYNC, flags, synchronous);
    assertEquals(await file.writeAt(encode("x"), 0), 1);
  }
});

test("AioFile.open() with direct transfers past the page cache", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file(new Uint8Array(10_000).fill(1));
  await using file = await AioFile.open(path, {
    read: true,
    write: true,
    direct: true,
  });
  assert(isDirect(file.fd));
  const block = allocatePinned(4096).fill(2);
  assertEquals(await file.writeAt(block, 4096), 4096);
  const all = allocatePinned(16_384);
  assertEquals(await file.readAt(all, 0), 10_000);
  const expected = new Uint8Array(16_384).fill(1, 0, 10_000);
  assertEquals(all, expected.fill(2, 4096, 8192));
});

test("AioFile.open() with direct rejects with EINVAL where there is none", {
  ignore: !isLinux,
}, async () => {
  const path = "/proc/self/status";
  await assertAioError(AioFile.open(path, { direct: true }), "EINVAL", {
    syscall: "open",
    path,
  });
});

test("AioFile.open() takes URLs", async () => {
  using directory = new Directory();
  const path = directory.at("a file ?#%41 ü");
  const url = pathToFileURL(path);
  const error = await assertAioError(AioFile.open(url), "ENOENT");
  assertEquals(error.path, path);
  Deno.writeTextFileSync(path, "contents");
  await using file = await AioFile.open(url);
  assertEquals(await textOf(file), "contents");
  const failed = await assertAioError(file.writeAt(encode("x"), 0), "EBADF");
  assertEquals(failed.path, path);
});

test("AioFile.open() takes URLs with escapes of UTF-8, and refuses others", async () => {
  using directory = new Directory();
  const base = pathToFileURL(`${directory.path}/`).href;
  const named = { "a%20b": "a b", "a%23b": "a#b", "caf%C3%A9": "café" };
  for (const [escaped, name] of Object.entries(named)) {
    Deno.writeTextFileSync(directory.at(name), name);
    await using file = await AioFile.open(new URL(`${base}${escaped}?q#hash`));
    assertEquals(await textOf(file), name);
  }
  const local = new URL(`${base}a%20b`.replace("file://", "file://localhost"));
  await using file = await AioFile.open(local);
  assertEquals(await textOf(file), "a b");
  for (const escaped of ["a%2Fb", "a%00b", "caf%E9", "a%zz"]) {
    const url = new URL(`${base}${escaped}`);
    await assertRejects(() => AioFile.open(url), TypeError);
  }
  const elsewhere = new URL("file://elsewhere/etc/hosts");
  await assertRejects(() => AioFile.open(elsewhere), TypeError);
});

test("AioFile.open() takes bytes as what they are in UTF-8", async () => {
  using directory = new Directory();
  for (const name of ["plain", "café", "\ufeffmark"]) {
    const path = directory.at(name);
    Deno.writeTextFileSync(path, `in ${name}`);
    const shared = new Uint8Array(new SharedArrayBuffer(encode(path).length));
    shared.set(encode(path));
    for (const bytes of [encode(path), shared]) {
      const opening = AioFile.open(bytes);
      bytes.fill(0); // What is written there later is no matter.
      await using file = await opening;
      assertEquals(await textOf(file), `in ${name}`);
      const error = await assertAioError(file.writeAt(encode("x"), 0), "EBADF");
      assertEquals(error.path, path);
    }
  }
});

/** A name that is not UTF-8, in a directory. */
function latinIn(directory: Directory): Uint8Array {
  return Uint8Array.of(...encode(directory.at("caf")), 0xe9, 0xff);
}

/** The names in a directory, as `ls` writes them without a locale. */
async function listed({ path }: Directory): Promise<string> {
  const command = ["env", "LC_ALL=C", "ls", "-b", path];
  const { stdout } = await execute(command, { signal: endBefore() });
  return stdout.trim();
}

test("AioFile.open() takes bytes that are not UTF-8", {
  // Deno has them opened by a native call.
  ignore: !isLinux || engineHere() === "fs",
}, async () => {
  using directory = new Directory();
  const path = latinIn(directory);
  const name = directory.at("caf\ufffd\ufffd");
  const missing = await assertAioError(AioFile.open(path), "ENOENT", {
    syscall: "open",
    path: name,
  });
  assertStringIncludes(missing.message, `Cannot open "${name}": `);
  const options = { read: true, write: true, createNew: true, mode: 0o640 };
  {
    await using file = await AioFile.open(path, options);
    const appending = [file.append(encode("one")), file.append(encode("two"))];
    await Promise.all([...appending, file.sync()]);
    await file.truncate(5);
    assertEquals([await file.size(), await textOf(file)], [5, "onetw"]);
    assertEquals(fileModeOf(`/proc/self/fd/${file.fd}`), 0o640);
  }
  assertEquals(await listed(directory), "caf\\351\\377");
  await using file = await AioFile.open(path);
  assertEquals(await textOf(file), "onetw");
  const error = await assertAioError(file.writeAt(encode("x"), 0), "EBADF");
  assertEquals(error.path, name);
  await assertAioError(AioFile.open(path, options), "EEXIST");
});

/** The permissions of a file. */
function fileModeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

test("AioFile.open() rejects a path that is too long with ENAMETOOLONG", async () => {
  using directory = new Directory();
  const NAME_MAX = 255;
  const PATH_MAX = 4096;
  const fits = directory.at("x".repeat(NAME_MAX));
  Deno.writeTextFileSync(fits, "contents");
  await using file = await AioFile.open(fits);
  assertEquals(await textOf(file), "contents");
  const long = `${directory.path}${"/.".repeat(PATH_MAX / 2)}/file`;
  for (const path of [`${fits}x`, long]) {
    for (const given of [path, encode(path), pathToFileURL(path)]) {
      // A URL has no "." in it.
      if (given instanceof URL && path === long) continue;
      const error = await assertAioError(AioFile.open(given), "ENAMETOOLONG");
      assertEquals([error.syscall, error.path], ["open", path]);
    }
  }
});

test("AioFile.open() rejects paths that are none with a TypeError", async () => {
  const wrong: unknown[] = [
    undefined,
    null,
    3,
    {},
    new Uint16Array([97, 98]),
    [97, 98],
    "nul\0byte",
    encode("nul\0byte"),
    Uint8Array.of(0xe9, 0, 97),
    new Proxy(encode("/dev/null"), {}),
    new URL("https://example.com/"),
  ];
  for (const path of wrong) {
    await assertRejects(() => AioFile.open(path as string), TypeError);
  }
});

test("AioFile.open() does not leave its descriptor to child processes", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file());
  const O_CLOEXEC = 0o2000000;
  assertEquals(flagsOf(file.fd) & O_CLOEXEC, O_CLOEXEC);
});

test("AioFile cannot be made with new", () => {
  const Constructor = AioFile as unknown as new (fd: number) => AioFile;
  assertThrows(() => new Constructor(0), TypeError);
});

test("AioFile.adopt() uses the descriptor, and close() closes it", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  for (const options of [undefined, {}, { closeFd: true }]) {
    const fd = openSync(path, "r");
    const file = AioFile.adopt(fd, options);
    assertEquals(file.fd, fd);
    assertEquals(await textOf(file), "contents");
    await file.close();
    assert(!isOpen(fd));
  }
});

test("AioFile.adopt() with closeFd false leaves the descriptor open", async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("contents"), "r");
  for (let times = 0; times < 2; times++) {
    const file = AioFile.adopt(fd, { closeFd: false });
    assertEquals(await textOf(file), "contents");
    await file.close();
    assert(isOpen(fd));
    await assertAioError(file.readAt(new Uint8Array(1), 0), "EBADF");
  }
  closeSync(fd);
});

test("AioFile.adopt() leaves the position of the descriptor alone", async () => {
  using directory = new Directory();
  const fd = openSync(directory.file("contents"), "r+");
  await using file = AioFile.adopt(fd);
  const byte = new Uint8Array(1);
  readSync(fd, byte);
  await file.readAt(byte, 5);
  await file.writeAt(encode("x"), 7);
  readSync(fd, byte);
  assertEquals(decode(byte), "o");
});

test("AioFile.adopt() takes a descriptor that is not the runtime's", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const { dup } = Deno.dlopen(
    "libc.so.6",
    { dup: { parameters: ["i32"], result: "i32" } } as const,
  ).symbols;
  const known = openSync(path, "r+");
  const fd = dup(known);
  closeSync(known);
  const file = AioFile.adopt(fd);
  assertEquals(await textOf(file), "contents");
  await file.writeAt(encode("C"), 0);
  await file.append(encode("."));
  await file.truncate(9);
  await file.sync();
  assertEquals(Deno.readTextFileSync(path), "Contents.");
  await file.close();
  assertThrows(() => flagsOf(fd));
});

test("AioFile.adopt() throws EBADF for a descriptor that is not open", () => {
  using directory = new Directory();
  const closed = openSync(directory.file(), "r");
  closeSync(closed);
  for (const fd of [closed, -1, 999_999, 2 ** 31 - 1, -(2 ** 31)]) {
    const error = assertThrows(() => AioFile.adopt(fd), AioError) as AioError;
    assertEquals(error.code, "EBADF");
    assertEquals(error.fd, fd);
  }
});

test("AioFile.adopt() throws for what is no descriptor", () => {
  const cases: [unknown, typeof TypeError | typeof RangeError][] = [
    [undefined, TypeError],
    [null, TypeError],
    ["3", TypeError],
    [{}, TypeError],
    [true, TypeError],
    [1.5, RangeError],
    [NaN, RangeError],
    [Infinity, RangeError],
    [2 ** 31, RangeError],
    [2 ** 32, RangeError],
  ];
  for (const [fd, expected] of cases) {
    assertThrows(() => AioFile.adopt(fd as number), expected, "fd must be");
  }
});

test("AioFile.open() opens with the strings of node:fs as node:fs does", async () => {
  using directory = new Directory();
  const path = directory.at("subject");
  const strings: NodeFlags[] = [
    "r",
    "r+",
    "rs",
    "sr",
    "rs+",
    "sr+",
    "w",
    "w+",
    "wx",
    "xw",
    "wx+",
    "xw+",
    "a",
    "a+",
    "ax",
    "xa",
    "ax+",
    "xa+",
    "as",
    "sa",
    "as+",
    "sa+",
  ];

  async function outcome(
    isThere: boolean,
    open: () => Promise<{ fd: number; close(): Promise<void> }>,
  ): Promise<unknown> {
    if (isThere) Deno.writeTextFileSync(path, "contents");
    let flags;
    try {
      const file = await open();
      flags = isLinux ? flagsOf(file.fd) : 0;
      await file.close();
    } catch (error) {
      flags = (error as { code: string }).code;
    }
    const left = await Deno.readTextFile(path).catch(() => null);
    await Deno.remove(path).catch(() => {});
    return { flags, left };
  }

  for (const flags of strings) {
    for (const isThere of [true, false]) {
      assertEquals(
        await outcome(isThere, () => AioFile.open(path, flags)),
        await outcome(isThere, () => openHandle(path, flags)),
        `${flags} of a file that ${isThere ? "is" : "is not"} there`,
      );
    }
  }
});

test("AioFile.open() refuses strings that node:fs does not know", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  for (const flags of ["", "rw", "x", "R", "toString"]) {
    const opening = AioFile.open(path, flags as NodeFlags);
    await assertRejects(() => opening, TypeError, "flags must be one of");
  }
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("AioFile.open() takes the mode behind flags as a string", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.at("private");
  await (await AioFile.open(path, "wx", 0o600)).close();
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  const options: OpenOptions = { write: true };
  const opening = AioFile.open(path, options, 0o600);
  await assertRejects(() => opening, TypeError, "beside options");
});

test("AioFile.open() hands further flags to the system", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  Deno.symlinkSync(path, directory.at("link"));
  const { O_NOFOLLOW, O_NOATIME, O_DIRECTORY } = constants;
  await assertAioError(
    AioFile.open(directory.at("link"), { flags: O_NOFOLLOW }),
    "ELOOP",
  );
  await assertAioError(AioFile.open(path, { flags: O_DIRECTORY }), "ENOTDIR");
  const options = { read: true, write: true, flags: O_NOATIME };
  await using file = await AioFile.open(path, options);
  assertEquals(flagsOf(file.fd) & O_NOATIME, O_NOATIME);
});

test("AioFile.open() refuses flags that have an option of their own", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const { O_RDWR, O_WRONLY, O_APPEND, O_TRUNC, O_CREAT, O_SYNC } = constants;
  for (const flags of [O_RDWR, O_WRONLY, O_APPEND, O_TRUNC, O_CREAT, O_SYNC]) {
    const opening = AioFile.open(path, { flags });
    await assertRejects(() => opening, TypeError, "option of its own");
  }
  await assertRejects(() => AioFile.open(path, { flags: -1 }), RangeError);
  await assertRejects(
    () => AioFile.open(path, { flags: "r" as unknown as number }),
    TypeError,
    "flags must be",
  );
  assertEquals(Deno.readTextFileSync(path), "contents");
});

test("AioFile.adopt() takes a FileHandle, which close() closes", async () => {
  using directory = new Directory();
  for (const options of [undefined, {}, { closeFd: true }]) {
    const handle = await openHandle(directory.file("contents"), "r+");
    const { fd } = handle;
    const file = AioFile.adopt(handle, options);
    assertEquals(file.fd, fd);
    assertEquals(await textOf(file), "contents");
    await file.close();
    assertEquals(handle.fd, -1);
    assert(!isOpen(fd));
  }
});

test("AioFile.adopt() with closeFd false leaves a FileHandle to its owner", async () => {
  using directory = new Directory();
  const handle = await openHandle(directory.file("contents"), "r");
  const { fd } = handle;
  const file = AioFile.adopt(handle, { closeFd: false });
  assertEquals(await textOf(file), "contents");
  await file.close();
  assert(isOpen(fd));
  await handle.close();
});

test("AioFile.adopt() of a FileHandle that is closed throws EBADF", async () => {
  using directory = new Directory();
  const handle = await openHandle(directory.file("contents"), "r");
  await handle.close();
  const error = assertThrows(() => AioFile.adopt(handle), AioError) as AioError;
  assertEquals(error.code, "EBADF");
});

test("close() rejects with what closing a FileHandle reports", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const fd = openSync(path, "r");
  const failure = Object.assign(new Error("EIO: i/o error, close"), {
    code: "EIO",
  });
  const file = AioFile.adopt({ fd, close: () => Promise.reject(failure) });
  await assertAioError(file.close(), "EIO", { fd, syscall: "close" });
  assert(isOpen(fd));
  closeSync(fd);
});
