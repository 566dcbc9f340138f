/**
 * Versions of runtimes, of koffi and of Linux.
 *
 * @module
 */

/** Older ones lack what is used here, or make calls that crash. */
export const OLDEST_KOFFI = "3.3.4";

/** The first Deno whose `node:fs` descriptors are the operating system's own. */
const OLDEST_DENO = "2.7.12";

/**
 * Why native calls cannot be made on Deno; it can import the package from npm, too.
 *
 * @param version Deno's version; `undefined` where the runtime is another one.
 * @returns `null` if they can be.
 */
export function whyNoDescriptors(version: string | undefined): string | null {
  if (version === undefined || !isOlder(version, OLDEST_DENO)) return null;
  return `Deno ${version} gives resource numbers where a file descriptor is ` +
    `needed; Deno ${OLDEST_DENO} or newer gives descriptors`;
}

/** The first Bun whose `node:fs` knows its own flags on Windows. */
const OLDEST_BUN_ON_WINDOWS = "1.3.11";

/**
 * Whether `node:fs` takes the flags that it has for those of another system: Bun took
 * those of Windows for Linux's, so that what appends wrote over the beginning.
 *
 * @param bun Bun's version; `undefined` where the runtime is another one.
 * @param os The operating system, as runtimes name it.
 */
export function mistakesFlags(bun: string | undefined, os: string): boolean {
  return bun !== undefined && os === "windows" &&
    isOlder(bun, OLDEST_BUN_ON_WINDOWS);
}

/** Whether a version comes before another one. */
export function isOlder(version: string, than: string): boolean {
  const left = version.split(/[.+-]/).map(Number);
  const right = than.split(".").map(Number);
  for (let part = 0; part < right.length; part++) {
    if (left[part] !== right[part]) return left[part] < right[part];
  }
  return false;
}
