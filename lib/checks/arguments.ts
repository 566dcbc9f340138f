/**
 * Checks of arguments. The messages say which one was wrong, and its value.
 *
 * @module
 */
import { nameOf } from "./bytes.ts";

/**
 * The error for an argument that is not what it must be: a `RangeError` for a
 * number, a `TypeError` for anything else.
 */
export function outOfRange(
  name: string,
  value: unknown,
  wanted: string,
): Error {
  return typeof value === "number" || typeof value === "bigint"
    ? new RangeError(mismatch(name, value, wanted))
    : new TypeError(mismatch(name, value, wanted));
}

/** The error for an argument whose type is another than it must be. */
export function wrongType(
  name: string,
  value: unknown,
  wanted: string,
): TypeError {
  return new TypeError(mismatch(name, value, wanted));
}

function mismatch(name: string, value: unknown, wanted: string): string {
  return `${name} must be ${wanted}, but is ${nameOf(value)}`;
}

/** The error for an argument that is no such number. */
function notInteger(name: string, value: unknown, wanted: string): Error {
  const isBig = typeof value === "bigint";
  return outOfRange(name, value, isBig ? "a number, not a bigint" : wanted);
}

/**
 * @returns It, and 0 for -0, for which Node 20 ends the process.
 * @throws Unless it is an integer that fits into a C `int`.
 */
export function int32(value: number, name: string): number {
  if (typeof value !== "number" || (value | 0) !== value) {
    throw notInteger(name, value, "a 32-bit integer");
  }
  return value | 0;
}

/** @throws Unless it is a positive integer that fits into a C `int`. */
export function positiveInt32(value: number, name: string): number {
  if (typeof value === "number" && (value | 0) === value && value > 0) {
    return value;
  }
  throw notInteger(name, value, "a positive 32-bit integer");
}

/**
 * @returns It, and 0 for -0, as above.
 * @throws Unless it is an integer of at least 0.
 */
export function nonNegative(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value + 0;
  throw notInteger(name, value, "a non-negative integer");
}

/** @throws Unless it is an integer of at least 1. */
export function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw notInteger(name, value, "a positive integer");
}

/** @throws {RangeError} If it is greater than `most`. */
export function atMost(value: number, most: number, name: string): number {
  if (value <= most) return value;
  throw outOfRange(name, value, `at most ${most}`);
}

/** @throws {TypeError} Unless it is a string. */
export function assertString(value: string, name: string): void {
  if (typeof value === "string") return;
  throw wrongType(name, value, "a string");
}

/** @throws {TypeError} Unless it is a boolean, or was not given. */
export function assertFlag(value: boolean | undefined, name: string): void {
  if (typeof value === "boolean" || value === undefined) return;
  throw wrongType(name, value, "a boolean");
}

/** @throws {TypeError} Unless it is an object, and no array. */
export function assertObject(value: unknown, name: string): void {
  const isObject = typeof value === "object" && value !== null;
  if (isObject && !Array.isArray(value)) return;
  throw wrongType(name, value, "an object");
}

/** @throws {TypeError} Unless it is an array. */
export function assertArray(value: unknown, name: string): void {
  if (Array.isArray(value)) return;
  throw wrongType(name, value, "an array");
}
