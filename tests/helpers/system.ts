/**
 * What the tests run on.
 *
 * @module
 */

/** FIFOs that can be opened for both, and `/proc`, are Linux's. */
export const isLinux = Deno.build.os === "linux";

/** Whether the processor is emulated; set by `scripts/test_arm64.ts`. */
export const isEmulated = Deno.env.get("POSIX_AIO_EMULATED") === "1";

/** Whether the system has `preadv2()`, which says what waits: QEMU has none. */
export const hasPreadv2 = isLinux && !isEmulated;

/** A time limit in milliseconds, longer where the processor is emulated. */
export function timeLimit(limit_ms: number): number {
  return isEmulated ? 10 * limit_ms : limit_ms;
}

/** Whether a command runs here and succeeds. */
export function succeeds(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args }).outputSync().success;
  } catch {
    return false;
  }
}

/** Whether programs can be given a terminal: by script(1) of util-linux. */
export function hasTerminals(): boolean {
  return isLinux && succeeds("script", "-qec", "true", "/dev/null");
}

/** How many descriptors a process may have open if it asks for them. */
export function maxDescriptors(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  return Number(limits.match(/^Max open files +\S+ +(\d+)/m)![1]);
}
