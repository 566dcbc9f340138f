// slice(): a part of a file as a Blob has it, read when it is asked for.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AioError, AioFile, type FileSlice, metrics } from "../../mod.ts";
import {
  assertAioError,
  assertBytes,
  delay,
  Directory,
  encode,
  Fifo,
  isLinux,
  openSync,
  pattern,
  test,
} from "../helpers/mod.ts";

const MIB = 1024 * 1024;

test("slice() has the bytes that Blob.slice() has, at all positions", async () => {
  using directory = new Directory();
  const contents = "0123456789";
  await using file = await AioFile.open(directory.file(contents));
  const blob = new Blob([contents]);
  const positions = [0, 1, 4, 9, 10, 11, 2 ** 40, -1, -4, -10, -11, -(2 ** 40)];
  for (const start of [undefined, ...positions]) {
    for (const end of [undefined, ...positions]) {
      const expected = blob.slice(start, end);
      const actual = file.slice(start, end);
      assertEquals(await actual.text(), await expected.text());
      assertEquals(actual.size, expected.size, `slice(${start}, ${end})`);
      for (const inner of [0, 2, -2, -20, 20]) {
        assertEquals(
          await actual.slice(inner, 5).text(),
          await expected.slice(inner, 5).text(),
          `slice(${start}, ${end}).slice(${inner}, 5)`,
        );
      }
    }
  }
});

test("slice() gives its bytes in each form", async () => {
  using directory = new Directory();
  const contents = pattern(3 * MIB + 7);
  await using file = await AioFile.open(directory.file(contents));
  const parts: [FileSlice, Uint8Array][] = [
    [file.slice(), contents],
    [file.slice(5, 2 * MIB), contents.subarray(5, 2 * MIB)],
    [file.slice(-MIB), contents.subarray(2 * MIB + 7)],
    [file.slice(9, 9), new Uint8Array(0)],
  ];
  for (const [part, expected] of parts) {
    assertBytes(await part.bytes(), expected);
    assertBytes(new Uint8Array(await part.arrayBuffer()), expected);
    const chunks = part.stream({ chunkSize: 4096, depth: 2 });
    assertBytes(await new Response(chunks).bytes(), expected);
  }
});

test("slice().text() is what Blob.text() is", async () => {
  using directory = new Directory();
  const bytes = new Uint8Array([0xef, 0xbb, 0xbf, ...encode("é"), 0xff]);
  await using file = await AioFile.open(directory.file(bytes));
  assertEquals(await file.slice().text(), await new Blob([bytes]).text());
});

test("slice() reads nothing before it is asked", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const { submitted } = metrics();
  const part = file.slice(2, -1).slice(-3);
  assertEquals(part.size, 3);
  assertEquals(metrics().submitted, submitted);
  assertEquals(await part.text(), "ent");
  assertEquals(metrics().submitted, submitted + 1);
});

test("slice() shows what the file has when it is read", async () => {
  using directory = new Directory();
  const path = directory.file("0123456789");
  await using file = await AioFile.open(path, { read: true, write: true });
  const parts = { fixed: file.slice(2, 8), last: file.slice(-4) };
  const { fixed, last } = parts;
  await file.writeAt(encode("ABCDEF"), 10);
  assertEquals([fixed.size, last.size], [6, 10]);
  assertEquals(await last.text(), "6789ABCDEF");
  await file.truncate(4);
  assertEquals([fixed.size, last.size], [2, 0]);
  assertEquals(await fixed.text(), "23");
  assertEquals(await last.text(), "");
  assertEquals(await new Response(last.stream()).text(), "");
});

test("slice() of a slice takes the largest positions, as Blob.slice() does", async () => {
  await using file = await AioFile.open("deno.json");
  const blob = new Blob([await Deno.readFile("deno.json")]);
  const max = Number.MAX_SAFE_INTEGER;
  for (const [start, end] of [[0, max], [max, undefined], [-2, max]]) {
    const part = file.slice(4).slice(start, end);
    const expected = await blob.slice(4).slice(start, end).text();
    assertEquals(await part.text(), expected);
    assertEquals(part.size, expected.length);
    assertEquals(await new Response(part.stream()).text(), expected);
  }
});

test("slice() refuses positions that are no integers", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  assertThrows(() => file.slice(0.5), RangeError, "start must be an integer");
  assertThrows(() => file.slice(0, NaN), RangeError, "end must be an integer");
  assertThrows(() => file.slice("1" as unknown as number), TypeError, "start");
  assertThrows(() => file.slice(0, 2).slice(1, 0.5), RangeError, "end");
});

