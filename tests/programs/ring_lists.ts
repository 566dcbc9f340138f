/**
 * Reads and writes lists of buffers. Prints what goes into the ring for each: the
 * operation, and the bytes or the buffers that it is about.
 */
import { OPCODE, Rings } from "../../ffi/io_uring.ts";
import { AioFile, allocatePinned, metrics } from "../../mod.ts";
import { cut } from "../helpers/mod.ts";

const [path] = Deno.args;
const TRANSFERS = [OPCODE.READ, OPCODE.READV, OPCODE.WRITE, OPCODE.WRITEV];
let entries: [opcode: number, length: number][] = [];

const { add } = Rings.prototype;
Rings.prototype.add = function (entry, key) {
  const { opcode, length } = entry;
  // An empty one only asks whether the file can be tried.
  if (TRANSFERS.includes(opcode) && length > 0) entries.push([opcode, length]);
  add.call(this, entry, key);
};

const READ_WRITE = { read: true, write: true };
await using file = await AioFile.open(path, READ_WRITE);
await using direct = await AioFile.open(path, { ...READ_WRITE, direct: true });

async function entriesOf(
  list: Uint8Array[],
  to: AioFile = file,
): Promise<[number, number][]> {
  entries = [];
  await to.readAt(list, 0);
  await to.writeAt(list, 0);
  return entries;
}

/** The same of lists that are appended. */
async function appendsOf(...lists: Uint8Array[][]) {
  await using appended = await AioFile.open(`${path}.appended`, {
    append: true,
    create: true,
  });
  entries = [];
  for (const list of lists) await appended.append(list);
  return entries;
}

const mixed = [allocatePinned(4096), new Uint8Array(4904)];
const many = Array.from({ length: 2049 }, () => allocatePinned(1));
console.log(JSON.stringify({
  pinned: await entriesOf(cut(allocatePinned(9000), [16, 4112])),
  ordinary: await entriesOf(cut(new Uint8Array(9000), [16, 4112])),
  "pinned and ordinary": await entriesOf(mixed),
  many: (await entriesOf(many)).slice(0, 3),
  appended: await appendsOf(many.slice(0, 1024), many.slice(0, 1025)),
  "appended, of more than a copy takes": (await appendsOf(
    Array.from({ length: 1025 }, () => allocatePinned(1024)),
  )).slice(0, 2),
  "direct, aligned": await entriesOf(cut(allocatePinned(8192), [4096]), direct),
  "direct, not aligned": await entriesOf(
    cut(allocatePinned(8192), [4000]),
    direct,
  ),
  left: metrics().inFlight,
}));
