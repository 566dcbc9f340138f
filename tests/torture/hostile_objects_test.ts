// Objects that are not what they seem: getters that throw, that change their
// answer or that close the file meanwhile, methods without their object, signals
// that lie. And what is closed.

import { assert, assertEquals } from "@std/assert";
import {
  Aiocb,
  AioError,
  AioFile,
  type BatchRequest,
  CompletionQueue,
  metrics,
  type QueueRequest,
} from "../../mod.ts";
import {
  decode,
  Directory,
  encode,
  Fifo,
  isLinux,
  isPending,
  test,
} from "../helpers/mod.ts";
import { READERS } from "./hostile/objects.ts";
import {
  classOf,
  Figures,
  inWorld,
  isRaw,
  outcomeOf,
  type World,
} from "./hostile/trial.ts";
import { Sentinel, VALUES } from "./hostile/values.ts";
import { limit_ms, tell } from "./scale.ts";

/** An object with a getter in the place of one property. */
function withGetter(object: object, key: string, get: () => unknown): object {
  return Object.defineProperty({ ...object }, key, { get, enumerable: true });
}

/** Everything that a queue has in flight is done. */
async function drain({ queue }: World): Promise<void> {
  for await (const _ of queue.drain());
}

/** The code of an `AioError`; anything else as it is. */
function codeOf(error: unknown): unknown {
  return error instanceof AioError ? error.code : error;
}

function assertNothingInFlight(): void {
  const { submitted, completed, failed, canceled, inFlight, queued } =
    metrics();
  assertEquals({ inFlight, queued }, { inFlight: 0, queued: 0 });
  assertEquals(submitted, completed + failed + canceled);
}

test("any function lets the error of a getter through, and submits nothing", {
  limit_ms,
}, async () => {
  await inWorld(async (world) => {
    for (const { name, reports, right, call } of READERS) {
      for (const key of Object.keys(right(world))) {
        const sentinel = new Sentinel(key);
        const object = withGetter(right(world), key, () => {
          throw sentinel;
        });
        const { submitted } = metrics();
        const { how, result } = await outcomeOf(() => call(world, object));
        assertEquals(result, sentinel, `${name} with ${key}`);
        assertEquals(how, reports, `${name} with ${key}`);
        assertEquals(metrics().submitted, submitted, `${name} with ${key}`);
      }
    }
  });
});

test("any function reads each property once, so that no answer can change", {
  limit_ms,
}, async () => {
  await inWorld(async (world) => {
    for (const { name, right, call } of READERS) {
      const object = right(world);
      const reads = new Map<PropertyKey, number>();
      const watched = new Proxy(object, {
        get(target, key) {
          reads.set(key, (reads.get(key) ?? 0) + 1);
          return Reflect.get(target, key);
        },
      });
      const { how, result } = await outcomeOf(() => call(world, watched));
      const keys = Object.keys(object);
      assertEquals(how, "accepting", `${name}: ${result}`);
      assertEquals([...reads.keys()].sort(), keys.sort(), name);
      for (const [key, count] of reads) {
        assertEquals(count, 1, `${name} reads ${String(key)}`);
      }
      await drain(world);
    }
    assertNothingInFlight();
  });
});

test("any function survives a getter that closes the file or the queue", {
  limit_ms,
}, async () => {
  for (const { name, right, call } of READERS) {
    for (const key of Object.keys(right({} as World))) {
      for (const what of ["file", "queue"] as const) {
        await inWorld(async (world) => {
          const object = right(world);
          let closing: Promise<void> | undefined;
          const closer = withGetter(object, key, () => {
            closing ??= world[what].close();
            return Reflect.get(object, key);
          });
          const { how, result } = await outcomeOf(() => call(world, closer));
          if (how !== "accepting") {
            assertEquals(codeOf(result), "EBADF", name);
          }
          await closing;
          await drain(world);
          assertNothingInFlight();
        });
      }
    }
  }
});

