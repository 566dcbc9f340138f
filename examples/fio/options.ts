/**
 * A part of the tool `fio.ts`: the command line, read and checked.
 *
 * @module
 */

import {
  CommandLine,
  decimalOf,
  sizeOf,
  UsageError,
} from "../shared/command_line.ts";

/** As fio's `--rw`. */
export const PATTERNS = [
  "read",
  "write",
  "randread",
  "randwrite",
  "rw",
  "randrw",
] as const;

/** The parts of the library that can carry a run. */
export const INTERFACES = ["readAt", "batch", "queue"] as const;

const BLOCK_SIZE_DEFAULT = 4 << 10;
const JOBS_MAX = 64;
/** Jobs times depth. */
const IN_FLIGHT_MAX = 4096;
/** Jobs times depth times block size: the memory that the blocks may take. */
const BUFFER_BYTES_MAX = 1 << 30;
/** The smallest unit of any device past the page cache. */
const DIRECT_UNIT_BYTES = 512;
/** Room for what a verified block tells of itself, and for whole words. */
const VERIFY_UNIT_BYTES = 32;
const SEED_MAX = 2 ** 32 - 1;

/** A run, as it was asked for. */
export interface Options {
  /** What a job file calls it; `null`: it comes from the command line. */
  name: string | null;
  path: string;
  pattern: typeof PATTERNS[number];
  interface: typeof INTERFACES[number];
  /** 0 for patterns that only write, 100 for those that only read. */
  readPercent: number;
  blockSize: number;
  /** In bytes; `null`: that of the file. */
  size: number | null;
  /** Operations in flight, for each job. */
  depth: number;
  jobs: number;
  direct: boolean;
  /** Writes after which a job syncs; `null`: never. */
  sync: number | null;
  runtime_s: number | null;
  /** Over all jobs; `null`: as many as there are blocks, or until the time is up. */
  operations: number | null;
  ramp_s: number;
  verify: boolean;
  overwrite: boolean;
  unlink: boolean;
  seed: number;
  /** `null`: as many as the library finds best. */
  lanes: number | null;
  json: boolean;
}

/** Whether the blocks of a pattern are chosen at random. */
export function isRandom({ pattern }: Options): boolean {
  return pattern.startsWith("rand");
}

/** The usage text. */
export const USAGE = `Measures file I/O through this library, as fio does.

usage: fio.ts [options] FILE
       fio.ts [--json] [--overwrite] --job-file JOBS

FILE is made if it is not there, and kept. If it has contents, they are only
read, unless --overwrite is given. What is read needs contents, so a new file is
filled first; one that is only written is extended with zeros first.

                                                               what fio calls it
  --pattern PATTERN  read, write, randread, randwrite, rw,            rw
                     randrw (default read)
  --mix PERCENT      reads among the operations of rw and             rwmixread
                     randrw (default 50)
  --block-size SIZE  bytes an operation: 512, 4k, 1m                  bs
                     (default 4k)
  --size SIZE        bytes of FILE to use: 64m, 1g                    size
                     (default all of it; a new file needs it)
  --depth N          operations in flight, for each job               iodepth
                     (default 1)
  --jobs N           loops in this process, each with its own         numjobs
                     descriptor and part of FILE (default 1)
  --direct           past the page cache, with O_DIRECT               direct
  --sync N           syncData() after every N writes of a job         fdatasync
  --operations N     end after N operations, of all jobs              number_ios
                     together (default: one for each block,
                     unless --runtime is given)
  --runtime SECONDS  end after that time                              time_based
  --ramp SECONDS     run that long before anything is counted         ramp_time
  --verify           fill FILE with blocks that tell their offset     verify
                     and generation, write such blocks, and check
                     all that is read; what was written is read
                     again at the end
  --overwrite        permits to write over the contents of FILE
  --unlink           remove FILE at the end, if this run made it      unlink
  --seed N           of what is random (default 1: runs repeat)       randseed
  --interface NAME   how to submit (default readAt):                  ioengine
                       readAt  a promise for each operation
                       batch   as many as --depth with one batch(),
                               and the next ones when all are done
                       queue   a CompletionQueue
  --lanes N          duplicates of a descriptor that are served at
                     the same time (default: as many as are best)
  --job-file JOBS    read what to do from a job file of fio's, see below
  --json             print the report as JSON, in the shape of fio's
  --help             print this

Sizes may have a k, m or g behind them: powers of 1024, as fio's. Random blocks
are independent of each other, as with fio's norandommap, but no block has two
operations in flight at a time. The page cache is left as it is, as with fio's
invalidate=0: reads of a file that was just written come from memory, unless
--direct is given.

A job file has a section for each run, with filename and the options above, as
fio calls them; [global] is for all sections behind it. Sections run one after
another: all but the first need stonewall, and runtime needs time_based. verify
is pattern; group_reporting, norandommap and invalidate=0 are so in any case.

    [global]
    filename=/tmp/file
    size=64m
    [fill]
    rw=write
    bs=1m
    [look]
    stonewall
    rw=randread
    iodepth=32

Ctrl-C ends the run early, with a report of what was done.

Exit status: 0 done, 1 an operation or a verification failed, 2 wrong usage;
129, 130, 143 on SIGHUP, SIGINT, SIGTERM.`;

