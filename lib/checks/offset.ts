/**
 * Offsets in a file: a number wherever one is exact, and a bigint beyond
 * 2 ** 53 - 1.
 *
 * @module
 */
import { nameOf } from "./bytes.ts";

const OFFSET_LIMIT = 2n ** 63n;

/** The same offset, as a number if that is exact. */
export function exactOffset(offset: number | bigint): number | bigint {
  const isExact = typeof offset === "bigint" &&
    offset >= Number.MIN_SAFE_INTEGER && offset <= Number.MAX_SAFE_INTEGER;
  return isExact ? Number(offset) : offset;
}

/** The offset that lies `bytes` behind another one. */
export function offsetAfter(
  offset: number | bigint,
  bytes: number,
): number | bigint {
  if (typeof offset === "number") {
    const after = offset + bytes;
    if (Number.isSafeInteger(after)) return after;
  }
  return BigInt(offset) + BigInt(bytes);
}

/** An offset as a number, if that is exact; throws if it is none. */
export function fileOffset(
  operation: string,
  offset: number | bigint,
): number | bigint {
  const isOffset = typeof offset === "bigint"
    ? offset >= 0n && offset < OFFSET_LIMIT
    : Number.isSafeInteger(offset) && offset >= 0;
  if (isOffset) return exactOffset(offset);
  throw offsetError(operation, offset);
}

function offsetError(operation: string, offset: unknown): Error {
  const what = `Cannot ${operation} at offset ${nameOf(offset)}: ` +
    "the offset must be ";
  if (typeof offset === "bigint" && offset >= 0n) {
    return new RangeError(`${what}at most 2 ** 63 - 1`);
  }
  if (Number.isInteger(offset) && offset as number > 0) {
    return new RangeError(`${what}a bigint beyond 2 ** 53 - 1`);
  }
  return typeof offset === "number" || typeof offset === "bigint"
    ? new RangeError(`${what}a non-negative integer`)
    : new TypeError(`${what}a number or a bigint`);
}
