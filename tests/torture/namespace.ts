/**
 * Programs that mount file systems: in a mount namespace of their own, so that what
 * they mount is seen by nobody else, and gone when they end, however that is.
 *
 * @module
 */
import { isLinux, succeeds } from "../helpers/mod.ts";

/** The command that runs a program in such a namespace. */
export const namespace: readonly string[] = ["unshare", "--mount"];

/** Whether a shell script succeeds in such a namespace; needs root. */
export function succeedsInNamespace(
  script: string,
  ...args: string[]
): boolean {
  if (!isLinux || Deno.uid() !== 0) return false;
  const [command, ...rest] = [...namespace, "sh", "-c", script, ...args];
  return succeeds(command, ...rest);
}
