// allocatePinned() and isPinned().

import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertThrows,
} from "@std/assert";
import { allocatePinned, isPinned } from "../../mod.ts";
import {
  assertBytes,
  decode,
  Directory,
  encode,
  ENGINES,
  isEmulated,
  isLinux,
  isThere,
  pattern,
  report,
  test,
} from "../helpers/mod.ts";
import { AioFile } from "../../mod.ts";

const MIB = 1024 * 1024;

function addressOf(view: Uint8Array<ArrayBuffer>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(view)));
}

test("allocatePinned() gives so many bytes, all zero, aligned to 4096", () => {
  for (const length of [1, 7, 4096, 5000, 512 * 1024, MIB, 5 * MIB + 1]) {
    const view = allocatePinned(length);
    assertEquals(view.constructor, Uint8Array);
    assertEquals(view.length, length);
    assertEquals(addressOf(view) % 4096, 0, `${length} bytes`);
    assert(view.every((byte) => byte === 0), `${length} bytes`);
    view.fill(0xff);
  }
});

test("allocatePinned() aligns as it is asked to", () => {
  for (let alignment = 1; alignment <= 16 * MIB; alignment *= 2) {
    for (const length of [1, 3, 4097, 2 * MIB + 1]) {
      const view = allocatePinned(length, { alignment });
      assertEquals(view.length, length);
      assertEquals(addressOf(view) % alignment, 0, `aligned to ${alignment}`);
    }
  }
});

test("allocatePinned() of no bytes is an empty view that is pinned", () => {
  const view = allocatePinned(0);
  assertEquals(view.length, 0);
  assert(isPinned(view));
  assertEquals(allocatePinned(0, { alignment: MIB }).length, 0);
});

test("allocatePinned() throws a RangeError for lengths that are none", () => {
  for (const length of [-1, 0.5, NaN, Infinity, 2 ** 53, 2 ** 33, 2 ** 52]) {
    assertThrows(() => allocatePinned(length), RangeError, "allocate");
  }
  for (const length of [undefined, null, "8", {}, 8n]) {
    assertThrows(() => allocatePinned(length as number));
  }
});

test("allocatePinned() throws a RangeError for alignments that are none", () => {
  for (const alignment of [0, -1, 3, 0.5, 4095, 6144, NaN, 2 ** 40]) {
    assertThrows(() => allocatePinned(8, { alignment }), RangeError, "align");
  }
  for (const alignment of [null, "8", {}, 8n]) {
    const wrong = { alignment: alignment as number };
    assertThrows(() => allocatePinned(8, wrong), RangeError, "align");
  }
});

test("allocatePinned() gives every view bytes of its own", () => {
  const views = Array.from({ length: 3000 }, (_, at) => {
    const alignment = 2 ** (at % 13);
    const view = allocatePinned(at * 7919 % 9000, { alignment });
    assert(view.every((byte) => byte === 0));
    view.set(pattern(view.length, at * 9001));
    return view;
  });
  views.forEach((view, at) =>
    assertBytes(view, pattern(view.length, at * 9001))
  );
});

test("allocatePinned() puts small ones together, and large ones alone", () => {
  const small = Array.from({ length: 100 }, () => allocatePinned(512));
  assert(new Set(small.map((view) => view.buffer)).size <= 2);
  const large = [allocatePinned(2 * MIB), allocatePinned(2 * MIB)];
  assertNotStrictEquals(large[0].buffer, large[1].buffer);
});

test("pinned memory cannot be transferred, detached or resized", async () => {
  using directory = new Directory();
  await using file = await AioFile.open(directory.file("contents"));
  for (const length of [8, 2 * MIB]) {
    const view = allocatePinned(length);
    const { buffer } = view;
    const read = file.readAt(view, 0);
    const channel = new MessageChannel();
    const attempts: (() => unknown)[] = [
      () => buffer.transfer(),
      () => buffer.transfer(1),
      () => buffer.transferToFixedLength(),
      () => buffer.resize(1),
      () => structuredClone(buffer, { transfer: [buffer] }),
      () => structuredClone(view, { transfer: [view.buffer] }),
      () => channel.port1.postMessage(buffer, [buffer]),
    ];
    for (const attempt of attempts) assertThrows(attempt, TypeError);
    channel.port1.close();
    assertEquals(await read, 8);
    assertEquals(view.length, length);
    assertEquals(decode(view.subarray(0, 8)), "contents");
  }
});

test("isPinned() knows memory that may be given to the system", () => {
  const view = allocatePinned(100);
  const memory = new WebAssembly.Memory({
    initial: 1,
    maximum: 2,
    shared: true,
  });
  const growable = new SharedArrayBuffer(8, { maxByteLength: 16 });
  const pinned = [
    view,
    view.subarray(1, 2),
    view.subarray(5, 5),
    new Uint8Array(view.buffer, 0, 1),
    new Uint8Array(new SharedArrayBuffer(8)),
    new Uint8Array(new SharedArrayBuffer(8), 3, 2),
    new Uint8Array(growable),
    new Uint8Array(memory.buffer),
  ];
  pinned.forEach((bytes, at) => assert(isPinned(bytes), `the ${at}th`));
});

