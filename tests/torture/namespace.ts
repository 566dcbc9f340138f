/**
 * Programs that mount file systems: in a mount namespace of their own, so that what
 * they mount is seen by nobody else, and gone when they end, however that is.
 *
 * @module
 */
import { Directory, isLinux, report, succeeds } from "../helpers/mod.ts";
import { limit_ms } from "./scale.ts";

/** The command that runs a program in such a namespace. */
export const namespace = ["unshare", "--mount"];

/** Whether a shell script succeeds in such a namespace; needs root. */
export function succeedsInNamespace(
  script: string,
  ...args: string[]
): boolean {
  if (!isLinux || Deno.uid() !== 0) return false;
  const [command, ...rest] = [...namespace, "sh", "-c", script, ...args];
  return succeeds(command, ...rest);
}

/**
 * Whether images of file systems can be mounted there: root may not, where it is root
 * of a namespace of users only.
 */
export function mountsImages(): boolean {
  using directory = new Directory();
  const script = 'truncate -s 8M "$0/image" && mkfs.ext4 -q "$0/image" && ' +
    'mkdir "$0/disk" && mount -o loop "$0/image" "$0/disk"';
  return succeedsInNamespace(script, directory.path);
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
