/**
 * On Deno: uses a file, and if that is wanted the C interface, with the permissions
 * that there are. Prints what comes of it.
 */
import { AioFile, limits, supported } from "@posix/aio";
import { Buffer } from "node:buffer";
import process from "node:process";

const [path, wanted] = process.argv.slice(2);

async function useFile(): Promise<number> {
  // A name of Latin 1 is no UTF-8.
  const name = wanted === "latin1" ? Buffer.from(path, "latin1") : path;
  const file = await AioFile.open(name, { read: true, write: true });
  await file.append(Buffer.from("appended"));
  await file.sync();
  const bytes = await file.readAt(Buffer.alloc(20), 0);
  await file.close();
  return bytes;
}

async function outcomeOf(use: () => unknown): Promise<unknown> {
  try {
    return await use();
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
}

console.log(JSON.stringify({
  ...supported(),
  file: path === undefined ? undefined : await outcomeOf(useFile),
  c: wanted === "c"
    ? await outcomeOf(() => limits().AIO_LISTIO_MAX !== 0)
    : undefined,
}));
