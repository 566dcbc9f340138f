// The engine on node:fs, where nothing native is called: what it has of its own, and
// what its parts promise.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { runtime } from "../../ffi/current.ts";
import type {
  ChannelOwner,
  Demand,
  EngineRequest,
  FileTraits,
  Operation,
} from "../../lib/engine/engine.ts";
import { FsChannel } from "../../lib/engine/fs/fs_channel.ts";
import { newFsEngine } from "../../lib/engine/fs/fs_engine.ts";
import { Slots } from "../../lib/engine/fs/slots.ts";
import { addressInPlace, pinnedAddressOf } from "../../lib/system/pinned.ts";
import { allocatePinned } from "../../mod.ts";
import {
  assertBytes,
  closeSync,
  constants,
  Directory,
  encode,
  endBefore,
  execute,
  hasTerminals,
  isLinux,
  makeFifo,
  openSync,
  pattern,
  report,
  test,
  testWith,
  until,
} from "../helpers/mod.ts";
import { hasTooOldDeno, TOO_OLD_DENO } from "../helpers/oldest_deno.ts";

const FILES_ONLY = ["--allow-read", "--allow-write"];
const program = (name: string) =>
  fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));

/** Runs a way of the program that may not make native calls. */
function withoutFfi(way: string, path: string) {
  const options = { args: [way, path], flags: FILES_ONLY };
  return report("fs_engine", { ...options, engine: "auto" });
}

test("without --allow-ffi, appends have the order of their calls, and are there once a sync() behind them is done", async () => {
  using directory = new Directory();
  assertEquals(await withoutFfi("appends", directory.file()), {
    engine: "fs",
    areThere: true,
    isInOrder: true,
  });
});

test("without --allow-ffi, what the runtime does not have yet is canceled, and nothing else", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(512));
  assertEquals(await withoutFfi("cancels", path), {
    engine: "fs",
    canceled: 36,
    ECANCELED: 36,
    read: 256,
    again: 512,
  });
});

test("without --allow-ffi, files have the runtime's threads in turn", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(512));
  assertEquals(await withoutFfi("turns", path), {
    engine: "fs",
    isInTurn: true,
    all: 804,
  });
});

test("without --allow-ffi, many long reads at once take little memory besides their own", async () => {
  using directory = new Directory();
  const path = directory.file(pattern(1024 * 1024));
  assertEquals(await withoutFfi("memory", path), {
    engine: "fs",
    hasTakenMuch: false,
    bytes: 100 * 1024 * 1024,
  });
});

test("without --allow-ffi, a write from offset 2 ** 53 on is EFBIG and writes nothing", async () => {
  using directory = new Directory();
  const path = directory.file("contents");
  assertEquals(await withoutFfi("offsets", path), {
    engine: "fs",
    write: "EFBIG",
    read: 0,
    text: "contents",
  });
});

test(
  "node:fs copies all of a file to one that appends, which it does not know",
  {
    ignore: !isLinux,
  },
  async () => {
    using directory = new Directory();
    const paths = [directory.file(), directory.file("before")];
    Deno.truncateSync(paths[0], 8 * 2 ** 20);
    using source = Deno.openSync(paths[0], { append: true });
    const contents = pattern(5 * 2 ** 20);
    source.writeSync(contents);
    const flags = [...FILES_ONLY, "--allow-env", "--allow-ffi"];
    const outcome = await report("copies_to_appending", {
      args: paths,
      flags,
      engine: "fs",
    });
    const copied = 13 * 2 ** 20;
    assertEquals(outcome, { engine: "fs", copied, size: copied + 6 });
    const bytes = Deno.readFileSync(paths[1]);
    assertBytes(
      bytes.subarray(6, -contents.length),
      new Uint8Array(8 * 2 ** 20),
    );
    assertBytes(bytes.subarray(-contents.length), contents);
  },
);

test("without --allow-ffi, reads of a FIFO that is silent can be canceled", {
  ignore: !isLinux,
}, async () => {
  using directory = new Directory();
  const path = directory.at("fifo");
  makeFifo(path);
  assertEquals(await withoutFfi("fifo", path), {
    engine: "fs",
    reads: ["ECANCELED", "ECANCELED"],
    canceled: 2,
    next: 3,
  });
});

