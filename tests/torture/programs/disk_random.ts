/**
 * A random program of writes, appends and synchronizations of one file, half of
 * which cannot be written to the disk. Prints what was acknowledged although it
 * is lost.
 */
import { AioFile } from "../../../mod.ts";
import { BLOCK_BYTES, FailingDisk } from "../failing_disk.ts";
import { Ledger } from "./ledger.ts";
import { type Mood, RandomProgram } from "./random_program.ts";

/** What the test asks for. */
interface Options {
  directory: string;
  seed: number;
  rounds: number;
  synchronous?: "data" | "full";
}

const { directory, seed, rounds, synchronous }: Options = JSON.parse(
  Deno.args[0],
);
const STEPS = 150;
const BLOCKS = 4096;
const ROOM_BLOCKS = 1024;

let pieces = 0;
/** Every second piece fails, and of those for appends every fourth. */
const isPieceFailing = (block: number) =>
  block < BLOCKS ? pieces++ % 2 === 0 : pieces++ % 4 === 3;
const disk = new FailingDisk(directory, BLOCKS, ROOM_BLOCKS, isPieceFailing);

/** The places that a round writes to, each of them once. */
class Places {
  readonly #next = { good: 0, failing: 0 };

  /** A place for so many blocks; `null` if there is none left. */
  take(mood: Mood, blocks: number): number | null {
    const isRight = (block: number) =>
      disk.isFailing(block) === (mood === "failing");
    let first = this.#next[mood];
    let length = 0;
    while (length < blocks && first + length < BLOCKS) {
      if (isRight(first + length)) length++;
      else {
        first += length + 1;
        length = 0;
      }
    }
    this.#next[mood] = first + length;
    return length < blocks ? null : first * BLOCK_BYTES;
  }
}

const totals = { resolved: 0, rejected: 0, synced: 0, unsynced: 0 };
const violations: string[] = [];
for (let round = 0; round < rounds; round++) {
  const file = await AioFile.open(disk.path, {
    read: true,
    write: true,
    synchronous,
  });
  const ledger = new Ledger({
    now: () => (offset, length) => disk.onDisk(offset, length),
    appended: {
      offset: BLOCKS * BLOCK_BYTES,
      length: ROOM_BLOCKS * BLOCK_BYTES,
    },
  });
  const places = new Places();
  await new RandomProgram({
    file,
    ledger,
    seed: seed + round,
    unit_bytes: BLOCK_BYTES,
    units: 32,
    place: (mood, blocks) => places.take(mood, blocks),
    isDurable: synchronous !== undefined,
  }).run(STEPS);
  await file.close();
  disk.remount();
  const contents = Deno.readFileSync(disk.path);
  ledger.recheck(
    "mounted again",
    (offset, length) => contents.subarray(offset, offset + length),
  );
  violations.push(
    ...ledger.violations.map((text) => `${seed + round}: ${text}`),
  );
  for (const [name, count] of Object.entries(ledger.counts)) {
    totals[name as keyof typeof totals] += count;
  }
  disk.shorten(); // Every round has the same room.
}
console.log(JSON.stringify({ violations, ...totals }));