test("isPinned() knows memory that may move", () => {
  // A memory that is not shared can grow, which detaches its buffer.
  const memory = new WebAssembly.Memory({ initial: 1 });
  const forged = new ArrayBuffer(8);
  Object.setPrototypeOf(forged, SharedArrayBuffer.prototype);
  const movable = [
    new Uint8Array(8),
    new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 })),
    new Uint8Array(memory.buffer as ArrayBuffer),
    new Uint8Array(forged),
    allocatePinned(8).slice(),
    structuredClone(allocatePinned(8)),
  ];
  movable.forEach((bytes, at) => assert(!isPinned(bytes), `the ${at}th`));
});

test("isPinned() throws a TypeError for what is no Uint8Array", () => {
  const { buffer } = allocatePinned(8);
  const wrong = [undefined, null, 8, "8", {}, buffer, new DataView(buffer)];
  for (const value of wrong) {
    assertThrows(() => isPinned(value as Uint8Array), TypeError);
  }
});

test("pinned memory is an ordinary Uint8Array to everything else", async () => {
  const view = allocatePinned(5);
  view.set(encode("hello"));
  assertEquals(new TextDecoder().decode(view), "hello");
  assertEquals(await new Response(view).text(), "hello");
  assertEquals(await new Blob([view]).text(), "hello");
  assertEquals(
    await crypto.subtle.digest("SHA-256", view),
    await crypto.subtle.digest("SHA-256", encode("hello")),
  );
  assertEquals(structuredClone(view), encode("hello"));
});

test("a copy of pinned memory can be cloned without what lies beside it", () => {
  const view = allocatePinned(4096);
  const { buffer } = structuredClone(view.slice());
  assertEquals(buffer.byteLength, 4096);
  // Which is why the documentation tells to copy.
  assert(structuredClone(view).buffer.byteLength > 4096);
});

test(
  "readAt() and writeAt() use pinned memory in place, and a copy of any " +
    "other",
  { ignore: !isLinux },
  async () => {
    using directory = new Directory();
    assertEquals(
      await report("pinned_in_place", {
        args: [directory.file()],
        pageCache: false,
      }),
      // Ordinary memory, shared memory, pinned memory.
      { written: "ABB", before: ["\0", "B", "B"], after: ["A", "B", "B"] },
    );
  },
);

test("allocatePinned() memory is given back by the garbage collector", {
  ignore: !isLinux,
}, async () => {
  const { touched_bytes, growth_bytes } = await report("pinned_memory", {
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
  });
  assert(touched_bytes > 1024 * MIB);
  assert(growth_bytes < touched_bytes / 4, `${growth_bytes} bytes`);
});

test("allocatePinned() aligns a MiB and more to 2 MiB", () => {
  for (const length of [MIB, 2 * MIB, 3 * MIB + 1]) {
    assertEquals(addressOf(allocatePinned(length)) % (2 * MIB), 0);
    const wider = allocatePinned(length, { alignment: 8 * MIB });
    assertEquals(addressOf(wider) % (8 * MIB), 0);
  }
});

/**
 * Whether a process may have pages of 2 MiB for what it asks to have them for, and can
 * see whether it asked: under QEMU it cannot.
 */
const HAS_HUGE_PAGES = isLinux && !isEmulated && isGrantedHugePages();

function isGrantedHugePages(): boolean {
  try {
    const modes = "/sys/kernel/mm/transparent_hugepage/enabled";
    return !Deno.readTextFileSync(modes).includes("[never]");
  } catch {
    return false;
  }
}

/** Of the mapping that an address is in. */
function mayHaveHugePages(address: number): boolean {
  const mappings = Deno.readTextFileSync("/proc/self/smaps")
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const mapping = mappings.find((text) => {
    const [begin, end] = text.split(" ")[0].split("-")
      .map((digits) => parseInt(digits, 16));
    return begin <= address && address < end;
  });
  return /^VmFlags:.*\bhg\b/m.test(mapping!);
}

test("allocatePinned() asks for pages of 2 MiB for a MiB and more only", {
  ignore: !HAS_HUGE_PAGES,
}, () => {
  assert(mayHaveHugePages(addressOf(allocatePinned(MIB))));
  assert(!mayHaveHugePages(addressOf(allocatePinned(MIB / 2))));
});

for (
  const [why, how, error] of [
    ["refused", "where the system refuses pinned memory", "RangeError"],
    ["missing", "without WebAssembly", "AioError"],
  ]
) {
  for (const engine of ENGINES) {
    test(
      `${engine}: files work ${how}, direct ones too, and allocatePinned() says so`,
      {
        ignore: !isLinux || !isThere(engine),
      },
      async () => {
        using directory = new Directory();
        const path = directory.file();
        const args = [why, path, directory.at("other")];
        assertEquals(await report("no_pinned_memory", { args, engine }), {
          writable: "262144",
          copyTo: 262_144,
          writeAt: [4096, 65_536, 262_144],
          readAt: [true, true, true],
          allocatePinned: error,
        });
      },
    );
  }
}
