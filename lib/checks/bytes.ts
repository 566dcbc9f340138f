/**
 * What a `Uint8Array` is, asked in a way that no subclass, proxy or getter of
 * the caller can falsify: native code is going to rely on the answer.
 *
 * @module
 */
import { types } from "node:util";

type Getter<T> = (this: unknown) => T;

/**
 * The getter that objects of a built-in class have. A test runner may have put a
 * class of its own before that one; where there is none, calling it throws.
 */
export function getterOf<T>(prototype: object, key: PropertyKey): Getter<T> {
  let at: object | null = prototype;
  while (at !== null && !Object.hasOwn(at, key)) at = Object.getPrototypeOf(at);
  return Object.getOwnPropertyDescriptor(at ?? {}, key)?.get as Getter<T>;
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const getByteLength = getterOf<number>(typedArray, "byteLength");
const getByteOffset = getterOf<number>(typedArray, "byteOffset");
const getBuffer = getterOf<ArrayBufferLike>(typedArray, "buffer");
const getTag = getterOf<string | undefined>(typedArray, Symbol.toStringTag);
const setBytes = Uint8Array.prototype.set;
const indexOf = Uint8Array.prototype.indexOf;

/** The true length in bytes: 0 once the buffer is detached. */
export function byteLengthOf(view: Uint8Array): number {
  return getByteLength.call(view);
}

/** The true offset in bytes in its buffer. */
export function byteOffsetOf(view: Uint8Array): number {
  return getByteOffset.call(view);
}

/** The true buffer. */
export function bufferOf(view: Uint8Array): ArrayBufferLike {
  return getBuffer.call(view);
}

/** `target.set(source, offset)` without the caller's own `set`. */
export function copyBytes(
  target: Uint8Array,
  source: Uint8Array,
  offset: number,
): void {
  setBytes.call(target, source, offset);
}

/** A plain view of the bytes from `begin` to `end` of a view. */
export function sliceOf(
  view: Uint8Array,
  begin: number,
  end: number,
): Uint8Array {
  return new Uint8Array(
    bufferOf(view),
    byteOffsetOf(view) + begin,
    end - begin,
  );
}

/**
 * @param value What the caller passed.
 * @param name Its name in the message.
 * @param wanted What it must be, in the message.
 * @throws {TypeError} Unless it is a `Uint8Array` on a buffer that is there.
 */
export function assertBytes(
  value: unknown,
  name: string,
  wanted = "a Uint8Array",
): asserts value is Uint8Array {
  // A proxy of a Uint8Array is an instance of it, but is none.
  if (!types.isUint8Array(value)) {
    throw new TypeError(`${name} must be ${wanted}, but is ${nameOf(value)}`);
  }
  const view: Uint8Array = value;
  if (byteLengthOf(view) > 0) return;
  if (isDetached(bufferOf(view))) {
    throw new TypeError(`The buffer of ${name} is detached`);
  }
  if (isOutOfBounds(view)) {
    throw new TypeError(`The buffer of ${name} has become too short for it`);
  }
}

function tagOf(view: ArrayBufferView): string | undefined {
  return getTag.call(view);
}

/**
 * Such a view has no bytes, as an empty one, but no method works on it. Not every one
 * tells: JavaScriptCore leaves the check out where it compiles `keys()` into its caller.
 */
function isOutOfBounds(view: Uint8Array): boolean {
  try {
    indexOf.call(view, 0);
    return false;
  } catch {
    return true;
  }
}

function isDetached(buffer: ArrayBufferLike): boolean {
  return "detached" in buffer
    ? (buffer as ArrayBuffer).detached
    : buffer.byteLength === 0 && cannotBeViewed(buffer);
}

/** Node 20 has no `detached`: there a view tells, because it can't be made. */
function cannotBeViewed(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** How much of a text an error message quotes. */
const QUOTED_LENGTH_MAX = 40;

/** A short description of any value for error messages; never throws. */
export function nameOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.slice(0, QUOTED_LENGTH_MAX));
    case "bigint": {
      const digits = String(value);
      return digits.length > QUOTED_LENGTH_MAX
        ? `${digits.slice(0, QUOTED_LENGTH_MAX)}…n`
        : `${digits}n`;
    }
    case "function":
      return "a function";
    case "object":
      if (value === null) return "null";
      if (ArrayBuffer.isView(value)) return `a ${tagOf(value) ?? "DataView"}`;
      return isArray(value) ? "an array" : "an object";
    default:
      return String(value);
  }
}

/** `Array.isArray()`, which throws for a proxy that has been revoked. */
export function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}
