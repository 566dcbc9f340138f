/**
 * A tool to use: prints the last part of files, and what is appended to them, as
 * tail(1) does.
 *
 * ```sh
 * deno run --allow-ffi --allow-read examples/tail.ts -F /var/log/syslog app.log
 * ```
 *
 * The last lines are found from the end of the file backwards, a block at a time, so
 * that the length of the file does not matter. Of what comes later it learns by the
 * system's notifications, and by polling where there are none.
 *
 * @module
 */
import { watch } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname } from "node:path";
import {
  CommandLine,
  decimalOf,
  sizeOf,
  UsageError,
} from "./shared/command_line.ts";
import { OutputError, runTool } from "./shared/tool.ts";
import { type Part, startOfLastLines } from "./tail/part.ts";
import { complain, Output, Source, STANDARD_INPUT } from "./tail/source.ts";

export { startOfLastLines };

const LINES_DEFAULT = 10;
const LAST_LINES: Part = {
  unit: "lines",
  isFromStart: false,
  count: LINES_DEFAULT,
};
const INTERVAL_S_DEFAULT = 1;

const USAGE = `Prints the last part of files, and what is appended to them.

usage: tail.ts [options] [FILE...]

With several files, or with --verbose, a line with its name goes before each.
Without a file, or for "-", standard input is read, from where it stands.

  -n, --lines N       the last N lines (default ${LINES_DEFAULT});
                      +N: from the line N of the file on
  -c, --bytes N       the last N bytes; +N: from the byte N of the file on
  -f, --follow        go on with what is appended, also if the file is renamed
  -F, --follow-name   go on with the file that has the name: wait for it if there is
                      none, and take the new one if it is replaced
  -s, --interval N    seconds between two looks at a file of which the system does
                      not tell (default ${INTERVAL_S_DEFAULT})
  -q, --quiet         print no names
  -v, --verbose       always print names
  -h, --help          print this

N can have a unit: 64K, 4M, 1G. -N and, as the first word, +N are --lines N and
--lines +N; a letter may follow, c for bytes and f for --follow, as in -20f. A
file that becomes shorter, or whose last bytes are others than those that were
printed, is printed from its beginning.

Exit status: 0 printed, 1 a file could not be read, 2 wrong usage, 141 if nobody
reads the output.`;

/** What the arguments ask for. */
export function parseCommandLine(args: string[]) {
  const line = new CommandLine(USAGE, args.flatMap(modern));
  const isByName = line.flag("follow-name");
  const paths = line.names.length > 0 ? line.names : [STANDARD_INPUT];
  const lines = partOf(line, "lines");
  const bytes = partOf(line, "bytes");
  if (lines !== null && bytes !== null) {
    throw new UsageError("--lines and --bytes exclude each other");
  }
  if (isByName && paths.includes(STANDARD_INPUT)) {
    throw new UsageError("standard input has no name to follow");
  }
  const interval_s = line.number("interval", decimalOf) ?? INTERVAL_S_DEFAULT;
  return {
    paths,
    part: lines ?? bytes ?? LAST_LINES,
    isFollowing: isByName || line.flag("follow"),
    isByName,
    interval_ms: interval_s * 1000,
    hasHeaders: line.flag("verbose") ||
      !line.flag("quiet") && paths.length > 1,
  };
}

/** What tail(1) has taken since before there were options with values: `-3`, `+3`, `-20f`. */
function modern(word: string, index: number, args: string[]): string[] {
  const old = /^([-+])(\d+)([cl]?)(f?)$/.exec(word);
  if (old === null || args.slice(0, index).includes("--")) return [word];
  const [, sign, count, unit, follow] = old;
  const isValue = /^(-[fFqv]*[ncs]|--(lines|bytes|interval))$/;
  // Elsewhere, +3 is the name of a file.
  const isOption = index === 0 ||
    sign === "-" && !isValue.test(args[index - 1]);
  if (!isOption) return [word];
  const option = unit === "c" ? "--bytes" : "--lines";
  const part = `${option}=${sign === "+" ? "+" : ""}${count}`;
  return follow === "" ? [part] : [part, "--follow"];
}

function partOf(line: CommandLine, unit: Part["unit"]): Part | null {
  // A minus says the same as no sign.
  const count = line.number(unit, (text) => sizeOf(text.replace(/^[-+]/, "")));
  if (count === undefined) return null;
  return { unit, isFromStart: line.text(unit)!.startsWith("+"), count };
}

/** Tells of changes of files, where the system can. */
async function watchDirectories(sources: Source[]): Promise<void> {
  const watched = new Map<string, { name: string; source: Source }[]>();
  for (const source of sources) {
    const { path } = source;
    const real = await fs.realpath(path).catch(() => path);
    for (const place of new Set([path, real])) {
      const directory = dirname(place);
      const named = { name: basename(place), source };
      watched.set(directory, [...watched.get(directory) ?? [], named]);
    }
  }
  for (const [directory, files] of watched) {
    try {
      // Other files of the directory may be busy.
      const wake = (_: string, changed: string | null) => {
        for (const { name, source } of files) {
          if (changed === null || changed === name) source.wake();
        }
      };
      // Without notifications there is still polling.
      watch(directory, wake).on("error", () => {});
    } catch {
      continue;
    }
  }
}

/** Reports what is wrong with one file; the others are none the worse for it. */
async function isDone(action: Promise<void>): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (error) {
    if (error instanceof OutputError || !(error instanceof Error)) throw error;
    complain(error);
    return false;
  }
}

async function tail(
  args: string[],
): Promise<number> {
  const settings = parseCommandLine(args);
  const { paths, part, isFollowing, isByName, interval_ms } = settings;
  const isNothing = part.count === 0 && !part.isFromStart;
  if (isNothing && !isFollowing) return 0;
  const output = new Output(settings.hasHeaders);
  const sources = paths.map((path) => new Source(path, output));
  if (isFollowing) await watchDirectories(sources);
  let status = 0;
  for (const source of sources) {
    if (await isDone(source.open()) && await isDone(source.print(part))) {
      if (!isFollowing || !source.mayGrow) await source.close();
      continue;
    }
    await source.close();
    status = 1;
  }
  if (!isFollowing) return status;
  const followed = sources.filter((source) => isByName || source.isOpen);
  if (followed.length === 0 && status === 0) return 0;
  await Promise.all(
    followed.map((source) => isDone(source.follow(isByName, interval_ms))),
  );
  complain("no files remaining");
  return 1;
}

if (import.meta.main) await runTool("tail", tail);
