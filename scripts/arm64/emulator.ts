/**
 * Has the kernel run ARM64 programs under QEMU, for one command and all that it
 * starts: in a user namespace with registrations of its own, which ends with
 * the command. Linux has these since 6.7.
 *
 * @module
 */
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** The ELF header of an ARM64 program, and which of its bits have to agree. */
const MAGIC = "\\x7fELF\\x02\\x01\\x01" + "\\x00".repeat(9) +
  "\\x02\\x00\\xb7\\x00";
const MASK = "\\xff".repeat(7) + "\\x00" + "\\xff".repeat(8) +
  "\\xfe\\xff\\xff\\xff";

/** Waits until the namespace has users, registers, becomes the command. */
const SCRIPT = `
read -r users
registrations=/proc/sys/fs/binfmt_misc
if mount -t binfmt_misc binfmt_misc $registrations &&
  printf %s "$1" > $registrations/register
then
  shift
  exec "$@" < /dev/null
fi
echo "No emulator can be registered in a user namespace; Linux 6.7 can." >&2
exit 2`;

const isRoot = Deno.uid() === 0;

/**
 * Starts a command that is an ARM64 program or starts such.
 *
 * @param qemu Path of the emulator.
 */
export async function spawnEmulated(
  qemu: string,
  command: string[],
  options: Deno.CommandOptions,
): Promise<Deno.ChildProcess> {
  // P: argv[0] stays what it is. F: the emulator is opened once, now.
  const registration = `:arm64:M::${MAGIC}:${MASK}:${qemu}:PF`;
  const child = new Deno.Command("unshare", {
    ...options,
    args: [
      ...["--user", "--mount", ...(isRoot ? [] : ["--map-root-user"])],
      ...["sh", "-c", SCRIPT, "sh", registration],
      ...(isRoot ? [] : asOrdinaryUser()),
      ...command,
    ],
    stdin: "piped",
  }).spawn();
  if (isRoot) await giveUsers(child.pid);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("\n"));
  await writer.close();
  return child;
}

/** It takes root to mount, in a namespace too; the command goes without. */
function asOrdinaryUser(): string[] {
  const [uid, gid] = [Deno.uid(), Deno.gid()];
  return ["unshare", "--user", `--map-user=${uid}`, `--map-group=${gid}`];
}

/** Gives the namespace of a process all users and groups that are here. */
async function giveUsers(pid: number): Promise<void> {
  const namespaceOf = (process: number) =>
    readlinkSync(`/proc/${process}/ns/user`);
  while (namespaceOf(pid) === namespaceOf(Deno.pid)) await delay(5);
  for (const map of ["uid_map", "gid_map"]) {
    const ranges = readFileSync(`/proc/self/${map}`, "utf8").trim().split("\n")
      .map((range) => range.trim().split(/\s+/));
    const same = ranges.map(([first, , count]) =>
      `${first} ${first} ${count}\n`
    );
    writeFileSync(`/proc/${pid}/${map}`, same.join(""));
  }
}
