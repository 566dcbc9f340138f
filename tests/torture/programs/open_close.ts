/**
 * Opens and closes files, with requests of every kind in between. Prints what the
 * process has of the system after each tenth.
 */
import { assert } from "@std/assert";
import { AioFile } from "../../../mod.ts";
import { count, countAtRest, type Counts } from "./counts.ts";

const [directory, files] = Deno.args;
const total = Number(files);
const TENTHS = 10;
const AT_ONCE = 16;
const line = new Uint8Array(100);

/** One file: its own descriptor, one for appends, and one to synchronize. */
async function openAndClose(index: number): Promise<void> {
  const path = `${directory}/file${index % AT_ONCE}`;
  const file = await AioFile.open(path, {
    read: true,
    write: true,
    create: true,
  });
  file.writeAt(line, 0);
  file.append(line);
  // Closing waits for what nobody waits for.
  if (index % 3 === 0) return await file.close();
  await file.syncData();
  // The append may have come first: then the write is where it was.
  assert(await file.readAt(new Uint8Array(200), 0) >= line.length);
  await file.truncate();
  await file.close();
}

const tenths: Counts[] = [];
const atRest: Counts[] = [];
let opened = 0;
for (let tenth = 1; tenth <= TENTHS; tenth++) {
  while (opened < total * tenth / TENTHS) {
    const batch = Array.from({ length: AT_ONCE }, () => openAndClose(opened++));
    await Promise.all(batch);
  }
  tenths.push(count());
  if (tenth === 2 || tenth === TENTHS) atRest.push(await countAtRest());
}
console.log(JSON.stringify({ opened, tenths, atRest }));