test("slice() is canceled by a signal", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const part = file.slice();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  for (const call of ["bytes", "arrayBuffer", "text"] as const) {
    const error = await part[call]({ signal }).catch((error) => error);
    assertEquals(error, reason);
  }
  await assertRejects(() => part.text({ priority: -1 }), RangeError);
});

test(
  "slice() of a pipe has no size, and the bytes that come, to the end of the part",
  {
    ignore: !isLinux,
  },
  async () => {
    await using fifo = new Fifo();
    const part = fifo.file.slice(0, 5);
    assertEquals(part.size, 0);
    fifo.feed("hell");
    const text = part.text();
    await delay(5);
    fifo.feed("o world");
    assertEquals(await text, "hello");
  },
);

test(
  "close() waits for slice() of a pipe",
  { ignore: !isLinux },
  async () => {
    await using fifo = new Fifo();
    const { file } = fifo;
    const all = file.slice(0, 12).text();
    fifo.feed("four");
    await delay(5);
    const ended = file.close();
    for (const text of ["five", "six!"]) {
      fifo.feed(text);
      await delay(2);
    }
    assertEquals(await all, "fourfivesix!");
    await ended;
  },
);

const cancellations = {
  "cancel()": (file: AioFile) => file.cancel(),
  "close({ cancel: true })": (file: AioFile) => file.close({ cancel: true }),
  "signal": (_: AioFile, controller: AbortController) => controller.abort(),
};

for (const [name, cancel] of Object.entries(cancellations)) {
  /** What comes of a slice of a pipe that is canceled after some bytes. */
  const canceledAfter = async (fed: string) => {
    await using fifo = new Fifo();
    const { file } = fifo;
    const controller = new AbortController();
    const text = file.slice(0, 12).text({ signal: controller.signal });
    const outcome = Promise.allSettled([text]);
    if (fed !== "") fifo.feed(fed);
    await delay(20);
    await cancel(file, controller);
    return (await outcome)[0];
  };

  test(`slice() of a pipe that ${name} ends has the bytes that came`, {
    ignore: !isLinux,
  }, async () => {
    const outcome = await canceledAfter("four");
    assertEquals(outcome, { status: "fulfilled", value: "four" });
  });

  test(`slice() of a pipe that ${name} ends before a byte came is rejected`, {
    ignore: !isLinux,
  }, async () => {
    const outcome = await canceledAfter("");
    const { status, reason } = outcome as PromiseRejectedResult;
    assert(status === "rejected" && reason instanceof Error);
    const { name: error, code } = reason as AioError;
    const expected = name === "signal"
      ? ["AbortError", DOMException.ABORT_ERR]
      : ["AioError", "ECANCELED"];
    assertEquals([error, code], expected);
  });
}

test("slice() of a pipe goes to its end, as its stream does", {
  ignore: !isLinux,
}, async () => {
  for (const how of ["bytes", "stream"] as const) {
    await using fifo = new Fifo();
    await using reader = AioFile.adopt(openSync(fifo.path, "r"));
    await fifo.file.close();
    const part = reader.slice();
    const all = how === "bytes"
      ? part.text()
      : new Response(part.stream()).text();
    for (const text of ["one ", "and ", "more"]) {
      fifo.feed(text);
      await delay(2);
    }
    fifo.closeControl();
    assertEquals(await all, "one and more");
  }
});

test(
  "slice() of a pipe refuses positions that count from its end with ESPIPE",
  {
    ignore: !isLinux,
  },
  async () => {
    await using fifo = new Fifo();
    for (const [start, end] of [[-2], [0, -2]]) {
      const error = assertThrows(
        () => fifo.file.slice(start, end),
        AioError,
        "counts from the end",
      );
      assertEquals([error.code, error.syscall], ["ESPIPE", "lseek"]);
    }
  },
);

test("slice().stream() refuses options that are none", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  const part = file.slice(2, 4);
  for (const options of [5, "x", null, [], { start: 1 }]) {
    assertThrows(() => part.stream(options as object), TypeError);
  }
});

test("slice() of a closed file is EBADF, whatever is asked", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  const file = await AioFile.open(path);
  const part = file.slice(2, 4);
  await file.close();
  for (
    const call of [
      () => file.slice(),
      () => part.size,
      () => part.slice(-1),
      () => part.stream(),
    ]
  ) assertEquals(assertThrows(call, AioError).code, "EBADF");
  await assertAioError(part.bytes(), "EBADF", { path });
  await assertAioError(part.arrayBuffer(), "EBADF", { path });
  await assertAioError(part.text(), "EBADF", { path });
});
