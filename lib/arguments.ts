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
  const message = `${name} must be ${wanted}, but is ${nameOf(value)}`;
  return typeof value === "number" || typeof value === "bigint"
    ? new RangeError(message)
    : new TypeError(message);
}

/** @throws Unless it is an integer that fits into a C `int`. */
export function int32(value: number, name: string): number {
  if (typeof value !== "number" || (value | 0) !== value) {
    throw outOfRange(name, value, "a 32-bit integer");
  }
  return value;
}

/** @throws Unless it is a positive integer that fits into a C `int`. */
export function positiveInt32(value: number, name: string): number {
  if (typeof value === "number" && (value | 0) === value && value > 0) {
    return value;
  }
  throw outOfRange(name, value, "a positive 32-bit integer");
}

/** @throws Unless it is an integer of at least 0. */
export function nonNegative(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw outOfRange(name, value, "a non-negative integer");
}

/** @throws Unless it is an integer of at least 1. */
export function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw outOfRange(name, value, "a positive integer");
}

/** @throws {TypeError} Unless it is an object. */
export function assertObject(value: unknown, name: string): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(`${name} must be an object, but is ${nameOf(value)}`);
}

/** @throws {TypeError} Unless it is an array. */
export function assertArray(value: unknown, name: string): void {
  if (Array.isArray(value)) return;
  throw new TypeError(`${name} must be an array, but is ${nameOf(value)}`);
}
