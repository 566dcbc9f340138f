// Block devices: a file seen as one by losetup(8), which needs root.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AioError, AioFile, allocatePinned } from "../../mod.ts";
import { assertBytes, Directory, pattern, test } from "../helpers/mod.ts";

const SIZE_BYTES = 3 * 1024 * 1024;

/** A device whose contents are a file's. */
class BlockDevice implements Disposable {
  readonly #directory = new Directory();
  readonly contents = pattern(SIZE_BYTES);
  readonly path: string;

  constructor() {
    const file = this.#directory.file(this.contents);
    const { success, stdout } = losetup("--find", "--show", file);
    if (!success) this.#directory[Symbol.dispose]();
    assert(success, "losetup failed");
    this.path = new TextDecoder().decode(stdout).trim();
  }

  [Symbol.dispose](): void {
    losetup("--detach", this.path);
    this.#directory[Symbol.dispose]();
  }
}

function losetup(...args: string[]): Deno.CommandOutput {
  return new Deno.Command("losetup", { args, stderr: "null" }).outputSync();
}

function isPossible(): boolean {
  try {
    using _device = new BlockDevice();
    return true;
  } catch {
    console.log("There are no loop devices: tests of devices are skipped.");
    return false;
  }
}

const ignore = !isPossible();

test(
  "size() of a block device is how many bytes it holds",
  { ignore },
  async () => {
    using device = new BlockDevice();
    await using file = await AioFile.open(device.path);
    assertEquals(await file.size(), SIZE_BYTES);
    assertEquals(file.slice(512).size, SIZE_BYTES - 512);
  },
);

test("readAt() of a block device reads up to its end", { ignore }, async () => {
  using device = new BlockDevice();
  await using file = await AioFile.open(device.path);
  const into = allocatePinned(8192);
  assertEquals(await file.readAt(into, SIZE_BYTES - 4096), 4096);
  assertBytes(into.subarray(0, 4096), device.contents.subarray(-4096));
  assertEquals(await file.readAt(into, SIZE_BYTES), 0);
});

test(
  "readable() of a block device gives all its bytes",
  { ignore },
  async () => {
    using device = new BlockDevice();
    await using file = await AioFile.open(device.path);
    const bytes = await new Response(file.readable()).bytes();
    assertBytes(bytes, device.contents);
  },
);

test("writeAt() and sync() reach a block device", { ignore }, async () => {
  using device = new BlockDevice();
  {
    await using file = await AioFile.open(device.path, { write: true });
    await file.writeAt(new Uint8Array(512).fill(7), 1024);
    await file.sync();
  }
  const bytes = Deno.readFileSync(device.path);
  assertBytes(bytes.subarray(1024, 1536), new Uint8Array(512).fill(7));
  assertBytes(bytes.subarray(1536), device.contents.subarray(1536));
});

for (const append of [true, false]) {
  test(
    `append() to a block device that was opened ${
      append ? "" : "not "
    }for it is EINVAL, and writes nothing`,
    { ignore },
    async () => {
      using device = new BlockDevice();
      {
        await using file = await AioFile.open(device.path, {
          write: true,
          append,
        });
        const error = await assertRejects(
          () => file.append(new Uint8Array([1, 2, 3])),
          AioError,
          "is a block device",
        );
        assertEquals((error as AioError).code, "EINVAL");
      }
      assertBytes(await Deno.readFile(device.path), device.contents);
    },
  );
}
