// Buffers that change while a request has them, whether it runs or waits: the
// request fails with a TypeError or does not care, and no byte goes astray.

import { assert, assertEquals } from "@std/assert";
import { type AioError, AioFile, CompletionQueue, metrics } from "../../mod.ts";
import {
  assertBytes,
  concat,
  Directory,
  Fifo,
  isLinux,
  pattern,
  placesOf,
  test,
  turn,
} from "../helpers/mod.ts";
import { outcomeOf } from "./hostile/trial.ts";
import { limit_ms } from "./scale.ts";

const LENGTH = 16;
const MAX_LENGTH = 64;

/** A buffer, what happens to it meanwhile, and whether the request can go on. */
interface Change {
  readonly name: string;
  readonly make: () => Uint8Array;
  readonly change: (view: Uint8Array) => void;
  readonly isHarmless: boolean;
}

function resizable(): ArrayBuffer {
  return new ArrayBuffer(LENGTH, { maxByteLength: MAX_LENGTH });
}

function growable(): SharedArrayBuffer {
  return new SharedArrayBuffer(LENGTH, { maxByteLength: MAX_LENGTH });
}

/** What took a buffer over. It must not be read into. */
const takenOver: ArrayBuffer[] = [];

function resize(...lengths: number[]): Change["change"] {
  return ({ buffer }) => {
    for (const length of lengths) (buffer as ArrayBuffer).resize(length);
  };
}

const CHANGES: Change[] = [
  {
    name: "transferred",
    make: () => new Uint8Array(LENGTH),
    change: ({ buffer }) => {
      takenOver.push((buffer as ArrayBuffer).transfer());
    },
    isHarmless: false,
  },
  {
    name: "transferred with another length",
    make: () => new Uint8Array(LENGTH),
    change: ({ buffer }) => {
      takenOver.push((buffer as ArrayBuffer).transfer(LENGTH * 2));
    },
    isHarmless: false,
  },
  {
    name: "sent away",
    make: () => new Uint8Array(LENGTH),
    change: ({ buffer }) => {
      const transfer = [buffer as ArrayBuffer];
      takenOver.push(structuredClone(transfer[0], { transfer }));
    },
    isHarmless: false,
  },
  {
    name: "shrunk under a view of its own length",
    make: () => new Uint8Array(resizable(), 0, LENGTH),
    change: resize(LENGTH - 1),
    isHarmless: false,
  },
  {
    name: "shrunk with its view",
    make: () => new Uint8Array(resizable()),
    change: resize(LENGTH - 1),
    isHarmless: false,
  },
  {
    name: "shrunk to nothing",
    make: () => new Uint8Array(resizable()),
    change: resize(0),
    isHarmless: false,
  },
  {
    name: "grown with its view",
    make: () => new Uint8Array(resizable()),
    change: resize(MAX_LENGTH),
    isHarmless: true,
  },
  {
    name: "grown behind its view",
    make: () => new Uint8Array(resizable(), 0, LENGTH),
    change: resize(MAX_LENGTH),
    isHarmless: true,
  },
  {
    name: "grown, though it is shared",
    make: () => new Uint8Array(growable()),
    change: ({ buffer }) => {
      (buffer as SharedArrayBuffer).grow(MAX_LENGTH);
    },
    isHarmless: true,
  },
];

/** How a request is made; it resolves with the bytes, or rejects. */
type Submit = (
  file: AioFile,
  type: "read" | "write",
  view: Uint8Array,
) => Promise<number>;

const SUBMITS: Record<string, Submit> = {
  "readAt() and writeAt()": (file, type, view) =>
    type === "read" ? file.readAt(view, 0) : file.writeAt(view, 0),
  "batch()": async (file, type, buffer) => {
    const [outcome] = await file.batch([{ type, buffer, offset: 0 }]);
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  },
  "CompletionQueue": async (file, type, view) => {
    const queue = new CompletionQueue<null>();
    queue[type](file, view, 0, null);
    for await (const { error, bytes } of queue.drain()) {
      if (error === null) return bytes;
      assertEquals((error as AioError).code, "EFAULT");
      throw error.cause;
    }
    throw new Error("no completion");
  },
};

function assertEnded(
  { how, result }: Awaited<ReturnType<typeof outcomeOf>>,
  isHarmless: boolean,
): void {
  if (isHarmless) return assertEquals(result, LENGTH);
  assertEquals(how, "rejecting");
  assert(result instanceof TypeError, String(result));
  const { message } = result as TypeError;
  assert(message.includes("was detached or became shorter while"), message);
}

function trials() {
  return Object.entries(SUBMITS).flatMap(([name, submit]) =>
    placesOf(import.meta.url).map(([place, where]) =>
      [name, submit, place, where] as const
    )
  );
}

