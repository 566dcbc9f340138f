/**
 * How many threads the process may still make: by the number that its cgroups may
 * have, and by that of its user (`RLIMIT_NPROC`). Linux only; elsewhere, and
 * where nothing can be read, there is no limit.
 *
 * @module
 */
import { type SystemFiles, systemFiles } from "../../ffi/system_files.ts";
import { platform } from "./constants.ts";

/** With so many left below the limit, the user's own tasks need not be counted. */
const PLENTY = 256;

/** Either of these lifts the limit of a user. */
const CAP_SYS_ADMIN = 21n;
const CAP_SYS_RESOURCE = 24n;

/** How many nonblocking calls may wait at once, so that none is late. */
const WAITING_MAX = 4;

/** So many calls may wait for a file system, even where no thread is left. */
const SLOW_MIN = 2;

/**
 * How many threads serve requests: one at least, whatever is left.
 *
 * @param spare How many the process may still make, without the runtime's own.
 * @param wanted How many are best.
 */
export function servingThreads(spare: number, wanted: number): number {
  return Math.max(1, Math.min(wanted, spare - WAITING_MAX));
}

/**
 * How many threads wait in nonblocking calls: one at least.
 *
 * @param spare How many the process may still make, without the runtime's own.
 * @param serving How many of those serve requests.
 */
export function waitingThreads(spare: number, serving: number): number {
  return Math.max(1, Math.min(WAITING_MAX, spare - serving));
}

/**
 * How many calls may wait for a file system, with a thread each: as many as nobody
 * else needs, but at least two, or one where only one thread may wait for requests.
 *
 * @param spare How many the process may still make, without the runtime's own.
 * @param serving How many of those serve requests.
 * @param wanted How many there is a use for.
 */
export function slowThreads(
  spare: number,
  serving: number,
  wanted: number,
): number {
  const least = Math.min(SLOW_MIN, waitingThreads(spare, serving));
  return Math.max(least, Math.min(wanted, spare - serving - WAITING_MAX));
}

/** How many more threads this process may have, at this moment. */
export function threadsLeft(files: SystemFiles = systemFiles): number {
  if (platform.os !== "linux") return Infinity;
  return Math.max(0, Math.min(leftInCgroups(files), leftToUser(files)));
}

/** The least that any of the process's cgroups leaves. */
function leftInCgroups({ read }: SystemFiles): number {
  let left = Infinity;
  for (const directory of cgroupsOf({ read })) {
    const max = numberIn(read(`${directory}/pids.max`));
    const current = numberIn(read(`${directory}/pids.current`));
    if (max !== null && current !== null) left = Math.min(left, max - current);
  }
  return left;
}

/** The directories of the cgroups that may bound threads, and their parents. */
function cgroupsOf({ read }: Pick<SystemFiles, "read">): string[] {
  const cgroups = (read("/proc/self/cgroup") ?? "").split("\n");
  const mounts = (read("/proc/self/mountinfo") ?? "").split("\n");
  return cgroups.flatMap((line) => {
    // Such as `8:pids:/path` or, of version 2, `0::/path`.
    const [, controllers, ...rest] = line.split(":");
    const isVersion2 = controllers === "";
    const isMeant = isVersion2 || controllers?.split(",").includes("pids");
    const mount = isMeant ? mountOf(mounts, isVersion2) : null;
    return mount === null ? [] : withParents(mount, rest.join(":"));
  });
}

/** Where cgroups are mounted, and the path of the one that is mounted there. */
interface Mount {
  readonly directory: string;
  readonly root: string;
}

function mountOf(mounts: string[], isVersion2: boolean): Mount | null {
  for (const line of mounts) {
    const [mount, fileSystem] = line.split(" - ").map((part) =>
      part.split(" ")
    );
    if (fileSystem === undefined) continue;
    const [type, , options = ""] = fileSystem;
    const isWanted = isVersion2
      ? type === "cgroup2"
      : type === "cgroup" && options.split(",").includes("pids");
    const [, , , root, directory] = mount.map(unescape);
    if (isWanted) return { directory, root };
  }
  return null;
}

/** `mountinfo` has blanks as `\040`. */
function unescape(path: string): string {
  return path.replace(
    /\\([0-7]{3})/g,
    (_, octal) => String.fromCharCode(parseInt(octal, 8)),
  );
}

/** The directory of a cgroup, and all above it that are mounted. */
function withParents({ directory, root }: Mount, path: string): string[] {
  const top = root === "/" ? "" : root;
  const isBelow = path.startsWith(`${top}/`);
  const names = isBelow
    ? path.slice(top.length).split("/").filter((name) => name !== "")
    : [];
  return [0, ...names.keys()].map((_, depth) =>
    [directory, ...names.slice(0, depth)].join("/")
  );
}

function leftToUser(files: SystemFiles): number {
  const { read } = files;
  const limits = read("/proc/self/limits") ?? "";
  const limit = numberIn(/^Max processes +(\d+)/m.exec(limits)?.[1]);
  const status = read("/proc/self/status");
  if (limit === null || status === null || isExempt(files, status)) {
    return Infinity;
  }
  const tasks = numberIn(/\/(\d+)/.exec(read("/proc/loadavg") ?? "")?.[1]);
  if (tasks !== null && limit - tasks >= PLENTY) return limit - tasks;
  return limit - tasksOf(userOf(status), files);
}

/** Whether no limit holds for the process: it is root's, or may do as root. */
function isExempt({ read }: SystemFiles, status: string): boolean {
  // Not in a user namespace, whose root is somebody else outside.
  const isOutermost = /^ *0 +0 +4294967295$/m.test(
    read("/proc/self/uid_map") ?? "",
  );
  if (!isOutermost) return false;
  const capabilities = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? 0}`,
  );
  const isCapable = [CAP_SYS_ADMIN, CAP_SYS_RESOURCE].some((capability) =>
    (capabilities >> capability & 1n) === 1n
  );
  return isCapable || userOf(status) === "0";
}

/** How many threads a user has, in all processes that can be seen. */
function tasksOf(user: string | undefined, files: SystemFiles): number {
  let tasks = 0;
  for (const name of files.list("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const status = files.read(`/proc/${name}/status`);
    if (status === null || userOf(status) !== user) continue;
    tasks += numberIn(/^Threads:\s*(\d+)/m.exec(status)?.[1]) ?? 1;
  }
  return tasks;
}

/** The real user of a process, whom the system counts it for. */
function userOf(status: string): string | undefined {
  return /^Uid:\s*(\d+)/m.exec(status)?.[1];
}

/** `null` for what is no number, such as `max`. */
function numberIn(text: string | null | undefined): number | null {
  const trimmed = text?.trim() ?? "";
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
}
