/**
 * Values that a careless or hostile program may pass, and what each parameter
 * has to say to them by the contract.
 *
 * @module
 */
import { allocatePinned } from "../../../mod.ts";

/** A value, made anew for each call, because a call may spoil it. */
export interface Hostile {
  readonly name: string;
  readonly make: () => unknown;
}

/** What is thrown by getters and traps: it has to come through unchanged. */
export class Sentinel extends Error {
  override name = "Sentinel";
}

/** Throws whatever is asked of it. */
function throwing(): never {
  throw new Sentinel("a getter throws");
}

function resizable(length: number, maxByteLength = 64): ArrayBuffer {
  return new ArrayBuffer(length, { maxByteLength });
}

function detached(): Uint8Array {
  const view = new Uint8Array(8);
  view.buffer.transfer();
  return view;
}

/** A view whose bytes are not there any more, though its buffer is. */
function outOfBounds(): Uint8Array {
  const buffer = resizable(16);
  const view = new Uint8Array(buffer, 8, 8);
  buffer.resize(4);
  return view;
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** An object that passes for one of a class only by its prototype. */
function disguised(prototype: object): object {
  return Object.setPrototypeOf({}, prototype);
}

/** Its name throws, which no error message may stumble over. */
class Unnamable extends Uint16Array {
  override get [Symbol.toStringTag](): "Uint16Array" {
    return throwing();
  }
}

const MAKERS: [name: string, make: () => unknown][] = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["true", () => true],
  ["false", () => false],
  ["0", () => 0],
  ["-0", () => -0],
  ["1", () => 1],
  ["-1", () => -1],
  ["0.5", () => 0.5],
  ["-0.5", () => -0.5],
  ["1e-320", () => 1e-320],
  ["NaN", () => NaN],
  ["Infinity", () => Infinity],
  ["-Infinity", () => -Infinity],
  ["2**31", () => 2 ** 31],
  ["-(2**31)-1", () => -(2 ** 31) - 1],
  ["2**32", () => 2 ** 32],
  ["2**53-1", () => 2 ** 53 - 1],
  ["2**53", () => 2 ** 53],
  ["-(2**53)", () => -(2 ** 53)],
  ["1e308", () => 1e308],
  ["0n", () => 0n],
  ["1n", () => 1n],
  ["-1n", () => -1n],
  ["2n**63n-1n", () => 2n ** 63n - 1n],
  ["2n**63n", () => 2n ** 63n],
  ["2n**64n", () => 2n ** 64n],
  ["10n**4000n", () => 10n ** 4000n],
  ["the empty string", () => ""],
  ['"0"', () => "0"],
  ['"8"', () => "8"],
  ['"text"', () => "text"],
  ['"__proto__"', () => "__proto__"],
  ["a string with NUL", () => "nul\0byte"],
  ["a long string", () => "x".repeat(100_000)],
  ["a String object", () => new String("text")],
  ["a Number object", () => new Number(1)],
  ["a symbol", () => Symbol("text")],
  ["Symbol.iterator", () => Symbol.iterator],
  ["a function", () => () => 0],
  ["a class", () => class {}],
  ["{}", () => ({})],
  ["an object without prototype", () => Object.create(null)],
  ["{ valueOf: 0 }", () => ({ valueOf: () => 0 })],
  ["{ toString: throws }", () => ({ toString: throwing, valueOf: throwing })],
  ["{ length: 1 }", () => ({ length: 1, 0: 1 })],
  ["{ then: throws }", () => ({
    get then() {
      return throwing();
    },
  })],
  ["[]", () => []],
  ["[0]", () => [0]],
  ["an array with a hole", () => new Array(1)],
  ["a huge empty array", () => new Array(2 ** 32 - 1)],
  ["a Date", () => new Date(0)],
  ["a RegExp", () => /text/],
  ["a Map", () => new Map()],
  ["a promise", () => Promise.resolve(1)],
  ["an Error", () => new Error("text")],
  ["a Proxy of {}", () => new Proxy({}, {})],
  [
    "a Proxy that throws",
    () => new Proxy({}, { get: throwing, has: throwing }),
  ],
  ["a revoked Proxy", () => revoked({})],
  ["a revoked Proxy of []", () => revoked([])],
  ["a revoked Proxy of a function", () => revoked(() => 0)],
  ["an ArrayBuffer", () => new ArrayBuffer(8)],
  ["a SharedArrayBuffer", () => new SharedArrayBuffer(8)],
  ["a Uint8Array", () => new Uint8Array(8)],
  ["a Uint8Array of nothing", () => new Uint8Array()],
  ["pinned memory", () => allocatePinned(8)],
  ["a view of shared memory", () => new Uint8Array(new SharedArrayBuffer(8))],
  [
    "a view of growable memory",
    () => new Uint8Array(new SharedArrayBuffer(0, { maxByteLength: 8 })),
  ],
  ["a view of resizable memory", () => new Uint8Array(resizable(8))],
  ["a detached Uint8Array", detached],
  ["a Uint8Array out of bounds", outOfBounds],
  ["a DataView", () => new DataView(new ArrayBuffer(8))],
  ["a Uint16Array", () => new Uint16Array(4)],
  ["a Uint8ClampedArray", () => new Uint8ClampedArray(8)],
  ["an Int8Array", () => new Int8Array(8)],
  ["a Uint16Array whose name throws", () => new Unnamable(4)],
  ["a Proxy of a Uint8Array", () => new Proxy(new Uint8Array(8), {})],
  ["a false Uint8Array", () => disguised(Uint8Array.prototype)],
  [
    "a Uint16Array as a Uint8Array",
    () => Object.setPrototypeOf(new Uint16Array(4), Uint8Array.prototype),
  ],
  ["a false AbortSignal", () => disguised(AbortSignal.prototype)],
  ["a false URL", () => disguised(URL.prototype)],
  ["an AbortSignal", () => new AbortController().signal],
  ["an AbortController", () => new AbortController()],
  ["a URL of the web", () => new URL("https://example.com/file")],
  ["a URL with a host", () => new URL("file://host/file")],
  ["a URL with a slash in a name", () => new URL("file:///a%2Fb")],
  ["a URL with NUL", () => new URL("file:///a%00b")],
  ["globalThis", () => globalThis],
  ["Math", () => Math],
];