test(
  "any function refuses a buffer that a getter takes away, and submits nothing",
  {
    limit_ms,
  },
  async () => {
    await inWorld(async ({ file, queue }) => {
      const contents = await file.read(0, Infinity);
      let bytes = encode("");
      /** An object of which each property may take the bytes away. */
      const taking = (object: object, key: string) =>
        withGetter(object, key, () => {
          if (!bytes.buffer.detached) bytes.buffer.transfer();
          return Reflect.get(object, key);
        });
      const { signal } = new AbortController();
      const options = (key: string) => taking({ priority: 0, signal }, key);
      const request = { type: "write" as const, buffer: bytes, offset: 0 };
      const other = {
        ...request,
        buffer: encode("other"),
        priority: 0,
        signal,
      };
      const batch = (key: string) => {
        const requests = [{ ...request, buffer: bytes }, taking(other, key)];
        return file.batch(requests as BatchRequest[]);
      };
      const calls: [keys: string[], call: (key: string) => unknown][] = [
        [["priority", "signal"], (key) => file.writeAt(bytes, 0, options(key))],
        [["priority", "signal"], (key) => file.readAt(bytes, 0, options(key))],
        [["priority", "signal"], (key) => file.append(bytes, options(key))],
        [
          ["priority", "signal"],
          (key) => file.writeAt([bytes], 0, options(key)),
        ],
        [Object.keys(other), batch],
        [
          ["tag", "offset", "priority", "file"],
          (key) =>
            queue.submit([
              taking(
                { ...request, buffer: bytes, file, tag: 0, priority: 0 },
                key,
              ),
            ] as unknown as QueueRequest<number>[]),
        ],
      ];
      const { submitted } = metrics();
      for (const [keys, call] of calls) {
        for (const key of keys) {
          bytes = encode("taken away");
          const { result } = await outcomeOf(() => call(key));
          assert(result instanceof TypeError, `${call} with ${key}: ${result}`);
        }
      }
      assertEquals(metrics().submitted, submitted);
      assertEquals(await file.read(0, Infinity), contents);
    });
  },
);

test("close() waits for a copy that is being made when a getter calls it", {
  ignore: !isLinux,
  limit_ms,
}, async () => {
  await using fifo = new Fifo();
  await inWorld(async ({ file }) => {
    let closing: Promise<void> | undefined;
    const copying = fifo.file.copyTo(file, {
      get length() {
        closing = fifo.file.close();
        return 1;
      },
    });
    const isWaiting = await isPending(closing!);
    fifo.feed("x");
    assertEquals(await copying, 1);
    await closing;
    assert(isWaiting);
    assertEquals(decode(await file.read(0, 1)), "x");
  });
});

test(
  "any method refuses to work without its object",
  { limit_ms },
  async () => {
    const figures = new Figures();
    const receivers = [
      ...VALUES,
      ...[AioFile, CompletionQueue, Aiocb].map(({ prototype }) => ({
        name: "an object of another class",
        make: () => Object.create(prototype),
      })),
    ];
    await inWorld(async ({ path }) => {
      await using file = await AioFile.open(path);
      const proxy = { name: "a Proxy", make: () => new Proxy(file, {}) };
      for (const { prototype } of [AioFile, CompletionQueue, Aiocb]) {
        for (const { name, call } of membersOf(prototype)) {
          for (const receiver of [...receivers, proxy]) {
            const { submitted } = metrics();
            const { how, result } = await outcomeOf(() =>
              call(receiver.make())
            );
            figures.count(result);
            const where = `${name} of ${receiver.name}: ${result}`;
            assertEquals(classOf(result), "TypeError", where);
            assertEquals(isRaw((result as Error).message), false, where);
            assertEquals(how, PROMISING.has(name) ? "rejecting" : "throwing");
            assertEquals(metrics().submitted, submitted);
          }
        }
      }
    });
    tell(String(figures));
  },
);

/** The members that return promises. */
const PROMISING = new Set([
  "read",
  "readAt",
  "writeAt",
  "append",
  "sync",
  "syncData",
  "batch",
  "cancel",
  "size",
  "truncate",
  "stat",
  "allocate",
  "punchHole",
  "advise",
  "lock",
  "tryLock",
  "unlock",
  "copyTo",
  "close",
  "Symbol(Symbol.asyncDispose)",
].map((name) => `AioFile.${name}`));
PROMISING.add("CompletionQueue.close");
PROMISING.add("CompletionQueue.Symbol(Symbol.asyncDispose)");

interface Member {
  readonly name: string;
  readonly call: (receiver: unknown) => unknown;
}

/** Every method, getter and setter. */
function membersOf(prototype: object): Member[] {
  return Reflect.ownKeys(prototype).flatMap((key) => {
    if (key === "constructor") return [];
    const name = `${prototype.constructor.name}.${String(key)}`;
    const { value, get, set } = Object.getOwnPropertyDescriptor(
      prototype,
      key,
    )!;
    return [value, get, set].flatMap((fn) =>
      typeof fn === "function"
        ? [{ name, call: (receiver: unknown) => fn.call(receiver) }]
        : []
    );
  });
}

