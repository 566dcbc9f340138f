/**
 * What the npm package's `package.json` says, and the formats that are in it.
 *
 * @module
 */
import denoJson from "../deno.json" with { type: "json" };
import { OLDEST_KOFFI } from "../ffi/versions.ts";

/** What the package is called on npm. */
export const NAME = "posix-aio";

/** Where the sources are. */
export const REPOSITORY = "https://github.com/posix-aio/posix-aio";

/** The two formats, and the directory and the type of modules of each. */
export const FORMATS = {
  esm: { directory: "esm", type: "module" },
  cjs: { directory: "script", type: "commonjs" },
} as const;

export type Format = keyof typeof FORMATS;

const entry = ({ directory }: { directory: string }) => ({
  types: `./${directory}/mod.d.ts`,
  default: `./${directory}/mod.js`,
});

/**
 * `package.json`, whoever builds.
 *
 * Without `os`: importing works everywhere, and a package that depends on this one
 * can then be installed everywhere. koffi is optional for the same reason.
 */
export const PACKAGE = {
  name: NAME,
  version: denoJson.version,
  description: "POSIX asynchronous I/O, aio(3), for Node, Bun and Deno",
  keywords: ["aio", "posix", "async", "io", "file", "o_direct", "fsync"],
  homepage: `${REPOSITORY}#readme`,
  repository: { type: "git", url: `git+${REPOSITORY}.git` },
  bugs: { url: `${REPOSITORY}/issues` },
  license: denoJson.license,
  main: entry(FORMATS.cjs).default,
  module: entry(FORMATS.esm).default,
  types: entry(FORMATS.cjs).types,
  exports: {
    ".": { import: entry(FORMATS.esm), require: entry(FORMATS.cjs) },
    "./package.json": "./package.json",
  },
  files: ["esm", "script", "CHANGELOG.md"],
  engines: { node: ">=20", bun: ">=1.2" },
  sideEffects: false,
  optionalDependencies: { koffi: `^${OLDEST_KOFFI}` },
};
