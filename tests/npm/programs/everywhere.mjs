/**
 * What works wherever the npm package can be installed: importing it, and using
 * files; and whether the C interface can be used, or why not.
 */
import { createRequire } from "node:module";
import process from "node:process";

/** A variable, because where this file is there is no such package. */
const NAME = "posix-aio";

const imported = await import(NAME);
const required = createRequire(import.meta.url)(NAME);
for (const { AioFile, supported } of [imported, required]) {
  const file = await AioFile.open(process.execPath);
  const count = await file.readAt(new Uint8Array(5), 0);
  await file.close();
  console.log(count, supported().reason ?? "koffi is loaded");
}