test("any method of a closed file reports EBADF, whatever it is given", {
  limit_ms,
}, async () => {
  await inWorld(async ({ path }) => {
    const file = await AioFile.open(path, { read: true, write: true });
    await file.close();
    const bytes = new Uint8Array(8);
    const request = { type: "read" as const, buffer: bytes, offset: 0 };
    const signal = AbortSignal.abort();
    const calls: (() => unknown)[] = [
      () => file.readAt(bytes, 0),
      () => file.readAt(bytes, 0, { signal }),
      () => file.readAt(bytes, 0, { priority: 1000 }),
      () => file.writeAt(bytes, 0),
      () => file.append(bytes),
      () => file.sync(),
      () => file.syncData(),
      () => file.batch([request]),
      () => file.cancel(),
      () => file.size(),
      () => file.truncate(),
      () => file.truncate(-1),
      () => file.readable(),
      () => file.readable({ depth: 0 }),
      () => file.writable(),
    ];
    await using queue = new CompletionQueue<number>();
    calls.push(
      () => queue.read(file, bytes, 0, 1),
      () => queue.write(file, bytes, 0, 1),
      () => queue.sync(file, 1),
      () => queue.submit([{ ...request, file, tag: 1 }]),
    );
    const { submitted } = metrics();
    for (const call of calls) {
      const { result } = await outcomeOf(call);
      assertEquals(codeOf(result), "EBADF", `${call}`);
    }
    await file.close();
    assertEquals(metrics().submitted, submitted);
    assertEquals(queue.inFlight, 0);
  });
});

test(
  "a closed CompletionQueue reports EBADF for each request, and yields none",
  { limit_ms },
  async () => {
    await inWorld(async ({ file }) => {
      const queue = new CompletionQueue<number>();
      await queue.close();
      const bytes = new Uint8Array(8);
      const calls = [
        () => queue.read(file, bytes, 0, 1),
        () => queue.write(file, bytes, 0, 1),
        () => queue.sync(file, 1),
        () => queue.submit([{ type: "sync", file, tag: 1 }]),
      ];
      const { submitted } = metrics();
      for (const call of calls) {
        const { how, result } = await outcomeOf(call);
        assertEquals(how, "throwing");
        assertEquals(codeOf(result), "EBADF");
      }
      assertEquals(metrics().submitted, submitted);
      assertEquals(queue.cancel(), 0);
      await queue.close();
      for await (const _ of queue) throw new Error("a completion");
      for await (const _ of queue.drain()) throw new Error("a completion");
    });
  },
);

test(
  "a signal is asked what it is, not what its properties say",
  { limit_ms },
  async () => {
    await inWorld(async ({ file }) => {
      const fail = () => {
        throw new Sentinel("a method of the signal throws");
      };
      const controller = new AbortController();
      const { signal } = controller;
      for (const name of ["addEventListener", "removeEventListener"]) {
        Object.defineProperty(signal, name, { value: fail });
      }
      // Its runtime is not told that it is aborted, so it never will be.
      const never = new AbortController().signal;
      Object.defineProperty(never, "aborted", { value: true });
      Object.defineProperty(never, "reason", { value: "a lie" });
      const read = (signal: AbortSignal) =>
        outcomeOf(() => file.readAt(new Uint8Array(8), 0, { signal }));
      for (const harmless of [signal, never]) {
        assertEquals(await read(harmless), { how: "accepting", result: 8 });
      }
      Object.defineProperty(signal, "aborted", { value: false });
      controller.abort("the truth");
      assertEquals(await read(signal), {
        how: "rejecting",
        result: "the truth",
      });
      assertNothingInFlight();
    });
  },
);

test(
  "a file keeps its descriptor, whatever is assigned to it",
  { limit_ms },
  async () => {
    using directory = new Directory();
    const path = directory.file("contents");
    await using other = await AioFile.open(directory.file("other"));
    const file = await AioFile.open(path);
    const { how, result } = await outcomeOf(() =>
      Reflect.apply(assign, null, [file, other.fd])
    );
    assertEquals(how, "throwing");
    assert(result instanceof TypeError);
    await file.close();
    assertEquals(await other.size(), 5);
  },
);

function assign(file: { fd: number }, fd: number): void {
  file.fd = fd;
}
