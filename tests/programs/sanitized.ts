// For `deno test`: files that are opened, used and closed leave nothing to Deno's
// sanitizers, which are on here as they are by default in older versions.

import {
  AioFile,
  allocatePinned,
  CompletionQueue,
  type OpenOptions,
} from "../../mod.ts";
import { constants, openSync } from "node:fs";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(directory, { recursive: true }),
);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn,
  });
}

function newFile(name: string): string {
  const path = `${directory}/${name}`;
  Deno.writeFileSync(path, new Uint8Array(1 << 17));
  return path;
}

async function useFile(name: string, options: OpenOptions): Promise<void> {
  await using file = await AioFile.open(newFile(name), options);
  await Promise.all(
    Array.from(
      { length: 32 },
      (_, at) => file.readAt(allocatePinned(4096), at * 4096),
    ),
  );
  if (!options.write) return;
  await file.writeAt(new Uint8Array(16), 0);
  await Promise.all([1, 2].map(() => file.append(new Uint8Array(16))));
  await file.sync();
  await file.truncate(await file.size() - 1);
}

test("the first file of the process", () => useFile("first", {}));
test("a file", () => useFile("file", { read: true, write: true }));
test("direct reads", () => useFile("direct", { direct: true }));

test("a canceled read", async () => {
  await using file = await AioFile.open(newFile("canceled"));
  const reads = [1, 2, 3].map(() => file.readAt(new Uint8Array(1), 0));
  await Promise.all([file.cancel(), Promise.allSettled(reads)]);
});

for (const notify of ["auto", "suspend", "poll", "thread"] as const) {
  test(`a CompletionQueue that notifies by ${notify}`, async () => {
    await using file = await AioFile.open(newFile("queue"));
    await using queue = new CompletionQueue<number>({ notify });
    for (let tag = 0; tag < 8; tag++) {
      queue.read(file, new Uint8Array(16), 0, tag);
    }
    for await (const { error } of queue.drain()) if (error) throw error;
  });
}

// Whether the library's call is still out when a test ends is a matter of luck.
for (let round = 0; round < 10; round++) {
  test(`a FIFO whose reader is canceled, round ${round}`, async () => {
    const path = `${directory}/fifo${round}`;
    await new Deno.Command("mkfifo", { args: [path] }).output();
    await using file = AioFile.adopt(openSync(path, constants.O_RDWR));
    const read = file.readAt(new Uint8Array(1), 0);
    // Once the library waits on another thread.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([file.cancel(), Promise.allSettled([read])]);
  });
}
