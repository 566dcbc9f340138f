/**
 * The C functions as koffi binds them. A native address is a plain number here:
 * that is what koffi takes and gives fastest.
 *
 * @module
 */
import { type FoundFunctions, type Native, symbolOf } from "../binding.ts";
import type { Platform } from "../platform.ts";
import {
  type FunctionName,
  type ParameterType,
  type ResultType,
  type Signature,
  SIGNATURE_ROWS,
} from "../signatures.ts";
import { spaced } from "./bun.ts";
import { keep, koffi, type KoffiFunction, type KoffiLibrary } from "./koffi.ts";

/**
 * The words of the signatures. An address as `void *` would come back as a BigInt,
 * and costs more; but it may be null.
 */
const TYPES: Record<ParameterType | ResultType, string> = {
  int: "int",
  uint: "uint",
  long: "int64_t",
  offset: "int64_t",
  size: "size_t",
  pointer: "uintptr_t",
  nullable: "void *",
  void: "void",
};

/** What a library has. */
export function functionsIn(
  library: string,
  platform: Platform,
): FoundFunctions {
  const loaded = load(library);
  if (loaded === null) return {};
  const functions: FoundFunctions = {};
  for (const [name, signature] of SIGNATURE_ROWS) {
    const fn = find(loaded, symbolOf(name, signature, platform), signature);
    if (fn !== null) functions[name] = adapted(name, fn, signature);
  }
  return functions;
}

function load(library: string): KoffiLibrary | null {
  try {
    const loaded = koffi().load(library);
    keep(loaded);
    return loaded;
  } catch {
    return null;
  }
}

function find(
  library: KoffiLibrary,
  symbol: string,
  { parameters, fixed, result }: Signature,
): KoffiFunction | null {
  const types = parameters.map((type) => TYPES[type]);
  if (fixed !== undefined) types.splice(fixed, Infinity, "...");
  try {
    const fn = library.func(symbol, TYPES[result], types);
    keep(fn);
    return fn;
  } catch {
    return null;
  }
}

/** Only what is not called for every request goes through another function. */
function adapted(
  name: FunctionName,
  fn: KoffiFunction,
  { parameters, fixed, result, nonblocking }: Signature,
): Native {
  if (nonblocking) return spaced(name, fn) ?? onThread(fn);
  if (fixed !== undefined && fixed < parameters.length) {
    return withTypes(fn, fixed, parameters.map((type) => TYPES[type]));
  }
  return result === "pointer" ? withNull(fn) : fn;
}

function onThread(fn: KoffiFunction): Native {
  return (...args) =>
    new Promise((resolve, reject) =>
      fn.async(
        ...args,
        (error: unknown, result: number) =>
          error ? reject(error) : resolve(result),
      )
    );
}

/** Koffi wants the type of each variable argument before it. */
function withTypes(fn: Native, fixed: number, types: string[]): Native {
  return (...args) => {
    const variable = args.splice(fixed);
    return fn(
      ...args,
      ...variable.flatMap((arg, at) => [types[fixed + at], arg]),
    );
  };
}

function withNull(fn: Native): Native {
  return (...args) => fn(...args) || null;
}
