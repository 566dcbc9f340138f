/**
 * States what the library itself has to keep true, whatever its callers do.
 *
 * @module
 */

/**
 * @param condition What has to be true.
 * @param what The same in words.
 * @throws {Error} If it is not: the library is wrong, not its caller.
 */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`posix-aio is in a wrong state: ${what}`);
}
