/** What the interface promises of files. */
import {
  AioError,
  AioFile,
  allocatePinned,
  isPinned,
  metrics,
  supported,
} from "@posix/aio";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";
import {
  BLOCK_BYTES,
  type Checks,
  collectGarbage,
  fileOf,
  IS_NATIVE,
  isLinux,
  newPath,
} from "./kit.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const isDeno = process.versions.deno !== undefined;
const CREATING = { write: true, createNew: true };

export const fileChecks: Checks = {
  "supported() tells of the C interface and of files"() {
    const { available, reason, engine } = supported();
    assert.equal(available, IS_NATIVE, String(reason));
    assert.equal(reason === undefined, IS_NATIVE);
    assert.equal(engine, metrics().engine);
    assert.ok(IS_NATIVE || engine === "fs", engine);
  },

  "-0 is 0 as a mode, as flags, as a length and as a descriptor": async () => {
    const path = newPath();
    await (await AioFile.open(path, { ...CREATING, mode: -0 })).close();
    await using file = await AioFile.open(path, { write: true, flags: -0 });
    await (await AioFile.open(path, "w", -0)).close();
    await file.truncate(-0);
    assert.equal(await file.size(), 0);
    assert.ok(Object.is(AioFile.adopt(-0, { closeFd: false }).fd, 0));
  },

  "readAt() reads at the offset, and is short at the end of the file":
    async () => {
      await using file = await AioFile.open(fileOf(4));
      const bytes = new Uint8Array(BLOCK_BYTES);
      assert.equal(await file.readAt(bytes, 2 * BLOCK_BYTES), BLOCK_BYTES);
      assert.ok(bytes.every((byte) => byte === 2));
      assert.equal(await file.readAt(bytes, 4 * BLOCK_BYTES - 5), 5);
      assert.equal(await file.readAt(bytes, 4 * BLOCK_BYTES), 0);
      assert.equal(await file.readAt(bytes, 3n * 4096n), BLOCK_BYTES);
    },

  "readAt() serves many requests at a time": async () => {
    await using file = await AioFile.open(fileOf(256));
    const blocks = Array.from(
      { length: 256 },
      (_, at) =>
        at % 2 === 0 ? allocatePinned(BLOCK_BYTES) : new Uint8Array(4096),
    );
    const read = await Promise.all(
      blocks.map((block, at) => file.readAt(block, at * BLOCK_BYTES)),
    );
    assert.ok(read.every((bytes) => bytes === BLOCK_BYTES));
    blocks.forEach((block, at) => assert.ok(block.every((b) => b === at)));
  },

  "truncate() to any size works, or is an AioError": async () => {
    await using file = await AioFile.open(newPath(), CREATING);
    for (const length of [2 ** 52 - 1, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
      try {
        await file.truncate(length);
        assert.equal(await file.size(), length);
      } catch (error) {
        assert.ok(error instanceof AioError, String(error));
        assert.equal(error.syscall, "ftruncate");
        if (isLinux) assert.equal(error.code, "EFBIG");
      }
    }
  },

  "readAt() takes Buffer and SharedArrayBuffer": async () => {
    await using file = await AioFile.open(fileOf(2));
    const buffer = Buffer.alloc(10);
    assert.equal(await file.readAt(buffer, BLOCK_BYTES), 10);
    assert.ok(buffer.every((byte) => byte === 1));
    const shared = new Uint8Array(new SharedArrayBuffer(16), 3, 10);
    assert.ok(isPinned(shared));
    assert.equal(await file.readAt(shared, BLOCK_BYTES), 10);
    assert.ok(shared.every((byte) => byte === 1));
  },

  "read() gives memory of its own, short at the end of the file": async () => {
    await using file = await AioFile.open(fileOf(600));
    for (const length of [10, BLOCK_BYTES, 2 ** 31]) {
      const bytes = await file.read(599 * BLOCK_BYTES, length);
      const expected = Math.min(length, BLOCK_BYTES);
      assert.equal(bytes.buffer.byteLength, expected);
      assert.ok(bytes.every((byte) => byte === 599 % 256));
    }
    const all = await file.read(0, 2 ** 40);
    assert.equal(all.length, 600 * BLOCK_BYTES);
    assert.ok(all.every((b, at) => b === (Math.floor(at / BLOCK_BYTES) & 255)));
    assert.equal((await file.read(2 ** 40, 7)).length, 0);
    await assert.rejects(file.read(0, -1), RangeError);
  },

  "slice() is a part of the file that is read when it is asked for":
    async () => {
      const path = newPath();
      const options = { read: true, write: true, create: true };
      await using file = await AioFile.open(path, options);
      const part = file.slice(2, 8);
      assert.equal(part.size, 0);
      await file.writeAt(encode("0123456789"), 0);
      assert.equal(part.size, 6);
      assert.equal(await part.text(), "234567");
      assert.equal(await part.slice(1, -1).text(), "3456");
      assert.equal(await new Response(part.stream()).text(), "234567");
      assert.equal((await file.slice(-3).arrayBuffer()).byteLength, 3);
    },

  "open() takes URLs with escapes of UTF-8, and refuses others": async () => {
    const path = `${newPath()} #é`;
    await using file = await AioFile.open(pathToFileURL(path), CREATING);
    await file.writeAt(encode("hello"), 0);
    assert.equal(readFileSync(path, "utf8"), "hello");
    for (const escaped of ["a%2Fb", "a%00b", "caf%E9", "a%zz"]) {
      const url = new URL(`file:///tmp/${escaped}`);
      await assert.rejects(AioFile.open(url), TypeError);
    }
    const elsewhere = new URL("file://elsewhere/etc/hosts");
    await assert.rejects(AioFile.open(elsewhere), TypeError);
  },

  "open() rejects paths that are too long, and what is none": async () => {
    const long = `${newPath()}${"x".repeat(255)}`;
    for (const path of [long, encode(long)]) {
      const named = { name: "AioError", code: "ENAMETOOLONG", path: long };
      await assert.rejects(AioFile.open(path), named);
    }
    for (const path of ["a\0b", encode("a\0b"), new Uint16Array(2)]) {
      await assert.rejects(AioFile.open(path as string), TypeError);
    }
  },

  "writeAt(), append(), sync(), truncate() and size() do what they say":
    async () => {
      const path = fileOf(1);
      await using file = await AioFile.open(pathToFileURL(path), {
        read: true,
        write: true,
      });
      assert.equal(await file.writeAt(encode("hello"), 8192), 5);
      await Promise.all([file.sync(), file.syncData(), file.sync()]);
      assert.equal(await file.size(), 8192 + 5);
      assert.equal(readFileSync(path).toString("latin1", 8192), "hello");
      await file.truncate(3);
      assert.equal(await file.size(), 3);
    },

  "append() keeps the order of the calls": async () => {
    const path = newPath();
    await using file = await AioFile.open(path, { append: true, create: true });
    const lines = Array.from({ length: 50 }, (_, at) => `line ${at}\n`);
    await Promise.all(lines.map((line) => file.append(encode(line))));
    assert.equal(readFileSync(path, "utf8"), lines.join(""));
  },

  "readAt() fills a list of buffers in order": async () => {
    await using file = await AioFile.open(fileOf(40));
    for (const options of [undefined, {}]) {
      for (
        const allocate of [
          allocatePinned,
          (length: number) => Buffer.alloc(length),
        ]
      ) {
        const into = [10, 0, BLOCK_BYTES, 9 * BLOCK_BYTES]
          .map((length) => allocate(length));
        const bytes = await file.readAt(into, BLOCK_BYTES - 10, options);
        assert.equal(bytes, 10 + 10 * BLOCK_BYTES);
        const [first, , second, third] = into;
        assert.ok(first.every((byte) => byte === 0));
        assert.ok(second.every((byte) => byte === 1));
        third.forEach((byte, at) =>
          assert.equal(byte, 2 + Math.floor(at / BLOCK_BYTES))
        );
        assert.equal(await file.readAt(into, 40 * BLOCK_BYTES - 7, options), 7);
        assert.deepEqual([...first], [39, 39, 39, 39, 39, 39, 39, 0, 0, 0]);
      }
    }
  },

  "writeAt() and append() write a list of buffers, of any number": async () => {
    const path = newPath();
    const options = { read: true, write: true, create: true };
    await using file = await AioFile.open(path, options);
    const parts = Array.from({ length: 1500 }, (_, at) => `part ${at};`);
    const text = parts.join("");
    for (
      const allocate of [
        allocatePinned,
        (length: number) => new Uint8Array(length),
      ]
    ) {
      const from = parts.map((part) => {
        const bytes = allocate(part.length);
        bytes.set(encode(part));
        return bytes;
      });
      await file.truncate();
      assert.equal(await file.writeAt(from, 3), text.length);
      assert.equal(await file.append(from), text.length);
      assert.equal(readFileSync(path, "latin1"), `\0\0\0${text}${text}`);
    }
    const wrong = [encode("a"), "b"] as Uint8Array[];
    await assert.rejects(file.append(wrong), TypeError);
  },

  "batch() reads and writes in one call": async () => {
    await using file = await AioFile.open(fileOf(4), {
      read: true,
      write: true,
    });
    const into = allocatePinned(BLOCK_BYTES);
    const settled = await file.batch([
      { type: "read", buffer: into, offset: 3 * BLOCK_BYTES },
      { type: "write", buffer: new Uint8Array(7).fill(9), offset: 0 },
    ]);
    assert.deepEqual(settled, [
      { status: "fulfilled", value: BLOCK_BYTES },
      { status: "fulfilled", value: 7 },
    ]);
    assert.ok(into.every((byte) => byte === 3));
  },

  "open() creates and truncates as its options say": async () => {
    const path = newPath();
    const options = { write: true, createNew: true, mode: 0o600 };
    const file = await AioFile.open(path, options);
    await file.writeAt(encode("hello"), 0);
    assert.equal(fstatSync(file.fd).mode & 0o777, 0o600);
    await file.close();
    await assert.rejects(AioFile.open(path, options), { code: "EEXIST" });
    await using again = await AioFile.open(path, {
      write: true,
      truncate: true,
    });
    assert.equal(await again.size(), 0);
  },

  "open() with direct transfers past the page cache": async () => {
    const path = fileOf(4);
    let file;
    try {
      file = await AioFile.open(path, { direct: true });
    } catch (error) {
      // Not every file system has it.
      assert.equal((error as AioError).code, "EINVAL");
      return;
    }
    const block = allocatePinned(BLOCK_BYTES);
    assert.equal(await file.readAt(block, BLOCK_BYTES), BLOCK_BYTES);
    assert.ok(block.every((byte) => byte === 1));
    await file.close();
  },

  "adopt() leaves the descriptor open if told so": async () => {
    const fd = openSync(fileOf(1), "r");
    const file = AioFile.adopt(fd, { closeFd: false });
    assert.equal(await file.readAt(new Uint8Array(7), 0), 7);
    await file.close();
    assert.equal(fstatSync(fd).size, BLOCK_BYTES);
    closeSync(fd);
  },

  "stat() is exact": async () => {
    const path = fileOf(3);
    await using file = await AioFile.open(path);
    const { size, mtimeNs } = await file.stat();
    assert.equal(size, 3n * 4096n);
    assert.equal(typeof mtimeNs, "bigint");
    const known = statSync(path, { bigint: true }).mtimeNs;
    // What Deno's own function knows ends with the milliseconds.
    const unit = isDeno ? 1_000_000n : 1n;
    assert.equal(mtimeNs / unit, known / unit);
  },

  ...(IS_NATIVE ? {} : {
    "allocate(), punchHole(), advise() and lock() want native calls":
      async () => {
        await using file = await AioFile.open(fileOf(1), "r+");
        const calls = [
          () => file.allocate(0, 1),
          () => file.punchHole(0, 1),
          () => file.advise("random"),
          () => file.lock(),
          () => file.tryLock(),
        ];
        for (const call of calls) {
          await assert.rejects(call, { code: "ENOTSUP" });
        }
      },
  }),

  "allocate() and punchHole() set space aside, and give it back": async () => {
    if (!isLinux || !IS_NATIVE) return;
    await using file = await AioFile.open(fileOf(16), "r+");
    await file.punchHole(4 * BLOCK_BYTES, 8 * BLOCK_BYTES);
    const bytes = await file.read(0, Infinity);
    const isHole = (block: number) => block >= 4 && block < 12;
    assert.ok(bytes.every((byte, at) => {
      const block = Math.floor(at / BLOCK_BYTES);
      return byte === (isHole(block) ? 0 : block);
    }));
    // More than Node has threads, and koffi has calls.
    await Promise.all(
      Array.from({ length: 300 }, (_, at) => file.allocate(at * 512, 512)),
    );
    assert.equal(await file.size(), 300 * 512);
    await file.advise("willneed", 0, 4096);
    await assert.rejects(file.allocate(0, 2 ** 52), (error: AioError) => {
      return ["EFBIG", "ENOSPC"].includes(error.code);
    });
  },

  "lock() excludes another open file until it is given up": async () => {
    if (!isLinux || !IS_NATIVE) return;
    const path = fileOf(1);
    await using one = await AioFile.open(path, "r+");
    await using other = await AioFile.open(path, "r+");
    const lock = await one.lock({ offset: 10, length: 10 });
    assert.equal(await other.tryLock({ offset: 19 }), null);
    assert.notEqual(await other.tryLock({ length: 10 }), null);
    const waiting = other.lock({ offset: 15n, shared: true });
    await one.unlock(lock);
    assert.equal((await waiting).shared, true);
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(one.lock({ signal }), /enough/);
  },

  "copyTo() copies a part, and leaves holes": async () => {
    await using source = await AioFile.open(fileOf(4), "r+");
    await source.writeAt(encode("end"), 4 * 1024 * 1024);
    await using target = await AioFile.open(newPath(), "w+");
    const size = await source.size();
    assert.equal(await source.copyTo(target), size);
    const [expected, copied] = [
      await source.read(0, size),
      await target.read(0, Infinity),
    ];
    assert.ok(Buffer.compare(expected, copied) === 0);
    const { blocks } = await target.stat();
    const isSparse = blocks * 512n < 1024n * 1024n;
    assert.ok(!isLinux || !IS_NATIVE || isSparse, `${blocks} blocks`);
    const options = { offset: BLOCK_BYTES, length: 3, to: 1n };
    assert.equal(await source.copyTo(target, options), 3);
    assert.deepEqual([...await target.read(0, 5)], [0, 1, 1, 1, 0]);
    await assert.rejects(source.copyTo(source), { code: "EINVAL" });
  },

  "open() takes the strings of node:fs": async () => {
    const path = newPath();
    await using file = await AioFile.open(path, "wx+");
    await file.writeAt(encode("hello"), 0);
    assert.equal(await file.slice().text(), "hello");
    await assert.rejects(AioFile.open(path, "ax"), { code: "EEXIST" });
    await using other = await AioFile.open(path, "r");
    await assert.rejects(other.writeAt(encode("x"), 0), { code: "EBADF" });
  },

  "a FileHandle that was adopted is not collected before its file is closed":
    async () => {
      const adopt = async () => AioFile.adopt(await open(fileOf(1))).fd;
      const fd = await adopt();
      // An old Deno has nothing to have garbage collected with, and keeps handles open.
      if (!isDeno) await collectGarbage();
      assert.equal(fstatSync(fd).size, BLOCK_BYTES);
    },

  "adopt() takes a FileHandle, and closes it unless told otherwise":
    async () => {
      const handle = await open(fileOf(1));
      const { fd } = handle;
      const kept = AioFile.adopt(handle, { closeFd: false });
      assert.equal((await kept.read(0, 7)).length, 7);
      await kept.close();
      const file = AioFile.adopt(handle);
      assert.equal(file.fd, fd);
      assert.equal((await file.read(0, 7)).length, 7);
      await file.close();
      assert.equal(handle.fd, -1);
      assert.throws(() => fstatSync(fd), { code: "EBADF" });
    },

  "close() refuses what comes later": async () => {
    const file = await AioFile.open(fileOf(1));
    const reading = file.readAt(new Uint8Array(10), 0);
    await file.close();
    assert.equal(await reading, 10);
    await file.close();
    await assert.rejects(file.readAt(new Uint8Array(1), 0), { code: "EBADF" });
  },

  "await using closes the file, after an error too": async () => {
    let left: AioFile | undefined;
    await assert.rejects(async () => {
      await using file = await AioFile.open(fileOf(1));
      left = file;
      throw new RangeError("in the block");
    }, RangeError);
    await assert.rejects(left!.readAt(new Uint8Array(1), 0), { code: "EBADF" });
    assert.throws(() => fstatSync(left!.fd), { code: "EBADF" });
  },

  "metrics() counts": async () => {
    await using file = await AioFile.open(fileOf(1));
    const { completed } = metrics();
    await file.readAt(new Uint8Array(1), 0);
    assert.equal(metrics().completed, completed + 1);
    assert.equal(metrics().inFlight, 0);
  },

  "allocatePinned() cannot be pulled away": () => {
    const view = allocatePinned(100);
    assert.ok(isPinned(view));
    assert.ok(!isPinned(new Uint8Array(100)));
    try {
      // Some refuse, and some make a copy.
      structuredClone(view, { transfer: [view.buffer] });
    } catch (error) {
      assert.ok(error instanceof Error || error instanceof DOMException);
    }
    assert.equal(view.byteLength, 100);
  },
};

if (isLinux) {
  Object.assign(
    fileChecks,
    {
      "open() takes bytes that are not UTF-8": async () => {
        const path = newPath();
        const bytes = Buffer.concat([Buffer.from(path), Buffer.of(0xe9, 0xff)]);
        const opening = AioFile.open(new Uint8Array(bytes), CREATING);
        if (isDeno && metrics().engine === "fs") {
          return await assert.rejects(opening, { code: "EILSEQ" });
        }
        await using file = await opening;
        await Promise.all([file.append(encode("hello")), file.sync()]);
        // Deno has no name for it.
        if (!isDeno) assert.equal(readFileSync(bytes, "utf8"), "hello");
        assert.equal(await file.size(), 5);
        await assert.rejects(file.readAt(new Uint8Array(1), 0), {
          code: "EBADF",
          path: `${path}\ufffd\ufffd`,
        });
        await assert.rejects(AioFile.open(bytes, CREATING), { code: "EEXIST" });
      },
    } satisfies Checks,
  );
}
