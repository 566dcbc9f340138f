/**
 * What works wherever the npm package can be installed: importing it, asking
 * whether it can be used, and using it if so.
 */
import { createRequire } from "node:module";
import process from "node:process";

/** A variable, because where this file is there is no such package. */
const NAME = "posix-aio";

const imported = await import(NAME);
const required = createRequire(import.meta.url)(NAME);
for (const { AioFile, supported } of [imported, required]) {
  const { available, reason } = supported();
  if (!available) {
    console.log(reason);
    continue;
  }
  const file = await AioFile.open(process.execPath);
  console.log(await file.readAt(new Uint8Array(5), 0));
  await file.close();
}