test("without --allow-ffi, nobody is asked for it at a terminal", {
  ignore: !hasTerminals(),
}, async () => {
  using directory = new Directory();
  const path = directory.file(pattern(512));
  const run = [Deno.execPath(), "run", ...FILES_ONLY, program("fs_engine")];
  const { stdout } = await execute(
    ["script", "-qec", [...run, "cancels", path].join(" "), "/dev/null"],
    { signal: endBefore() },
  );
  assertStringIncludes(stdout, '"engine":"fs"');
  assert(!stdout.includes("requests"), stdout);
});

test('configure() with engine "fs" has it serve where native calls can be made', async () => {
  using directory = new Directory();
  const path = directory.file(pattern(64 * 4096));
  const outcome = await report("transfers_at_once", {
    args: [path],
    engine: "fs",
  });
  assertEquals(outcome, { engine: "fs", wrong: 0, isRight: true });
});

const hasOldDeno = hasTooOldDeno();

test(
  "transfers at once have their own places on a Deno whose node:fs moves the descriptor's position",
  {
    ignore: !hasOldDeno,
  },
  async () => {
    using directory = new Directory();
    const path = directory.file(pattern(64 * 4096));
    const run = ["run", ...FILES_ONLY, "--no-lock", "--quiet"];
    const { stdout, stderr } = await execute(
      ["npx", "-y", TOO_OLD_DENO, ...run, program("transfers_at_once"), path],
      { signal: endBefore() },
    );
    assert(stdout !== "", stderr);
    assertEquals(JSON.parse(stdout), { engine: "fs", wrong: 0, isRight: true });
  },
);

/** A request, as a channel sees it. */
function request(
  operation: Operation,
  view: Uint8Array | null = null,
  offset: number | bigint = 0,
): EngineRequest {
  return {
    operation,
    view,
    offset,
    isWrite: operation === "write" || operation === "append",
    isSync: operation === "sync" || operation === "syncData",
    address: 0,
    length: view?.byteLength ?? 0,
    notify: "auto",
    transferred: 0,
    isShort: false,
    entry: null,
    isViewLost: () => false,
  };
}

/** Each time that it is opened, it is the master's side of another terminal. */
const PTMX = "/dev/ptmx";
const DEVICE = {
  isSeekable: false,
  isAppending: false,
  keepsLanes: true,
  isDirect: false,
  isSynchronous: false,
};

const NOBODY_ELSE: Demand = { outstanding: 1, isSorting: false };

/** A channel on a file, and what came of its requests. */
class Served implements ChannelOwner, Disposable {
  readonly channel: FsChannel;
  readonly slots: Slots;
  readonly outcomes: [operation: Operation, errno: number, bytes: number][] =
    [];
  rooms = 0;
  readonly #directory = new Directory();
  readonly path = this.#directory.file(pattern(4096));
  readonly #fd: number;

  constructor(
    traits: Partial<FileTraits> = {},
    slots = new Slots(8, Infinity),
  ) {
    this.slots = slots;
    this.#fd = openSync(this.path, constants.O_RDWR);
    this.channel = new FsChannel(
      this.#fd,
      {
        path: this.path,
        knownFd: this.#fd,
        flags: constants.O_RDWR,
        isSeekable: true,
        isAppending: false,
        keepsLanes: true,
        isDirect: false,
        isSynchronous: false,
        ...traits,
      },
      this,
      this.slots,
    );
  }

  completed({ operation }: EngineRequest, errno: number, bytes: number): void {
    this.outcomes.push([operation, errno, bytes]);
  }

  roomAgain(): void {
    this.rooms++;
  }

  threw(): void {}

  lackedMemory(): void {}

  putBack(): void {}

  closeFailed(): void {}

  hasRoom(operation: "read" | "write", demand = NOBODY_ELSE): boolean {
    const next = request(operation, new Uint8Array(16));
    return this.channel.hasRoom(next, demand);
  }

  submit(operation: Operation, offset?: number | bigint): boolean {
    const isSync = operation === "sync" || operation === "syncData";
    const view = isSync ? null : new Uint8Array(16);
    return this.channel.submit(request(operation, view, offset));
  }

  /** Resolves when so many are done. */
  done(count: number): Promise<void> {
    return until(() => this.outcomes.length >= count, "it is never done");
  }

