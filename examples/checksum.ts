/**
 * A tool to use: prints or checks the checksums of files, as `sha256sum` does, several
 * files and several reads of each at a time.
 *
 * ```sh
 * deno run --allow-ffi --allow-read examples/checksum.ts FILE...
 * ```
 *
 * Devices and files of `/proc` need `deno run -A`. {@linkcode checksums} is the tool
 * without the command line.
 *
 * The reads of this thread go straight into memory that it shares with the threads
 * that hash, one for each processor. A block is read into again once it is hashed,
 * so the memory has a bound: files at a time, times reads in flight, times 1 MiB.
 *
 * @module
 */

import * as fs from "node:fs/promises";
import {
  type Algorithm,
  ALGORITHMS,
  BLOCK_BYTES,
  type Checksum,
  checksums,
  DEPTH_DEFAULT,
  JOBS_DEFAULT,
} from "./checksum/checksums.ts";
import { escaped, type Line, LineParser, parseList } from "./checksum/list.ts";
import { Output } from "./checksum/output.ts";
import { inTurn, standardInput } from "./checksum/source.ts";
import { CommandLine, UsageError } from "./shared/command_line.ts";
import { codeOf, reasonOf } from "./shared/reasons.ts";
import { runTool } from "./shared/tool.ts";

export { checksums };

const JOBS_MAX = 64;
const DEPTH_MAX = 64;

const USAGE = `Prints or checks the checksums of files, as sha256sum does.

usage: checksum.ts [options] [FILE...]

Without FILE, or when it is -, standard input is read.

  -a, --algorithm NAME  ${Object.keys(ALGORITHMS).join(", ")} (default sha256)
  -b, --binary          put * before the names
  -t, --text            put a blank before the names (default)
      --tag             print lines as BSD does: SHA256 (FILE) = DIGEST
  -z, --zero            end lines with NUL, and do not escape names
      --jobs N          files at a time, 1 to ${JOBS_MAX} (default ${JOBS_DEFAULT})
      --depth N         reads of 1 MiB in flight for each, 1 to ${DEPTH_MAX} (default ${DEPTH_DEFAULT})
      --progress        show a bar on the terminal
      --help            print this

  -c, --check           read checksums from the files, and check them

With --check only:

      --ignore-missing  do not fail or report for files that are missing
      --quiet           print no OK for each file that is right
      --status          print nothing, the exit status tells
      --strict          fail for lines that are no checksums
  -w, --warn            report each line that is no checksum

The last of --quiet, --status and --warn counts.

Exit status: 0 all is right, 1 a file could not be read or differs, or wrong usage.`;

/** What the arguments ask for. */
export function parseCommandLine(args: string[]) {
  const line = new CommandLine(USAGE, args);
  const algorithm = line.text("algorithm") ?? "sha256";
  if (!Object.hasOwn(ALGORITHMS, algorithm)) {
    throw new UsageError(`there is no algorithm "${algorithm}"`);
  }
  const lastOf = (...names: string[]) =>
    line.given.findLast((name) => names.includes(name));
  const marker = lastOf("binary", "text");
  if (line.flag("tag") && marker === "text") {
    throw new UsageError("--tag does not support --text mode");
  }
  const isChecking = line.flag("check");
  assertMeaningful(line, isChecking);
  return {
    names: line.names.length > 0 ? line.names : ["-"],
    algorithm: algorithm as Algorithm,
    isBinary: marker === "binary",
    isTagged: line.flag("tag"),
    isZeroEnded: line.flag("zero"),
    jobs: line.integer("jobs", 1, JOBS_MAX),
    depth: line.integer("depth", 1, DEPTH_MAX),
    hasProgress: line.flag("progress"),
    isChecking,
    ignoreMissing: line.flag("ignore-missing"),
    isStrict: line.flag("strict"),
    verbosity: lastOf("quiet", "status", "warn"),
  };
}

type Command = ReturnType<typeof parseCommandLine>;

function assertMeaningful(line: CommandLine, isChecking: boolean): void {
  const onlyOne = isChecking
    ? ["zero", "tag", "binary", "text"]
    : ["ignore-missing", "quiet", "status", "strict", "warn"];
  const wrong = onlyOne.find((name) => line.flag(name));
  if (wrong === undefined) return;
  throw new UsageError(
    `the --${wrong} option is meaning${
      isChecking ? "less" : "ful only"
    } when verifying checksums`,
  );
}

/** A name for a message: one that could be taken for more than it is, in quotes. */
function quoted(name: string): string {
  return /^[\p{L}\p{N}@%+,./_-]+$/u.test(name) ? name : JSON.stringify(name);
}

