/**
 * Uses files as on Windows, in one of several ways, and prints what came of it.
 * `like_windows.json` has the library use a `node:fs` like that.
 */
import { constants, openSync, renameSync } from "node:fs";
import { runtime } from "../../ffi/current.ts";
import type { AioError, AioFile as File } from "../../mod.ts";
import { descriptorsOf } from "../helpers/descriptors.ts";

Reflect.set(runtime, "host", { ...runtime.host, os: "windows" });
// Only now, because it looks at once what system this is.
const { AioFile, metrics, supported } = await import("../../mod.ts");

const [way, path, other] = Deno.args;
const bytes = new TextEncoder().encode("more");

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const { code, message } = error as AioError;
    return [code, message.replaceAll(path, "PATH").replaceAll(other, "OTHER")];
  }
}

const ways: Record<string, () => Promise<object>> = {
  /** What `/proc` has is a file as any other there. */
  async adopted() {
    const fd = openSync(path, "r+");
    await using file = AioFile.adopt(fd);
    return { append: await outcomeOf(file.append(bytes)) };
  },

  async renamed() {
    await using file = await AioFile.open(path, "r+");
    renameSync(path, other);
    return { append: await outcomeOf(file.append(bytes)) };
  },

  /** Another descriptor of a named pipe would be another client of its server. */
  async pipe() {
    await using file = await AioFile.open(path, "r+");
    const into = new Uint8Array(8);
    const read = file.readAt(into, 0);
    const written = await file.writeAt(bytes, 0);
    const count = await read;
    return { written, read: count, descriptors: descriptorsOf(path).length };
  },

  async device() {
    await using file = await AioFile.open("/dev/null", "r+");
    await using adopted = AioFile.adopt(openSync("/dev/null", "r+"));
    const transfers = (file: File) =>
      Promise.all([file.writeAt(bytes, 0), file.readAt(bytes, 0)]);
    return {
      opened: await transfers(file),
      adopted: await transfers(adopted),
      size: await outcomeOf((async () => await file.slice().size)()),
    };
  },

  async access() {
    await using reading = await AioFile.open(path, "r");
    await using empty = await AioFile.open(path, "r");
    await using writing = await AioFile.open(other, "w");
    return {
      write: await outcomeOf(reading.writeAt(bytes, 0)),
      read: await outcomeOf(writing.readAt(bytes, 0)),
      copy: await outcomeOf(empty.copyTo(reading)),
    };
  },

  /** `copyTo()` writes to a file that may append piece by piece. */
  async appending() {
    const { OpenFile } = await import("../../lib/requests/open_file.ts");
    const mayAppend = async (opened?: { path: string; flags: number }) => {
      const fd = openSync(path, "r+");
      const file = new OpenFile(fd, opened, true, null);
      const { mayAppend } = file;
      await file.close(false);
      return mayAppend;
    };
    return {
      opened: await mayAppend({ path, flags: constants.O_RDWR }),
      adopted: await mayAppend(),
    };
  },

  /** As Bun's before 1.3.11. */
  async flags() {
    Reflect.set(runtime, "mistakesFlags", true);
    const { reason } = supported();
    return { open: await outcomeOf(AioFile.open(path, "w")), reason };
  },
};

const result = await ways[way]();
const engine = way === "flags" ? null : metrics().engine;
console.log(JSON.stringify({ engine, ...result }));
