/**
 * The example programs, run as a user runs them: each in a process of its own.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  decode,
  isLinux,
  succeeds,
  withoutCacheNotices,
} from "../helpers/mod.ts";

/** What the examples need that write files. */
export const PERMISSIONS = ["--allow-ffi", "--allow-read", "--allow-write"];

/** The command that runs an example. */
export function commandOf(
  name: string,
  permissions: string[] = PERMISSIONS,
): string[] {
  const { pathname } = new URL(`../../examples/${name}.ts`, import.meta.url);
  const flags = ["--quiet", "--no-prompt", ...permissions];
  return [Deno.execPath(), "run", ...flags, pathname];
}

/** Where a command runs, and what it reads. */
export interface How {
  cwd?: string;
  env?: Record<string, string>;
  input?: string | Uint8Array;
}

/** Starts a command; what it prints is piped. */
export function start(
  [command, ...args]: string[],
  { cwd, env, stdin = "null" }: How & { stdin?: "null" | "piped" } = {},
): Deno.ChildProcess {
  return new Deno.Command(command, {
    args,
    cwd,
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
): Promise<Finished<Uint8Array>> {
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
): Promise<Finished<Uint8Array>> {
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

/** Whether programs can be given a terminal. */
export const hasPseudoTerminal = isLinux && succeeds("script", "--version");
if (!hasPseudoTerminal) {
  console.log("There is no script(1) of util-linux: the bar is not tested.");
}

/** Runs a command on a terminal, where Deno asks for what is not permitted. */
export function executeOnTerminal(
  command: string[],
  how?: How,
): Promise<Finished> {
  const line = command.filter((word) => word !== "--no-prompt")
    .map((word) => `'${word}'`).join(" ");
  const script = ["script", "--quiet", "--return", "--command"];
  return execute([...script, line, "/dev/null"], how);
}

/**
 * Makes what asserts that an example failed with a status, and said why in one
 * line.
 *
 * @param name What its messages begin with.
 */
export function assertFailedAs(
  name: string,
): ({ code, stderr }: Finished, status: number, message: string) => void {
  return ({ code, stderr }, status, message) => {
    assertEquals(code, status, stderr);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    assert(stderr.startsWith(`${name}: `), stderr);
    assertStringIncludes(stderr, message);
  };
}
