/** The strings by which `node:fs` opens files, as options. */
import { nameOf } from "../checks/bytes.ts";
import type { OpenOptions } from "./open.ts";

/**
 * How `node:fs` says how to open a file: `"r"` for reading, `"w"` for writing to a file
 * that is emptied or made, `"a"` for appending to one that is there or made. With `+`
 * it is open for reading and writing, with `x` there must be none, with `s` each write is
 * on disk before it is done.
 *
 * @example
 * ```ts
 * import { AioFile, type NodeFlags } from "@posix/aio";
 * import { rmSync } from "node:fs";
 *
 * const flags: NodeFlags = "wx+";
 * {
 *   await using file = await AioFile.open("node_flags.example", flags);
 *   await file.writeAt(new Uint8Array(512), 0);
 * }
 * rmSync("node_flags.example");
 * ```
 */
export type NodeFlags =
  | "r"
  | "r+"
  | "rs"
  | "sr"
  | "rs+"
  | "sr+"
  | "w"
  | "w+"
  | "wx"
  | "xw"
  | "wx+"
  | "xw+"
  | "a"
  | "a+"
  | "ax"
  | "xa"
  | "ax+"
  | "xa+"
  | "as"
  | "sa"
  | "as+"
  | "sa+";

const READ = { read: true };
const WRITE = { write: true, truncate: true, create: true };
const WRITE_NEW = { write: true, createNew: true };
const APPEND = { append: true, create: true };
const APPEND_NEW = { append: true, createNew: true };
const SYNCHRONOUS = { synchronous: "full" } as const;

const OPTIONS: Readonly<Record<string, OpenOptions>> = {
  "r": READ,
  "r+": { ...READ, write: true },
  "rs": { ...READ, ...SYNCHRONOUS },
  "rs+": { ...READ, write: true, ...SYNCHRONOUS },
  "w": WRITE,
  "w+": { ...READ, ...WRITE },
  "wx": WRITE_NEW,
  "wx+": { ...READ, ...WRITE_NEW },
  "a": APPEND,
  "a+": { ...READ, ...APPEND },
  "ax": APPEND_NEW,
  "ax+": { ...READ, ...APPEND_NEW },
  "as": { ...APPEND, ...SYNCHRONOUS },
  "as+": { ...READ, ...APPEND, ...SYNCHRONOUS },
};

/** The other way round they mean the same. */
const SWAPPED = /^([sx])([rwa])(\+?)$/;

/**
 * Options of files, of which a string stands for some.
 *
 * @throws {TypeError} If it is a string that `node:fs` does not know.
 */
export function withoutNodeFlags(
  flags: OpenOptions | NodeFlags,
  mode?: number,
): OpenOptions {
  if (typeof flags !== "string") {
    if (mode === undefined) return flags;
    throw new TypeError(
      "A mode goes behind flags only: beside options, it is one of them",
    );
  }
  const name = flags.replace(SWAPPED, "$2$1$3");
  if (Object.hasOwn(OPTIONS, name)) return { ...OPTIONS[name], mode };
  const known = Object.keys(OPTIONS).map((name) => `"${name}"`).join(", ");
  throw new TypeError(
    `The flags must be one of ${known}, but are ${nameOf(flags)}`,
  );
}