/**
 * Reads a command line.
 *
 * @param args The arguments.
 * @returns What they ask for.
 * @throws {UsageError} If they are not valid.
 */
export function parseOptions(args: string[]): Options {
  const line = new CommandLine(USAGE, args);
  if (line.names.length !== 1) {
    throw new UsageError(
      `one file is needed, not ${line.names.length} names`,
    );
  }
  const pattern = oneOf(line, "pattern", PATTERNS);
  const options: Options = {
    name: null,
    path: line.names[0],
    pattern,
    interface: oneOf(line, "interface", INTERFACES),
    readPercent: readPercentOf(pattern, line),
    blockSize: bytes(line, "block-size") ?? BLOCK_SIZE_DEFAULT,
    size: bytes(line, "size"),
    depth: line.integer("depth", 1, IN_FLIGHT_MAX) ?? 1,
    jobs: line.integer("jobs", 1, JOBS_MAX) ?? 1,
    direct: line.flag("direct"),
    sync: line.integer("sync", 1) ?? null,
    runtime_s: seconds(line, "runtime"),
    operations: line.integer("operations", 1) ?? null,
    ramp_s: seconds(line, "ramp") ?? 0,
    verify: line.flag("verify"),
    overwrite: line.flag("overwrite"),
    unlink: line.flag("unlink"),
    seed: line.integer("seed", 0, SEED_MAX) ?? 1,
    lanes: line.integer("lanes", 1, JOBS_MAX) ?? null,
    json: line.flag("json"),
  };
  assertTogether(options);
  return options;
}

function readPercentOf(
  pattern: Options["pattern"],
  line: CommandLine,
): number {
  const isMixed = pattern.endsWith("rw");
  if (isMixed) return line.integer("mix", 0, 100) ?? 50;
  if (line.text("mix") !== undefined) {
    throw new UsageError(`--mix is for rw and randrw, not for ${pattern}`);
  }
  return pattern.endsWith("read") ? 100 : 0;
}

function assertTogether(options: Options): void {
  const { blockSize, depth, jobs, direct, verify, pattern } = options;
  if (options.readPercent === 100) {
    for (const name of ["sync", "overwrite"] as const) {
      if (!options[name]) continue;
      throw new UsageError(`--${name} needs a pattern that writes`);
    }
  }
  if (direct && blockSize % DIRECT_UNIT_BYTES !== 0) {
    throw new UsageError(
      `for --direct the block size must be a multiple of ${DIRECT_UNIT_BYTES}, not ${blockSize}`,
    );
  }
  if (verify && blockSize % VERIFY_UNIT_BYTES !== 0) {
    throw new UsageError(
      `for --verify the block size must be a multiple of ${VERIFY_UNIT_BYTES}, not ${blockSize}`,
    );
  }
  if (jobs * depth > IN_FLIGHT_MAX) {
    throw new UsageError(
      `jobs times depth must be at most ${IN_FLIGHT_MAX}, not ${jobs} x ${depth}`,
    );
  }
  if (jobs * depth * blockSize > BUFFER_BYTES_MAX) {
    throw new UsageError(
      `jobs times depth times block size must be at most 1 GiB, not ${jobs} x ${depth} x ${blockSize} bytes`,
    );
  }
  if (options.operations !== null && options.operations < jobs) {
    throw new UsageError(
      `${options.operations} operations of ${pattern} are too few for ${jobs} jobs`,
    );
  }
}

/** The first choice is what it is unless it is given. */
function oneOf<T extends string>(
  line: CommandLine,
  name: string,
  choices: readonly T[],
): T {
  const text = line.text(name) ?? choices[0];
  const choice = choices.find((choice) => choice === text);
  if (choice !== undefined) return choice;
  throw new UsageError(
    `--${name} must be one of ${choices.join(", ")}, not "${text}"`,
  );
}

function seconds(line: CommandLine, name: string): number | null {
  return line.number(name, decimalOf, "a number of seconds") ?? null;
}

function bytes(line: CommandLine, name: string): number | null {
  const positive = (text: string) => {
    const size = sizeOf(text);
    return size > 0 && Number.isSafeInteger(size) ? size : NaN;
  };
  return line.number(name, positive, "a size such as 512, 4k or 1g") ?? null;
}
