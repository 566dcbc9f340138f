// What waits for a ring on Deno: the event loop, by a handle that Deno does not
// document, and a thread where that handle is another one than expected.

import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { runtime } from "../../ffi/current.ts";
import { Rings } from "../../ffi/io_uring.ts";
import { AioFile, configure, metrics } from "../../mod.ts";
import { openPipe, write } from "../helpers/channels.ts";
import { delay, test } from "../helpers/mod.ts";

const onFirst = {
  engine: "io_uring",
  onFirstThread: import.meta.url,
} as const;

const ROUNDS = 5;

/** Reads what a pipe has later, and returns how often a thread waited for that. */
async function threadsOfReads(): Promise<number> {
  configure({ engine: "io_uring" });
  const { reader, writer } = openPipe();
  await using file = AioFile.adopt(reader);
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = new Uint8Array(1);
    const read = file.readAt(bytes, 0);
    await delay(2);
    write(writer, Uint8Array.of(round));
    assertEquals([await read, ...bytes], [1, round]);
  }
  return metrics().suspends;
}

/** Has programs find another handle of pipes. */
function replacePipe(Pipe: new () => object): void {
  const binding = () => ({ Pipe, constants: { SOCKET: 0 } });
  Reflect.set(process, "binding", binding);
}

test(
  "no thread waits for a ring, once the event loop has been seen to",
  onFirst,
  async () => {
    const suspends = await threadsOfReads();
    assert(suspends <= 1, `${suspends} waits`);
  },
);

test(
  "a thread waits for a ring where there is no handle of pipes",
  onFirst,
  async () => {
    Reflect.deleteProperty(process, "binding");
    assertEquals(Reflect.get(process, "binding"), undefined);
    assert(await threadsOfReads() > 1);
  },
);

test(
  "a thread waits for a ring where the handle does not take an eventfd",
  onFirst,
  async () => {
    replacePipe(
      class {
        open = () => -1;
      },
    );
    assert(await threadsOfReads() > 1);
  },
);

test(
  "a thread waits for a ring where the handle never tells of anything",
  onFirst,
  async () => {
    replacePipe(
      class {
        open = () => 0;
        readStart = () => 0;
        readStop = () => 0;
        ref = () => {};
        unref = () => {};
      },
    );
    assert(await threadsOfReads() > 1);
  },
);

test(
  "nothing keeps the process alive once a watch has stopped",
  onFirst,
  async () => {
    // The test has passed when its process has ended.
    const rings = Rings.open();
    if (typeof rings === "number") throw new Error(`errno ${rings}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = runtime.watch!(rings.fd, resolve)!;
    watch.start();
    await promise;
    await delay(2);
    watch.stop();
  },
);
