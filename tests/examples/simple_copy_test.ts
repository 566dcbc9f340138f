/**
 * The page to learn from, simple_copy.ts: its function, and the program.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { copyFile } from "../../examples/simple_copy.ts";
import { AioError } from "../../mod.ts";
import { Directory, execute, type Finished, testWith } from "../helpers/mod.ts";
import { commandOf } from "./example.ts";

const test = testWith(() => new Directory());

/** Bytes that tell where they belong: no two blocks are the same. */
function contents(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => at % 251 + (at >> 20));
}

function run(...args: string[]): Promise<Finished> {
  return execute([...commandOf("simple_copy"), ...args]);
}

for (const length of [0, 1, 1 << 20, (1 << 20) + 1, (9 << 20) + 4321]) {
  test(`simple_copy.ts copies a file of ${length} bytes`, async ({ path }) => {
    const [source, target] = [`${path}/source`, `${path}/target`];
    const bytes = contents(length);
    await Deno.writeFile(source, bytes);
    assertEquals(await copyFile(source, target), length);
    const copied = await Deno.readFile(target);
    assertEquals(copied.length, length);
    assert(copied.every((byte, at) => byte === bytes[at]), "bytes differ");
  });
}

test("simple_copy.ts never writes over a file", async ({ path }) => {
  const [source, target] = [`${path}/source`, `${path}/target`];
  await Deno.writeFile(source, contents(10));
  await Deno.writeTextFile(target, "old");
  const error = await assertRejects(() => copyFile(source, target), AioError);
  assertEquals(error.code, "EEXIST");
  assertEquals(await Deno.readTextFile(target), "old");
});

test("simple_copy.ts leaves no target when the copy fails", async ({ path }) => {
  // A directory can be opened to read, and not be read.
  const [source, target] = [`${path}/source`, `${path}/target`];
  await Deno.mkdir(`${source}/inner`, { recursive: true });
  const error = await assertRejects(() => copyFile(source, target), AioError);
  assertEquals(error.code, "EISDIR");
  const names = [...Deno.readDirSync(path)].map(({ name }) => name);
  assertEquals(names, ["source"]);
});

test("simple_copy.ts tells what it did, and what is wrong", async ({ path }) => {
  const [source, target] = [`${path}/source`, `${path}/target`];
  await Deno.writeFile(source, contents(10));
  assertEquals(await run(source, target), {
    code: 0,
    stdout: "copied 10 bytes\n",
    stderr: "",
  });
  const again = await run(source, target);
  assertEquals([again.code, again.stdout], [1, ""]);
  assert(/^simple_copy: .*EEXIST.*\n$/.test(again.stderr), again.stderr);
  assertEquals(await run(source), {
    code: 2,
    stdout: "",
    stderr: "usage: simple_copy.ts SOURCE TARGET\n",
  });
});