/** Every hostile value. */
export const VALUES: Hostile[] = MAKERS.map(([name, make]) => ({ name, make }));

/** How a wrong value is refused, or `null` if it is a right one. */
export type Refusal = "TypeError" | "RangeError" | "AioError" | null;

/** What a parameter takes. */
export type Takes = (value: unknown) => Refusal;

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** A wrong number is out of range, and everything else of a wrong type. */
function number(isRight: (value: number) => boolean): Takes {
  return (value) => {
    if (typeof value === "number" && isRight(value)) return null;
    return isNumeric(value) ? "RangeError" : "TypeError";
  };
}

/** Whether `ArrayBuffer.prototype` itself can make a view of it still. */
function isBytes(value: unknown): value is Uint8Array {
  const tag = Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(Uint8Array.prototype),
    Symbol.toStringTag,
  )!.get!.call(value);
  if (tag !== "Uint8Array") return false;
  try {
    Uint8Array.prototype.at.call(value as Uint8Array, 0);
    return true;
  } catch {
    return false;
  }
}

function isShared(view: Uint8Array): boolean {
  return view.buffer instanceof SharedArrayBuffer;
}

/** What the parameters of the interface take. */
export const takes = {
  anything: () => null,
  bytes: (value) => isBytes(value) ? null : "TypeError",
  /** The tables have no list of buffers but that of none. */
  buffers: (value) =>
    isBytes(value) || isObject(value) && isEmptyArray(value)
      ? null
      : "TypeError",
  /** `allocatePinned()` or shared memory; the tables have no other pinned one. */
  pinned: (value) => {
    if (value === null) return null;
    if (!isBytes(value)) return "TypeError";
    const isPinned = isShared(value) || value.buffer.byteLength > 1024;
    return isPinned ? null : "TypeError";
  },
  offset: (value) => {
    if (typeof value === "bigint") {
      return value >= 0n && value < 2n ** 63n ? null : "RangeError";
    }
    return number((value) => Number.isSafeInteger(value) && value >= 0)(value);
  },
  /** In a control block negative ones too, as in C. */
  aioOffset: (value) => {
    if (typeof value === "bigint") {
      return BigInt.asIntN(64, value) === value ? null : "RangeError";
    }
    return number(Number.isSafeInteger)(value);
  },
  count: number((value) => Number.isSafeInteger(value) && value >= 0),
  countFromOne: number((value) => Number.isSafeInteger(value) && value > 0),
  int32: number((value) => (value | 0) === value),
  positiveInt32: number((value) => (value | 0) === value && value > 0),
  notNegative: number((value) => value >= 0),
  priority: number((value) =>
    Number.isInteger(value) && value >= 0 && value <= 20
  ),
  boolean: (value) => typeof value === "boolean" ? null : "TypeError",
  /** An object that is no array: with its own properties, whatever it is. */
  options: (value) => {
    if (value === undefined) return null;
    return isObject(value) && !isArrayOrRevoked(value) ? null : "TypeError";
  },
  object: (value) =>
    isObject(value) && !isArrayOrRevoked(value) ? null : "TypeError",
  /** The tables have no array of anything that is right. */
  array: (value) => isObject(value) && isEmptyArray(value) ? null : "TypeError",
  nothing: () => "TypeError",
  signal: (value) => isSignal(value) ? null : "TypeError",
} satisfies Record<string, Takes>;

function isEmptyArray(value: object): boolean {
  try {
    return Array.isArray(value) && value.length === 0;
  } catch {
    return false;
  }
}

function isArrayOrRevoked(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return true;
  }
}

function isSignal(value: unknown): boolean {
  try {
    const isOne = value instanceof AbortSignal;
    return isOne && typeof value.aborted === "boolean";
  } catch {
    return false;
  }
}

/** The same, where `undefined` stands for the default. */
export function optional(take: Takes): Takes {
  return (value) => value === undefined ? null : take(value);
}
