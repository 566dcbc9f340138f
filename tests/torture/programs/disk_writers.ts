/**
 * Several writers of one file, on a disk that fails, each of which synchronizes
 * what it has written. Prints what was acknowledged although it is lost.
 */
import { assertEquals } from "@std/assert";
import { AioFile } from "../../../mod.ts";
import { BLOCK_BYTES, FailingDisk } from "../failing_disk.ts";
import { Ledger, recordOf } from "./ledger.ts";

/** What the test asks for. */
interface Options {
  directory: string;
  rounds: number;
  /** The synchronization of each writer. */
  syncs: ("sync" | "syncData")[];
  /** How each of them writes; in turn. */
  writes: ("writeAt" | "append")[];
  /** When the others come, seen from the first one's synchronization. */
  arrival: keyof typeof arrivals;
  /** Whether only the first one's place fails, and the others' does not. */
  areOthersGood: boolean;
}

const options: Options = JSON.parse(Deno.args[0]);
const { directory, rounds, syncs, writes, areOthersGood } = options;
const MIB_BLOCKS = 256;
const MIB = MIB_BLOCKS * BLOCK_BYTES;
/** It takes longer to write the first writer's place back than the others'. */
const FIRST_BYTES = 6 * MIB;
const OTHERS_BYTES = 1 * MIB;
/** Between the first one's place and the others': pieces are not as long. */
const GAP_BYTES = 2 * MIB;
/** Places for the first writer, and for seven others. */
const BLOCKS = 16 * MIB_BLOCKS;
const ROOM_BLOCKS = 16 * MIB_BLOCKS;

const TRAITS = { isDurable: false };

const isPieceFailing = (block: number) =>
  block < 6 * MIB_BLOCKS || !areOthersGood || block >= BLOCKS;
const disk = new FailingDisk(directory, BLOCKS, ROOM_BLOCKS, isPieceFailing);

/** A writer's steps, which are taken in turn with those of the first writer. */
interface Writer {
  write: () => Promise<void>;
  sync: () => Promise<boolean>;
}

/** Long enough for what was called to begin, and not to end. */
async function untilBegun(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null;
}

const arrivals = {
  async "written before, asked while it runs"(first: Writer, others: Writer[]) {
    await Promise.all([first, ...others].map(({ write }) => write()));
    const syncs = [first.sync()];
    for (const other of others) {
      await untilBegun();
      syncs.push(other.sync());
    }
    return syncs;
  },

  async "in flight before, asked with it"(first: Writer, others: Writer[]) {
    const written = first.write();
    for (const other of others) other.write();
    await written;
    return [first, ...others].map(({ sync }) => sync());
  },

  async "written and asked while it runs"(first: Writer, others: Writer[]) {
    await first.write();
    const syncs = [first.sync()];
    await untilBegun();
    for (const other of others) {
      await other.write();
      syncs.push(other.sync());
    }
    return syncs;
  },

  async "asked while it runs, before the write is done"(
    first: Writer,
    others: Writer[],
  ) {
    await first.write();
    const syncs = [first.sync()];
    await untilBegun();
    for (const other of others) {
      other.write();
      syncs.push(other.sync());
    }
    return syncs;
  },

  async "written while it runs, asked when it has ended"(
    first: Writer,
    others: Writer[],
  ) {
    await first.write();
    const syncs = [first.sync()];
    await untilBegun();
    await Promise.all(others.map(({ write }) => write()));
    await syncs[0];
    for (const other of others) syncs.push(other.sync());
    return syncs;
  },

  async "written and asked when it has ended"(
    first: Writer,
    others: Writer[],
  ) {
    await first.write();
    const syncs = [first.sync()];
    await syncs[0];
    for (const other of others) {
      await other.write();
      syncs.push(other.sync());
      await syncs.at(-1);
    }
    return syncs;
  },
};

const totals = { resolved: 0, rejected: 0, synced: 0, unsynced: 0 };
const violations: string[] = [];
for (let round = 0; round < rounds; round++) {
  const ledger = new Ledger({
    now: () => (offset, length) => disk.onDisk(offset, length),
    appended: {
      offset: BLOCKS * BLOCK_BYTES,
      length: ROOM_BLOCKS * BLOCK_BYTES,
    },
  });
  const file = await AioFile.open(disk.path, { read: true, write: true });
  const [first, ...others] = syncs.map((_, index) =>
    writerOf(file, ledger, round, index)
  );
  await Promise.all(await arrivals[options.arrival](first, others));
  await file.close();
  disk.remount();
  const contents = Deno.readFileSync(disk.path);
  ledger.recheck(
    "mounted again",
    (offset, length) => contents.subarray(offset, offset + length),
  );
  violations.push(...ledger.violations);
  for (const [name, count] of Object.entries(ledger.counts)) {
    totals[name as keyof typeof totals] += count;
  }
  disk.shorten(); // Every round has the same room.
}
console.log(JSON.stringify({ violations, ...totals }));

function writerOf(
  file: AioFile,
  ledger: Ledger,
  round: number,
  index: number,
): Writer {
  const length = index === 0 ? FIRST_BYTES : OTHERS_BYTES;
  const offset = index === 0
    ? 0
    : FIRST_BYTES + GAP_BYTES + (index - 1) * OTHERS_BYTES;
  const id = round * syncs.length + index;
  const sync = () => ledger.sync(() => file[syncs[index]]());
  if (writes[index % writes.length] === "append") {
    const record = recordOf(id, length);
    const append = () => file.append(record);
    return { sync, write: () => ledger.write(record, null, TRAITS, append) };
  }
  const isFailing = disk.isFailing(offset / BLOCK_BYTES);
  assertEquals(isFailing, index === 0 || !areOthersGood, "a wrong place");
  const bytes = new Uint8Array(length).fill(1 + id % 255);
  const write = () => file.writeAt(bytes, offset);
  return { sync, write: () => ledger.write(bytes, offset, TRAITS, write) };
}
