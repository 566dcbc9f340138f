/**
 * Copies a real file, the Deno executable, and verifies the copy.
 *
 * ```sh
 * deno task demo
 * ```
 *
 * @module
 */

import prettyBytes from "pretty-bytes";
import { copyFile } from "../examples/copy/copy_file.ts";
import { createReporter } from "../examples/copy/reporter.ts";
import { metrics, supported } from "../mod.ts";

function row(name: string, ...values: string[]): void {
  console.log(`  ${name.padEnd(12)}${values.join(" ")}`);
}

function timing(bytes: number, seconds: number): string {
  return `${seconds.toFixed(2)} s  ${prettyBytes(bytes / seconds)}/s`;
}

const { available, reason } = supported();
if (!available) {
  console.error(`This system has no POSIX asynchronous I/O: ${reason}`);
  Deno.exit(1);
}

console.log("Copying the Deno executable with aio(3), then comparing both.\n");
const interruption = new AbortController();
const interrupt = () => interruption.abort(new Error("interrupted"));
Deno.addSignalListener("SIGINT", interrupt);
Deno.addSignalListener("SIGTERM", interrupt);

const directory = await Deno.makeTempDir({ prefix: "posix-aio-demo-" });
const reporter = Deno.stderr.isTerminal() ? createReporter() : null;
try {
  const submittedBefore = metrics().submitted;
  const copy = await copyFile(Deno.execPath(), directory, {
    sync: true,
    verify: true,
    signal: interruption.signal,
    onProgress: (progress) => reporter?.update(progress),
  });
  reporter?.stop();
  const { bytes, copySeconds, peakInFlight, averageInFlight } = copy;
  const syncedSeconds = copySeconds + copy.syncSeconds!;
  row("source", copy.source);
  row("target", copy.target);
  row("size", `${bytes.toLocaleString("en")} bytes`, `(${prettyBytes(bytes)})`);
  row(
    "in flight",
    `${peakInFlight} requests of ${
      prettyBytes(copy.blockSize, { binary: true })
    } at most,`,
    `${averageInFlight.toFixed(1)} on average`,
  );
  row("copied", timing(bytes, copySeconds), " (the page cache has it)");
  row(
    "synced",
    timing(bytes, syncedSeconds),
    " (the disk has it: copy and sync together)",
  );
  row("SHA-256", copy.sha256!.source, " source");
  row("", copy.sha256!.target, " target");
  row(
    "requests",
    `${metrics().submitted - submittedBefore} in all, with sync and comparison`,
  );
  console.log("\nBoth are the same. The copy is removed now.");
} catch (error) {
  reporter?.stop();
  console.error(`The copy failed: ${(error as Error).message}`);
  Deno.exitCode = 1;
} finally {
  await Deno.remove(directory, { recursive: true });
}
