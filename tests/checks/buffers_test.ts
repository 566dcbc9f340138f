// The memory of a request: what is where in a list of buffers, and what is taken for one.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import {
  BufferList,
  buffersOf,
  gather,
  lengthOf,
  scatter,
} from "../../lib/checks/buffers.ts";
import { concat, decode, encode, test } from "../helpers/mod.ts";

/** A list, and the memory of its buffers with a byte around each. */
function listOf(...lengths: number[]) {
  const whole = new Uint8Array(lengths.reduce((sum, l) => sum + l + 1, 1));
  let at = 1;
  const views = lengths.map((length) => {
    at += length + 1;
    return whole.subarray(at - length - 1, at - 1);
  });
  return { whole, list: new BufferList(views) };
}

test("BufferList.pieces() has every byte once, in order", () => {
  const { list } = listOf(3, 1, 5, 2);
  concat([encode("abc"), encode("d"), encode("efghi"), encode("jk")])
    .forEach((byte, at) => scatter(list, at, new Uint8Array([byte])));
  for (let begin = 0; begin <= 11; begin++) {
    for (let end = begin; end <= 11; end++) {
      const pieces = list.pieces(begin, end - begin);
      const bytes = pieces.map(({ view, begin, byteLength }) => {
        assert(list.views.includes(view));
        assert(byteLength > 0);
        return view.subarray(begin, begin + byteLength);
      });
      assertEquals(decode(concat(bytes)), "abcdefghijk".slice(begin, end));
    }
  }
});

test("BufferList.pieces() gives no more than it is asked for", () => {
  const { list } = listOf(3, 1, 5, 2);
  const lengths = (begin: number, most: number) =>
    list.pieces(begin, 11 - begin, most).map(({ byteLength }) => byteLength);
  assertEquals(lengths(0, 2), [3, 1]);
  assertEquals(lengths(1, 3), [2, 1, 5]);
  assertEquals(lengths(10, 3), [1]);
  assertEquals(lengths(4, 1), [5]);
});

test("gather() and scatter() copy some of the bytes, and touch no others", () => {
  for (let begin = 0; begin <= 11; begin++) {
    for (let end = begin; end <= 11; end++) {
      const { whole, list } = listOf(3, 1, 5, 2);
      scatter(list, 0, encode("abcdefghijk"));
      const target = encode("..............");
      gather(target, 2, list, begin, end - begin);
      const expected = `..${"abcdefghijk".slice(begin, end)}`.padEnd(14, ".");
      assertEquals(decode(target), expected);

      whole.fill(46);
      scatter(list, begin, encode("abcdefghijk".slice(begin, end)));
      const all = new Uint8Array(11);
      gather(all, 0, list, 0, 11);
      const around = "abcdefghijk".split("")
        .map((letter, at) => begin <= at && at < end ? letter : ".");
      assertEquals(decode(all), around.join(""));
      const between = [0, 4, 6, 12, 15].map((at) => whole[at]);
      assertEquals(between, [46, 46, 46, 46, 46]);
    }
  }
});

test("gather() and scatter() do the same with one buffer", () => {
  const buffer = encode("abcdef");
  const target = encode("......");
  gather(target, 1, buffer, 2, 3);
  assertEquals(decode(target), ".cde..");
  scatter(buffer, 4, encode("XY"));
  assertEquals(decode(buffer), "abcdXY");
});

