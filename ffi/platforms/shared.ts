/**
 * What all platforms share, or need to write their tables.
 *
 * @module
 */
/** The constants that all systems agree on, if they have them. */
export const COMMON_CONSTANTS = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  F_SETFD: 2,
  FD_CLOEXEC: 1,
  F_GETFL: 3,
  POSIX_FADV_NORMAL: 0,
  POSIX_FADV_RANDOM: 1,
  POSIX_FADV_SEQUENTIAL: 2,
  POSIX_FADV_WILLNEED: 3,
  POSIX_FADV_DONTNEED: 4,
  POSIX_FADV_NOREUSE: 5,
} as const;

/** Numbers the names of a list on from the given one. */
export function numbered(first: number, names: string): Record<string, number> {
  return Object.fromEntries(
    names.trim().split(/\s+/).map((name, index) => [name, first + index]),
  );
}
