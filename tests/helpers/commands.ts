/**
 * Commands, run to their end or for as long as a test likes.
 *
 * @module
 */
import { decode } from "./bytes.ts";

/** Where a command runs, what it reads, and what ends it. */
export interface How {
  cwd?: string;
  env?: Record<string, string>;
  input?: string | Uint8Array;
  signal?: AbortSignal;
}

/** Starts a command; what it prints is piped. */
export function start(
  [command, ...args]: string[],
  { env, stdin = "null", ...how }: How & { stdin?: "null" | "piped" } = {},
): Deno.ChildProcess {
  return new Deno.Command(command, {
    ...how,
    args,
    env: { NO_COLOR: "1", ...env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** How a program ended, and what it printed. */
export interface Finished<Output = string> {
  code: number;
  stdout: Output;
  stderr: string;
}

/** Waits for the end of a program. */
export async function finish(child: Deno.ChildProcess): Promise<Finished> {
  const { stdout, ...ended } = await finishWithBytes(child);
  return { stdout: decode(stdout), ...ended };
}

async function finishWithBytes(
  child: Deno.ChildProcess,
): Promise<Finished<Uint8Array<ArrayBuffer>>> {
  const { code, stdout, stderr } = await child.output();
  return { code, stdout, stderr: withoutCacheNotices(decode(stderr)) };
}

/** Runs a command to its end. */
export async function execute(command: string[], how?: How): Promise<Finished> {
  const { stdout, ...ended } = await executeForBytes(command, how);
  return { stdout: decode(stdout), ...ended };
}

/** The same, where what it prints need not be text. */
export async function executeForBytes(
  command: string[],
  { input, ...how }: How = {},
): Promise<Finished<Uint8Array<ArrayBuffer>>> {
  const stdin = input === undefined ? "null" : "piped";
  const child = start(command, { ...how, stdin });
  const finished = finishWithBytes(child);
  if (input !== undefined) {
    // It may end before it has read everything.
    await new Blob([input as BlobPart]).stream().pipeTo(child.stdin)
      .catch(() => {});
  }
  return await finished;
}

/** Takes out what Deno says when another process has its caches locked. */
export function withoutCacheNotices(stderr: string): string {
  return stderr.replace(/^Failed to open cache file .*\n/gm, "");
}
