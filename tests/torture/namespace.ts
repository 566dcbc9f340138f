/**
 * Programs that mount file systems: in a mount namespace of their own, so that what
 * they mount is seen by nobody else, and gone when they end, however that is.
 *
 * @module
 */
import { Directory, isLinux, report, succeeds } from "../helpers/mod.ts";
import { limit_ms } from "./scale.ts";

/** The command that runs a program in such a namespace. */
const namespace = ["unshare", "--mount"];

/** Whether a shell script succeeds in such a namespace; needs root. */
export function succeedsInNamespace(
  script: string,
  ...args: string[]
): boolean {
  if (!isLinux || Deno.uid() !== 0) return false;
  const [command, ...rest] = [...namespace, "sh", "-c", script, ...args];
  return succeeds(command, ...rest);
}

/** Runs one of these programs in such a namespace, in a directory of its own. */
export async function reportInNamespace(name: string, options: object) {
  using directory = new Directory();
  return await report(`../torture/programs/${name}`, {
    args: [JSON.stringify({ directory: directory.path, ...options })],
    wrapper: namespace,
    limit_ms,
  });
}