  [Symbol.dispose](): void {
    this.channel.close();
    closeSync(this.#fd);
    this.#directory[Symbol.dispose]();
  }
}

const testServed = testWith(() => new Served());

testServed(
  "FsChannel has room for reads and writes at the same time",
  async (served) => {
    assert(served.submit("read") && served.submit("write"));
    assert(served.hasRoom("read") && served.hasRoom("write"));
    assert(served.submit("sync"));
    assertEquals(served.channel.requests().length, 3);
    await served.done(3);
    assertEquals(served.outcomes.toSorted(), [
      ["read", 0, 16],
      ["sync", 0, 0],
      ["write", 0, 16],
    ]);
    assertEquals(served.channel.requests(), []);
    assertEquals(served.rooms, 3);
  },
);

testServed(
  "FsChannel has one that has to keep an order go by itself",
  async (served) => {
    const sorting = { ...NOBODY_ELSE, isSorting: true };
    assert(served.hasRoom("read", sorting));
    served.submit("read");
    assert(!served.hasRoom("read", sorting));
    assert(!served.hasRoom("write", sorting));
    await served.done(1);
    assert(served.hasRoom("write", sorting));
  },
);

testServed("FsChannel cannot cancel what it has", async (served) => {
  const read = request("read", new Uint8Array(16));
  served.channel.submit(read);
  assert(!served.channel.cancel(read));
  await served.done(1);
  assertEquals(served.outcomes, [["read", 0, 16]]);
});

test("FsChannel cancels what is held until the end of the turn", async () => {
  using served = new Served({}, new Slots(3, 1));
  const reads = [1, 2, 3].map(() => request("read", new Uint8Array(16)));
  for (const read of reads) assert(served.channel.submit(read));
  assert(!served.slots.hasRoomFor(served));
  assertEquals(reads.map((read) => served.channel.cancel(read)), [
    false,
    true,
    true,
  ]);
  assertEquals(served.rooms, 1);
  await served.done(1);
  assertEquals(served.outcomes, [["read", 0, 16]]);
  assertEquals(served.channel.requests(), []);
});

testServed(
  "FsChannel refuses a write that node:fs has no offset for, later and with EFBIG",
  async (served) => {
    assert(served.submit("write", 2n ** 53n));
    assertEquals(served.outcomes, []);
    await served.done(1);
    const [[operation, errno]] = served.outcomes;
    assertEquals([operation, errno], ["write", 27]);
    assertEquals(Deno.readFileSync(served.path), pattern(4096));
  },
);

testServed(
  "FsChannel takes no more than there are slots, and tells when there is one",
  async (served) => {
    for (let count = 0; count < 8; count++) {
      assert(served.hasRoom("read"));
      served.submit("read");
    }
    assert(!served.hasRoom("read"));
    await served.done(1);
    assert(served.rooms > 0);
    assert(served.hasRoom("read"));
    await served.done(8);
  },
);

test("FsChannel refuses to transfer nothing as well if the file is not open for it", async () => {
  const nothing = (operation: Operation) =>
    request(operation, new Uint8Array());
  const { O_RDONLY, O_WRONLY } = constants;
  for (const flags of [O_RDONLY, O_WRONLY]) {
    using served = new Served({ flags });
    served.channel.submit(nothing("read"));
    await served.done(1);
    served.channel.submit(nothing("write"));
    await served.done(2);
    assertEquals(served.outcomes, [
      ["read", flags === O_RDONLY ? 0 : 9, 0],
      ["write", flags === O_WRONLY ? 0 : 9, 0],
    ]);
  }
});

test("FsChannel has appends go one at a time, whatever else is asked for", async () => {
  using served = new Served({ isAppending: true });
  served.submit("append");
  assert(!served.hasRoom("write") && !served.hasRoom("read"));
  await served.done(1);
  assert(served.hasRoom("write"));
});

test("FsChannel leaves the error of a write to a synchronous file to that write", async () => {
  using served = new Served({ isSynchronous: true });
  served.submit("write");
  assert(served.hasRoom("read") && !served.hasRoom("write"));
  assert(
    !served.submit("syncData"),
    "it takes the error that Linux tells once",
  );
  await served.done(1);
  assert(served.submit("syncData"));
  assert(served.hasRoom("read") && !served.hasRoom("write"));
  await served.done(2);
  assert(served.hasRoom("write"));
});

test("FsChannel has one transfer at a time where node:fs moves the position", async () => {
  const before = runtime.movesPosition;
  using served = new Served();
  Reflect.set(runtime, "movesPosition", true);
  try {
    served.submit("read");
    assert(!served.hasRoom("read") && !served.hasRoom("write"));
    await served.done(1);
    assert(served.hasRoom("write"));
  } finally {
    Reflect.set(runtime, "movesPosition", before);
  }
});

test(
  "the engine on node:fs has a read that waits for a device leave room for a write",
  {
    ignore: !isLinux,
  },
  async () => {
    const before = runtime.nonblockingCallsMax;
    Reflect.set(runtime, "nonblockingCallsMax", 1);
    const engine = newFsEngine();
    Reflect.set(runtime, "nonblockingCallsMax", before);
    using served = new Served();
    // The master's side of terminals: what is typed comes back.
    const fds = [0, 1].map(() => openSync(PTMX, constants.O_RDWR));
    const traits = { flags: constants.O_RDWR, ...DEVICE };
    const open = (fd: number) =>
      engine.open(fd, { ...traits, knownFd: fd }, served);
    const [reads, otherReads] = fds.map(open);
    const writes = open(fds[0]);
    const read = request("read", new Uint8Array(1));
    const write = request("write", encode("x"));
    assert(reads.hasRoom(read, NOBODY_ELSE) && reads.submit(read));
    assert(!otherReads.hasRoom(read, NOBODY_ELSE), "there is one slot");
    assert(writes.hasRoom(write, NOBODY_ELSE), "it waits for the read");
    assert(writes.submit(write));
    await served.done(2);
    assertEquals(served.outcomes.toSorted(), [["read", 0, 1], ["write", 0, 1]]);
    assert(otherReads.hasRoom(read, NOBODY_ELSE), "the slot is not given back");
    fds.forEach(closeSync);
  },
);

/** Somebody who waits for a slot, and takes it. */
class Taker {
  readonly #slots: Slots;
  readonly #taken: Taker[];

