/**
 * The example programs, run as a user runs them: each in a process of its own.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  execute,
  type Finished,
  type How,
  isLinux,
  succeeds,
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
