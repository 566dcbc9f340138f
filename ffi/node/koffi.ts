/**
 * Loads koffi, the package that calls native functions on Node and Bun.
 *
 * @module
 */
import Module, { createRequire } from "node:module";
import process from "node:process";
import { assert } from "../../lib/checks/assert.ts";
import { requestFfi } from "../permissions.ts";
import { isOlder, OLDEST_KOFFI } from "../versions.ts";

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
  readonly version: string;
  load(path: string): KoffiLibrary;
  view(address: number, byteLength: number): ArrayBuffer;
  address(buffer: unknown): bigint;
  proto(result: string, parameters: string[]): unknown;
  pointer(type: unknown): unknown;
  register(fn: (value: number) => void, type: unknown): bigint;
  readonly node: {
    poll(
      fd: number,
      events: { readable: boolean },
      ready: () => void,
    ): KoffiPoll;
  };
}

const MISSING = "MODULE_NOT_FOUND";

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
 * @returns Why that is not possible, and what to do, or `null`.
 * @throws Deno's own error if it does not permit native calls.
 */
export function loadKoffi(): string | null {
  if (loaded !== null) return null;
  // Once, and for all of them: koffi asks for each file that it tries.
  requestFfi();
  try {
    const found = requireKoffi();
    if (isOlder(found.version, OLDEST_KOFFI)) {
      throw new Error(`it is ${found.version}, older than ${OLDEST_KOFFI}`);
    }
    loaded = found;
    return null;
  } catch (error) {
    return `The package koffi, which calls the C library, ` +
      why(error as NodeJS.ErrnoException);
  }
}

/** In one call with the name, so that webpack can be told to leave it external. */
function requireKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)("koffi");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === MISSING;
    if (!isMissing || process.versions.bun === undefined) throw error;
    // What Bun has compiled is in a file system of its own, and koffi beside it. Not
    // createRequire by its name: webpack warns of what it cannot follow.
    return Module.createRequire(process.execPath)("koffi");
  }
}

/** What is wrong, in koffi's own words, and what to do. */
function why(error: NodeJS.ErrnoException): string {
  if (error.code === MISSING) {
    return "is not installed (it is optional): run npm install koffi where " +
      "the program runs";
  }
  return `cannot be loaded (${error.message}): ${adviceOn(error.code)}`;
}

function adviceOn(code: string | undefined): string {
  switch (code) {
    case "ERR_DLOPEN_DISABLED":
      // Two flags of Node forbid addons.
      return process.permission === undefined
        ? "start the program without --no-addons"
        : "start Node with --allow-addons";
    case "ERR_ACCESS_DENIED":
      return "start Node with --allow-fs-read for koffi and @koromix in " +
        "node_modules";
    default:
      return "run npm install koffi where the program runs, and have bundlers " +
        "leave it external";
  }
}

/** Whether it is loaded: what it calls then, nobody is asked about. */
export function isKoffiLoaded(): boolean {
  return loaded !== null;
}

/** Koffi, once it is loaded. */
export function koffi(): Koffi {
  assert(loaded !== null, "koffi is called before it is loaded");
  return loaded;
}
