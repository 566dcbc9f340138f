/**
 * A random program of writes, appends, batches, streams and synchronizations, on a
 * file system that delays and shortens them, and fails now and then. Prints what
 * was acknowledged although it would not survive a loss of power.
 */
import { AioFile, configure } from "../../../mod.ts";
import { FailingFs } from "../failing_fs.ts";
import { Ledger } from "./ledger.ts";
import { RandomProgram } from "./random_program.ts";

/** What the test asks for. */
interface Options {
  program: string;
  directory: string;
  seed: number;
  rounds: number;
  synchronous?: "data" | "full";
  lanes?: number;
}

const { program, directory, seed, rounds, synchronous, lanes }: Options = JSON
  .parse(Deno.args[0]);
const STEPS = 150;
/** As small as what is durable or not as a whole. */
const UNIT_BYTES = 512;
const UNITS = 4_096;
const APPENDED_BYTES_MAX = 1024 * 1024;
const ERRORS = { EINTR: 4, EIO: 5, EAGAIN: 11, ENOSPC: 28, EDQUOT: 122 };

if (lanes !== undefined) configure({ lanes });
await using fs = await FailingFs.mount(program, directory);

function disturb(random: (below: number) => number): void {
  const errors = Object.values(ERRORS);
  const faults = [
    () =>
      `fail write ${random(4)} ${1 + random(3)} ${
        errors[random(errors.length)]
      }`,
    () => `short ${random(4)} ${1 + random(300)}`,
    () => `fail fsync ${random(2)} 1 ${ERRORS.EIO}`,
    () => `delay write ${random(3) * 1_500}`,
    () => `delay fsync ${random(3) * 4_000}`,
  ];
  fs.control(faults[random(faults.length)]());
}

const totals = { resolved: 0, rejected: 0, synced: 0, unsynced: 0 };
const violations: string[] = [];
for (let round = 0; round < rounds; round++) {
  const name = `file${round % 4}`;
  const path = fs.file(name);
  Deno.truncateSync(path, UNITS * UNIT_BYTES);
  const file = await AioFile.open(path, {
    read: true,
    write: true,
    synchronous,
  });
  const ledger = new Ledger({
    now() {
      const contents = fs.durable(name);
      return (offset, length) => contents.subarray(offset, offset + length);
    },
    appended: { offset: UNITS * UNIT_BYTES, length: APPENDED_BYTES_MAX },
  });
  let next = 0;
  await new RandomProgram({
    file,
    ledger,
    seed: seed + round,
    unit_bytes: UNIT_BYTES,
    units: 8,
    place(_, units) {
      if (next + units > UNITS) return null;
      next += units;
      return (next - units) * UNIT_BYTES;
    },
    isDurable: synchronous !== undefined,
    disturb,
  }).run(STEPS);
  fs.control("reset");
  await file.close().catch(() => {});
  violations.push(
    ...ledger.violations.map((text) => `${seed + round}: ${text}`),
  );
  for (const [name, count] of Object.entries(ledger.counts)) {
    totals[name as keyof typeof totals] += count;
  }
}
console.log(JSON.stringify({ violations, ...totals }));
