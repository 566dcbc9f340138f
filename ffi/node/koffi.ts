/**
 * Loads koffi, the package that calls native functions on Node and Bun.
 *
 * @module
 */
import { createRequire } from "node:module";
import { assert } from "../../lib/checks/assert.ts";

/** A function of a library. */
export interface KoffiFunction {
  (...args: unknown[]): unknown;
  /** Takes a Node callback as its last argument. */
  async: (...args: unknown[]) => void;
}

/** A library of native functions. */
export interface KoffiLibrary {
  func(name: string, result: string, parameters: string[]): KoffiFunction;
}

/** What looks at a descriptor from libuv's event loop. */
export interface KoffiPoll {
  start(events: { readable: boolean }, ready: () => void): void;
  stop(): void;
}

/** What is used of koffi. */
export interface Koffi {
  load(path: string): KoffiLibrary;
  view(address: number, byteLength: number): ArrayBuffer;
  address(buffer: unknown): bigint;
  proto(result: string, parameters: string[]): unknown;
  pointer(type: unknown): unknown;
  register(fn: (value: number) => void, type: unknown): bigint;
  /** Of koffi 2.15 and newer. */
  node?: {
    poll(
      fd: number,
      events: { readable: boolean },
      ready: () => void,
    ): KoffiPoll;
  };
}

const INSTALL = "npm install koffi";

let loaded: Koffi | null = null;

/** Objects of koffi: Bun, until 1.3, aborts when one of them is collected. */
const kept: unknown[] = [];

/** Keeps objects of koffi from the garbage collector. */
export function keep(...objects: unknown[]): void {
  kept.push(...objects);
}

/**
 * Loads koffi, once.
 *
 * @returns Why that is not possible, or `null`.
 */
export function loadKoffi(): string | null {
  if (loaded !== null) return null;
  try {
    const found = createRequire(import.meta.url)("koffi") as Koffi;
    if (typeof found.view !== "function") throw new Error("it has no view()");
    loaded = found;
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === "MODULE_NOT_FOUND"
      ? "is not installed"
      : `cannot be loaded (${message})`;
    return `The package koffi, which calls the C library, ${what}: ` +
      `run ${INSTALL}`;
  }
}

/** Koffi, once it is loaded. */
export function koffi(): Koffi {
  assert(loaded !== null, "koffi is called before it is loaded");
  return loaded;
}
