/**
 * strace(1), which records what a program does, and holds it back.
 *
 * @module
 */
import { Directory } from "./files.ts";
import { visibleCalls } from "./native.ts";
import { report } from "./programs.ts";
import { isLinux, succeeds } from "./system.ts";

/**
 * The command that runs another one and records its system calls.
 *
 * @param options Which ones, of which files, and what becomes of them.
 */
export function strace(record: string, ...options: string[]): string[] {
  const always = ["-f", "--seccomp-bpf", "-qq", "-o", record];
  return ["strace", ...always, ...options];
}

/** Whether strace can do that. */
export function canStrace(): boolean {
  const [command, ...args] = strace("/dev/null", "true");
  const can = isLinux && succeeds(command, ...args);
  if (!can) console.log("There is no strace to be used: some is not tested.");
  return can;
}

/**
 * Tries to cancel a transfer of a file while it runs, which takes a tracer.
 *
 * @param how By a `"signal"`, by `"cancel"`, or by a completion queue that
 * notices in this way.
 * @param operation What to do with the file.
 * @param contents What the file has; a write writes as much.
 * @param isReadOnly Whether the file is open for reading only.
 */
export async function cancelRunning(
  how: string,
  operation: "read" | "write",
  contents: Uint8Array,
  isReadOnly = false,
): Promise<unknown> {
  using directory = new Directory();
  const path = directory.file(contents);
  const call = operation === "read" ? "pread64" : "pwrite64";
  const inject = `inject=${call}:delay_enter=300000`;
  return await report("running_transfer", {
    args: [path, how, operation, String(contents.length), `${isReadOnly}`],
    env: visibleCalls() ?? {},
    // Or it would be done before anybody could cancel it.
    pageCache: false,
    wrapper: strace(
      "/dev/null",
      ...["-P", path, "-e", `trace=${call}`, "-e", inject],
    ),
  });
}