  constructor(slots: Slots, taken: Taker[]) {
    this.#slots = slots;
    this.#taken = taken;
  }

  roomAgain(): void {
    if (!this.#slots.hasRoomFor(this)) return;
    this.#slots.take(this);
  }

  begin(): void {
    this.#taken.push(this);
  }
}

test("Slots go to those who wait, the first one first, and each hears of one", () => {
  const slots = new Slots(2, Infinity);
  const taken: Taker[] = [];
  const takers = [0, 1, 2, 3, 4].map(() => new Taker(slots, taken));
  for (const taker of takers) taker.roomAgain();
  assertEquals(taken, takers.slice(0, 2));
  slots.giveBack();
  assertEquals(taken, takers.slice(0, 3));
  slots.giveBack();
  slots.giveBack();
  assertEquals(taken, takers);
});

test("Slots have calls begin at once while few have begun, and the others together in the next turn", async () => {
  const slots = new Slots(8, 2);
  const begun: number[] = [];
  const take = (number: number) =>
    slots.take({ begin: () => void begun.push(number) });
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
  for (const number of [0, 1, 2, 3]) take(number);
  assertEquals(begun, [0, 1]);
  await null;
  assertEquals(begun, [0, 1]);
  await nextTurn();
  assertEquals(begun, [0, 1, 2, 3]);
  // Four are out: two more done leave as many as hold the next one up.
  slots.giveBack();
  slots.giveBack();
  take(4);
  assertEquals(begun, [0, 1, 2, 3]);
  slots.giveBack();
  take(5);
  assertEquals(begun, [0, 1, 2, 3, 5]);
  await nextTurn();
  assertEquals(begun, [0, 1, 2, 3, 5, 4]);
});

test("allocatePinned() of an address that is not known is not used in place by native calls, until it is", () => {
  const { addressOfBuffer } = runtime;
  Reflect.set(runtime, "addressOfBuffer", () => 0);
  let view;
  try {
    view = allocatePinned(1024 * 1024).subarray(8);
    assertEquals(pinnedAddressOf(view), 0);
    assertEquals(addressInPlace(view), 0);
  } finally {
    Reflect.set(runtime, "addressOfBuffer", addressOfBuffer);
  }
  const address = addressOfBuffer.call(runtime, view.buffer);
  assert(address > 0);
  assertEquals(pinnedAddressOf(view), address + view.byteOffset);
});
