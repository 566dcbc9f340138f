/**
 * A tool to use: copies a file with several requests in flight.
 *
 * ```sh
 * deno run --allow-ffi --allow-read --allow-write examples/copy.ts SOURCE TARGET
 * ```
 *
 * Devices and files of `/proc` and `/sys` need `deno run -A`. To learn from, `simple_copy.ts` is the
 * better page: this has what a tool needs beside it, in `copy/`.
 *
 * Workers pull the next block, read it and write it at the same place; how many
 * there are is how many requests are in flight. A file is copied under a temporary
 * name, synchronized, and renamed at the end: after a loss of power, too, the target
 * is the old file or the whole copy.
 *
 * @module
 */

import prettyBytes from "pretty-bytes";
import {
  BLOCK_SIZE_DEFAULT,
  boundsFault,
  copyFile,
  type CopyResult,
  DEPTH_DEFAULT,
  DEPTH_MAX,
  leadsToStandardOutput,
} from "./copy/copy_file.ts";
import { createReporter } from "./copy/reporter.ts";
import { DIRECT_ALIGNMENT } from "./copy/transfer.ts";
import { CommandLine, sizeOf, UsageError } from "./shared/command_line.ts";
import { rateOf } from "./shared/progress.ts";
import { abortOnSignal } from "./shared/stopping.ts";
import { print, runTool } from "./shared/tool.ts";

const USAGE = `Copies a file with several requests in flight.

usage: copy.ts [options] SOURCE TARGET

TARGET is a file, or a directory to copy into. A file that exists is replaced as
a whole once the copy is on disk; after a failure or Ctrl-C it is as it was, and
after a loss of power it is that or the whole copy. Holes of SOURCE stay holes.
If TARGET is standard output (/dev/stdout), the result is told on standard error.

  --depth N          requests in flight, 1 to ${DEPTH_MAX} (default ${DEPTH_DEFAULT})
  --block-size SIZE  bytes a request: 65536, 64K, 4M (default 1M)
  --direct           past the page cache, with O_DIRECT on both sides
                     (the block size must be a multiple of ${DIRECT_ALIGNMENT})
  --sync             report success only when the name of the copy is on disk, too:
                     then TARGET is the copy, whatever happens
  --verify           read both files again and compare their SHA-256 digests
                     (with --direct from the disk, otherwise the page cache may answer)
  --json             print the result as one line of JSON
  --quiet            print no progress and no result, errors only. Progress is a
                     bar on a terminal, and elsewhere one line at the beginning
  --help             print this

Exit status: 0 copied, 1 not copied, 2 wrong usage; 129, 130, 143 on SIGHUP,
SIGINT, SIGTERM.`;

/** What the arguments ask for. */
export function parseCommandLine(args: string[]) {
  const line = new CommandLine(USAGE, args);
  const depth = line.number("depth", sizeOf) ?? DEPTH_DEFAULT;
  const blockSize = line.number("block-size", sizeOf) ?? BLOCK_SIZE_DEFAULT;
  const direct = line.flag("direct");
  const fault = boundsFault(depth, blockSize, direct);
  if (fault !== null) throw new UsageError(fault);
  const [source, target] = line.names;
  if (line.names.length !== 2) {
    throw new UsageError(
      `a source and a target are needed, not ${line.names.length} names`,
    );
  }
  return {
    source,
    target,
    depth,
    blockSize,
    direct,
    sync: line.flag("sync"),
    verify: line.flag("verify"),
    json: line.flag("json"),
    quiet: line.flag("quiet"),
  };
}

function describe(result: CopyResult): string {
  const { bytes, copySeconds, syncSeconds, sha256 } = result;
  const seconds = copySeconds.toFixed(2);
  let text =
    `copied ${result.source} to ${result.target}: ${prettyBytes(bytes)}` +
    ` in ${seconds} s (${rateOf(bytes, copySeconds)})`;
  if (syncSeconds !== null) {
    text += `, synced in ${syncSeconds.toFixed(2)} s more`;
  }
  if (sha256 !== null) {
    text += `\nSHA-256 ${sha256.source}  ${result.source}` +
      `\nSHA-256 ${sha256.target}  ${result.target}`;
  }
  return text;
}

async function main(args: string[]): Promise<void> {
  const signal = abortOnSignal();
  const { source, target, json, quiet, ...options } = parseCommandLine(args);
  const reporter = quiet ? null : createReporter();
  // What goes there is the copy then, and nothing else.
  const isData = await leadsToStandardOutput(target);
  let result: CopyResult;
  try {
    result = await copyFile(source, target, {
      ...options,
      signal,
      onProgress: (progress) => reporter?.update(progress),
    });
  } finally {
    reporter?.stop();
  }
  if (quiet && !json) return;
  const report = json ? JSON.stringify(result) : describe(result);
  if (isData) console.error(report);
  else print(`${report}\n`);
}

if (import.meta.main) await runTool("copy", main);