for (const [name, submit, place, where] of trials()) {
  test(`a buffer may be taken away from under a read, with ${name} ${place}`, {
    ignore: !isLinux,
    limit_ms,
    ...where,
  }, async () => {
    const bytes = pattern(LENGTH);
    takenOver.length = 0;
    for (const { make, change, isHarmless } of CHANGES) {
      await using fifo = new Fifo();
      const views = [make(), make()];
      const running = outcomeOf(() => submit(fifo.file, "read", views[0]));
      await turn();
      const waiting = outcomeOf(() => submit(fifo.file, "read", views[1]));
      views.forEach(change);
      fifo.feed(bytes);
      assertEnded(await running, isHarmless);
      fifo.feed(bytes);
      assertEnded(await waiting, isHarmless);
      if (!isHarmless) continue;
      for (const view of views) assertBytes(view.subarray(0, LENGTH), bytes);
    }
    for (const buffer of takenOver) {
      assertBytes(new Uint8Array(buffer), new Uint8Array(buffer.byteLength));
    }
    assertEquals(metrics().inFlight, 0);
  });

  test(`a buffer may be taken away from under a write, with ${name} ${place}`, {
    ignore: !isLinux,
    limit_ms,
    ...where,
  }, async () => {
    const bytes = pattern(LENGTH, 1);
    for (const { make, change, isHarmless } of CHANGES) {
      await using fifo = new Fifo();
      fifo.fill();
      const views = [make(), make()];
      for (const view of views) view.set(bytes);
      const running = outcomeOf(() => submit(fifo.file, "write", views[0]));
      await turn();
      const waiting = outcomeOf(() => submit(fifo.file, "write", views[1]));
      views.forEach(change);
      const whole = isHarmless ? concat([bytes, bytes]) : new Uint8Array();
      const written = [await fifo.take(fifo.filling + whole.length)];
      assertEnded(await running, isHarmless);
      assertEnded(await waiting, isHarmless);
      written.push(fifo.drain());
      const found = concat(written).subarray(fifo.filling);
      // All of what was there before the change, or nothing.
      assertBytes(found, whole);
    }
    assertEquals(metrics().inFlight, 0);
  });
}

test("writable() fails for a chunk that is taken away while it is written", {
  limit_ms,
}, async () => {
  using directory = new Directory();
  // Longer than what is copied at once, so that a part of it waits.
  const byteLength = 3 * 256 * 1024;
  const options = { maxByteLength: 2 * byteLength };
  const takings: ((buffer: ArrayBuffer) => void)[] = [
    (buffer) => void buffer.transfer(),
    (buffer) => buffer.resize(byteLength - 1),
    (buffer) => buffer.resize(0),
  ];
  for (const take of takings) {
    await using file = await AioFile.open(directory.file(), { write: true });
    const writer = file.writable({ depth: 1 }).getWriter();
    writer.closed.catch(() => {}); // As write() does.
    await writer.write(new Uint8Array(1)); // From now on writes begin at once.
    const buffer = new ArrayBuffer(byteLength, options);
    const writing = outcomeOf(() => writer.write(new Uint8Array(buffer)));
    take(buffer);
    const { how, result } = await writing;
    assertEquals(how, "rejecting");
    assert(result instanceof TypeError, String(result));
    assertEquals(
      (result as TypeError).message,
      `The chunk of ${byteLength} bytes was detached or became shorter while ` +
        "it was written",
    );
  }
});

test(
  "writable() writes what a chunk had, though it grows while it is written",
  {
    limit_ms,
  },
  async () => {
    using directory = new Directory();
    const byteLength = 3 * 256 * 1024;
    const options = { maxByteLength: 2 * byteLength };
    const make = () => new SharedArrayBuffer(byteLength, options);
    const chunks = [
      new Uint8Array(make()),
      new Uint8Array(make(), 0, byteLength),
      new Uint8Array(new ArrayBuffer(byteLength, options)),
    ];
    for (const chunk of chunks) {
      const path = directory.file();
      await using file = await AioFile.open(path, { write: true });
      const writer = file.writable({ depth: 1 }).getWriter();
      await writer.write(new Uint8Array(1)); // From now on writes begin at once.
      chunk.set(pattern(byteLength));
      const writing = writer.write(chunk);
      const { buffer } = chunk;
      if (buffer instanceof ArrayBuffer) buffer.resize(2 * byteLength);
      else buffer.grow(2 * byteLength);
      await writing;
      await writer.close();
      assertBytes(
        Deno.readFileSync(path),
        concat([new Uint8Array(1), pattern(byteLength)]),
      );
    }
  },
);
