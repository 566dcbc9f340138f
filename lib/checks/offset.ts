/**
 * Offsets in a file: a number wherever one is exact, and a bigint beyond
 * 2 ** 53 - 1.
 *
 * @module
 */
import { outOfRange } from "./arguments.ts";
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

/**
 * How many of the bytes from an offset on a file can have: none is longer than an
 * `off_t` can tell, and some systems refuse to read beyond that.
 */
export function bytesOfFile(
  offset: number | bigint,
  byteLength: number,
): number {
  if (typeof offset === "number") return byteLength;
  const left = OFFSET_LIMIT - 1n - offset;
  return left < byteLength ? Number(left) : byteLength;
}

/**
 * An offset of a file, as a number if that is exact.
 *
 * @param operation What is to be done there, for the message.
 * @throws {RangeError} If it is negative, or does not fit into an `off_t`.
 * @throws {TypeError} If it is neither a number nor a bigint.
 */
export function fileOffset(
  operation: string,
  offset: number | bigint,
): number | bigint {
  if (fitsOffT(offset) && offset >= 0) return exactOffset(offset);
  throw offsetError(operation, offset);
}

/** The offset as it is; throws unless it fits into an `off_t`, negative or not. */
export function signedOffset(
  offset: number | bigint,
  name: string,
): number | bigint {
  if (fitsOffT(offset)) return offset;
  throw outOfRange(name, offset, "a safe integer or a bigint of 64 bits");
}

function fitsOffT(offset: number | bigint): boolean {
  return typeof offset === "bigint"
    ? offset >= -OFFSET_LIMIT && offset < OFFSET_LIMIT
    : Number.isSafeInteger(offset);
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