async function printAll(command: Command, output: Output): Promise<boolean> {
  const { algorithm, names, isTagged, isZeroEnded, isBinary } = command;
  const end = isZeroEnded ? "\0" : "\n";
  let isFine = true;
  output.expect(names);
  const { onBytes } = output;
  for await (const result of checksums(names, { ...command, onBytes })) {
    if (result.error !== undefined) {
      isFine = false;
      output.complain(`${quoted(result.name)}: ${reasonOf(result.error)}`);
      continue;
    }
    const { prefix, name } = isZeroEnded
      ? { prefix: "", name: result.name }
      : escaped(result.name);
    output.print(
      prefix +
        (isTagged
          ? `${ALGORITHMS[algorithm].tag} (${name}) = ${result.digest}${end}`
          : `${result.digest} ${isBinary ? "*" : " "}${name}${end}`),
    );
  }
  return isFine;
}

async function readList(name: string): Promise<string> {
  if (name !== "-") return await fs.readFile(name, "utf8");
  const decoder = new TextDecoder();
  const block = new Uint8Array(BLOCK_BYTES);
  return await inTurn(async () => {
    let text = "";
    for (;;) {
      const bytes = await standardInput.read(block, 0);
      text += decoder.decode(block.subarray(0, bytes), { stream: true });
      if (bytes < block.length) return text + decoder.decode();
    }
  });
}

/** What has become of the lines of a list. */
interface Tally {
  matched: number;
  different: number;
  unreadable: number;
  malformed: number;
}

async function verify(
  lines: Line[],
  listName: string,
  command: Command,
  output: Output,
): Promise<Tally> {
  const { algorithm, verbosity, ignoreMissing } = command;
  const { tag } = ALGORITHMS[algorithm];
  const report = (name: string, verdict: string) => {
    if (verbosity === "status") return;
    const { prefix, name: text } = escaped(name);
    output.print(`${prefix}${text}: ${verdict}\n`);
  };
  const tally = { matched: 0, different: 0, unreadable: 0, malformed: 0 };
  const names = lines.flatMap(({ expected }) => expected?.name ?? []);
  const { onBytes } = output;
  output.expect(names);
  await using results = checksums(names, { ...command, onBytes });
  for (const { number, expected } of lines) {
    if (expected === null) {
      tally.malformed++;
      if (verbosity !== "warn") continue;
      output.complain(
        `${listName}: ${number}: improperly formatted ${tag} checksum line`,
      );
      continue;
    }
    const { name, digest } = expected;
    const result: Checksum = (await results.next()).value;
    if (result.error !== undefined) {
      if (ignoreMissing && codeOf(result.error) === "ENOENT") continue;
      tally.unreadable++;
      output.complain(`${quoted(name)}: ${reasonOf(result.error)}`);
      report(name, "FAILED open or read");
    } else if (result.digest === digest.toLowerCase()) {
      tally.matched++;
      if (verbosity !== "quiet") report(name, "OK");
    } else {
      tally.different++;
      report(name, "FAILED");
    }
  }
  return tally;
}

function counted(count: number, one: string, many: string): string[] {
  return count === 0 ? [] : [`WARNING: ${count} ${count === 1 ? one : many}`];
}

function warningsOf({ malformed, unreadable, different }: Tally): string[] {
  return [
    ...counted(
      malformed,
      "line is improperly formatted",
      "lines are improperly formatted",
    ),
    ...counted(
      unreadable,
      "listed file could not be read",
      "listed files could not be read",
    ),
    ...counted(
      different,
      "computed checksum did NOT match",
      "computed checksums did NOT match",
    ),
  ];
}

/** Checks the files that a list names. */
async function checkList(
  list: string,
  parser: LineParser,
  command: Command,
  output: Output,
): Promise<boolean> {
  let text;
  try {
    text = await readList(list);
  } catch (error) {
    output.complain(`${quoted(list)}: ${reasonOf(error)}`);
    return false;
  }
  const listName = list === "-" ? "'standard input'" : quoted(list);
  const lines = parseList(text, (line) => {
    const expected = parser.parse(line);
    // A list cannot be the standard input that it is about.
    return list === "-" && expected?.name === "-" ? null : expected;
  });
  const tally = await verify(lines, listName, command, output);
  if (tally.malformed === lines.length) {
    output.complain(`${listName}: no properly formatted checksum lines found`);
    return false;
  }
  const isUnverified = command.ignoreMissing && tally.matched === 0;
  if (command.verbosity !== "status") {
    for (const warning of warningsOf(tally)) output.complain(warning);
    if (isUnverified) output.complain(`${listName}: no file was verified`);
  }
  return tally.different === 0 && tally.unreadable === 0 && !isUnverified &&
    !(command.isStrict && tally.malformed > 0);
}

async function checkAll(command: Command, output: Output): Promise<boolean> {
  const parser = new LineParser(command.algorithm);
  let isFine = true;
  for (const list of command.names) {
    if (!await checkList(list, parser, command, output)) isFine = false;
  }
  return isFine;
}

async function main(args: string[]): Promise<number> {
  const command = parseCommandLine(args);
  const output = new Output(command.hasProgress);
  try {
    const act = command.isChecking ? checkAll : printAll;
    return await act(command, output) ? 0 : 1;
  } finally {
    output.stop();
  }
}

// sha256sum exits with 1 when its usage is wrong, too.
if (import.meta.main) await runTool("checksum", main, 1);