test("buffersOf() leaves out what is empty, and a list of one is that buffer", () => {
  const [empty, first, second] = ["", "ab", "c"].map(encode);
  assertEquals(buffersOf(first, "into"), first);
  assert(buffersOf([first], "into") === first);
  assert(buffersOf([empty, first, empty], "into") === first);
  assertEquals(buffersOf([], "into"), new Uint8Array(0));
  assertEquals(buffersOf([empty, empty], "into"), new Uint8Array(0));
  const list = buffersOf([empty, first, empty, second, first], "into");
  assertInstanceOf(list, BufferList);
  assertEquals((list as BufferList).views, [first, second, first]);
  assertEquals(lengthOf(list), 5);
  assertEquals(lengthOf(second), 1);
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

test("buffersOf() says which of them is none", () => {
  const bytes = new Uint8Array(1);
  const messages: [unknown, string][] = [
    [null, "into must be a Uint8Array or a list of them, but is null"],
    [
      new Set(),
      "into must be a Uint8Array or a list of them, but is an object",
    ],
    [
      revoked(),
      "into must be a Uint8Array or a list of them, but is an object",
    ],
    [[bytes, "b"], 'into[1] must be a Uint8Array, but is "b"'],
    [[bytes, [bytes]], "into[1] must be a Uint8Array, but is an array"],
    [new Array(2 ** 32 - 1), "into[0] must be a Uint8Array, but is undefined"],
    [[bytes, new DataView(bytes.buffer)], "but is a DataView"],
  ];
  for (const [given, message] of messages) {
    assertThrows(() => buffersOf(given, "into"), TypeError, message);
  }
  const detached = new Uint8Array(4);
  detached.buffer.transfer();
  assertThrows(
    () => buffersOf([bytes, detached], "into"),
    TypeError,
    "The buffer of into[1] is detached",
  );
});

/** A list whose second element does something when it is asked for. */
function listWith(first: Uint8Array, whenAsked: () => void): Uint8Array[] {
  const given: Uint8Array[] = [first];
  Object.defineProperty(given, 1, {
    get() {
      whenAsked();
      return encode("second");
    },
  });
  return given;
}

test("buffersOf() asks for each element once, and measures after all of them", () => {
  const buffer = new ArrayBuffer(4, { maxByteLength: 8 });
  let asked = 0;
  const given = listWith(new Uint8Array(buffer), () => {
    asked++;
    buffer.resize(3);
  });
  assertEquals(lengthOf(buffersOf(given, "into")), 9);
  assertEquals(asked, 1);
});

test("buffersOf() refuses a buffer that a later element takes away", () => {
  const detached = new Uint8Array(4);
  assertThrows(
    () => buffersOf(listWith(detached, () => detached.buffer.transfer()), "a"),
    TypeError,
    "The buffer of a[0] is detached",
  );
  const buffer = new ArrayBuffer(4, { maxByteLength: 8 });
  const shrunk = new Uint8Array(buffer, 0, 4);
  assertThrows(
    () => buffersOf(listWith(shrunk, () => buffer.resize(2)), "a"),
    TypeError,
    "The buffer of a[0] has become too short for it",
  );
});

test("BufferList.isLost() tells whether a buffer is detached or shorter", () => {
  const make = (maxByteLength: number) => [
    new Uint8Array(2),
    new Uint8Array(new ArrayBuffer(4, { maxByteLength })),
    new Uint8Array(2),
  ];
  const views = make(8);
  const list = new BufferList(views);
  const buffer = views[1].buffer as ArrayBuffer;
  assertEquals(list.isLost(), false);
  buffer.resize(8);
  assertEquals(list.isLost(), false);
  buffer.resize(4);
  assertEquals(list.isLost(), false);
  buffer.resize(3);
  assertEquals(list.isLost(), true);
  for (const at of [0, 1, 2]) {
    const others = make(8);
    const other = new BufferList(others);
    (others[at].buffer as ArrayBuffer).transfer();
    assertEquals(other.isLost(), true);
  }
});

test("BufferList.isLost() looks at the buffers that some bytes belong to", () => {
  const lengths = [3, 1, 5, 2];
  for (const [lost, ends] of [[0, 3], [1, 4], [2, 9], [3, 11]]) {
    const views = lengths.map((length) => new Uint8Array(length));
    const list = new BufferList(views);
    views[lost].buffer.transfer();
    const begins = ends - lengths[lost];
    for (let begin = 0; begin <= 11; begin++) {
      for (let end = begin; end <= 12; end++) {
        const isIn = begin < end && begin < ends && end > begins;
        const found = list.isLost(begin, end - begin);
        assertEquals(found, isIn, `${begin} to ${end} without ${lost}`);
      }
    }
  }
});
