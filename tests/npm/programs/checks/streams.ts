/** What the interface promises of streams. */
import { AioFile } from "@posix/aio";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { BLOCK_BYTES, type Checks, fileOf, newPath } from "./kit.ts";

export const streamChecks: Checks = {
  "readable() and writable() copy a file": async () => {
    const [from, to] = [fileOf(200), newPath()];
    await using source = await AioFile.open(from);
    await using target = await AioFile.open(to, { write: true, create: true });
    await source.readable({ chunkSize: 10_000 }).pipeTo(target.writable());
    assert.ok(readFileSync(from).equals(readFileSync(to)));
  },

  "readable() begins and ends where it is told, and can be left": async () => {
    await using file = await AioFile.open(fileOf(4));
    const options = { offset: BLOCK_BYTES - 1, length: 3, chunkSize: 2 };
    const chunks = [];
    for await (const chunk of file.readable(options)) chunks.push([...chunk]);
    assert.deepEqual(chunks, [[0, 1], [1]]);
    for await (const chunk of file.readable({ chunkSize: 16 })) {
      assert.equal(chunk.length, 16);
      break;
    }
    assert.equal(await file.size(), 4 * BLOCK_BYTES);
  },

  "readable() serves Response and streams of Node": async () => {
    const path = newPath();
    await using file = await AioFile.open(path, {
      read: true,
      write: true,
      create: true,
    });
    const writer = file.writable({ offset: 2 }).getWriter();
    await writer.write(new TextEncoder().encode("llo"));
    await writer.write(new TextEncoder().encode(" world"));
    await writer.close();
    await file.writeAt(new TextEncoder().encode("he"), 0);
    assert.equal(await new Response(file.readable()).text(), "hello world");
    // deno-lint-ignore no-explicit-any
    const stream = Readable.fromWeb(file.readable({ length: 5 }) as any);
    assert.equal(await text(stream), "hello");
  },
};
