/**
 * Builds the npm package in `npm/`, and a tarball of it: ES modules and
 * CommonJS with types and source maps, for Node and Bun.
 *
 * dnt makes it. With `--without-dnt`, for where JSR cannot be reached, `deno pack`
 * and esbuild make the same package: the same entries, the same `package.json`.
 * What is published never depends on what could be reached.
 *
 * @module
 */
import * as esbuild from "esbuild";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import denoJson from "../deno.json" with { type: "json" };
import { type Format, FORMATS, NAME, PACKAGE } from "./npm_package.ts";

/** As a variable, so that nothing but this script wants to have it. */
const DNT = "jsr:@deno/dnt@0.43.2";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = join(ROOT, "npm");
const BESIDE = ["README.md", "LICENSE", "CHANGELOG.md"];

/**
 * Stands in the sources where a module asks for its own place, until it is known
 * in which format it is. dnt's substitute for `import.meta` in CommonJS would be
 * a side effect, and fails where there is no main module, as in `node -e`.
 */
const HERE = '"<this module>"';
const HERE_IN: Record<Format, string> = {
  // Without a value where a bundler makes CommonJS of it.
  esm: "import.meta.url ?? __filename",
  cjs: "__filename",
};

/**
 * Node has these symbols since 20.4 only. Before that, compilers look for the ones
 * behind `??`, which are the same in every module.
 */
const DISPOSING = /\bSymbol\.(?:asyncDispose|dispose)\b/g;
const DISPOSING_EVERYWHERE = '($& ?? Symbol.for("$&"))';

async function run(cwd: string, command: string, ...args: string[]) {
  const { success, stderr } = await new Deno.Command(command, { args, cwd })
    .output();
  if (success) return;
  const output = new TextDecoder().decode(stderr);
  throw new Error(`${command} ${args.join(" ")} failed:\n${output}`);
}

async function filesIn(directory: string): Promise<string[]> {
  const files = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) files.push(...await filesIn(path));
    else files.push(path);
  }
  return files;
}

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

const asJson = (value: unknown) => JSON.stringify(value, null, 2) + "\n";

const withNpmName = (text: string) =>
  text.replaceAll(`from "${denoJson.name}"`, `from "${NAME}"`);

/** Puts the sources into a directory as the package is made of them. */
async function stageSources(stage: string): Promise<void> {
  const sources = [
    join(ROOT, "mod.ts"),
    ...await filesIn(join(ROOT, "ffi")),
    ...await filesIn(join(ROOT, "lib")),
  ];
  for (const path of sources) {
    const text = withNpmName(await Deno.readTextFile(path))
      .replaceAll("import.meta.url", HERE);
    await write(join(stage, relative(ROOT, path)), text);
  }
  await Deno.remove(join(stage, "ffi/runtime_deno.ts"));
  await Deno.rename(
    join(stage, "ffi/current_node.ts"),
    join(stage, "ffi/current.ts"),
  );
  const { name, version, license, exports, compilerOptions } = denoJson;
  await write(
    join(stage, "deno.json"),
    asJson({ name, version, license, exports, compilerOptions }),
  );
}

async function loadDnt() {
  try {
    return await import(DNT);
  } catch (error) {
    console.error(`Nothing was built: ${(error as Error).message}`);
    console.error("Where JSR cannot be reached, build with --without-dnt.");
    Deno.exit(1);
  }
}

async function buildWithDnt(
  // deno-lint-ignore no-explicit-any
  dnt: any,
  stage: string,
): Promise<void> {
  await dnt.build({
    entryPoints: [join(stage, "mod.ts")],
    outDir: OUT,
    package: { ...PACKAGE, devDependencies: { "@types/node": "^20.19.0" } },
    shims: {},
    test: false,
    typeCheck: "both",
    scriptModule: "cjs",
    declaration: "inline",
    declarationMap: false,
    skipSourceOutput: true,
    // Node 20 has them all; and sideEffects would be wrong with one.
    polyfills: { objectHasOwn: false, errorCause: false },
    compilerOptions: {
      target: "ES2022",
      lib: ["ESNext", "DOM"],
      sourceMap: true,
      inlineSources: true,
    },
  });
}

async function buildWithDenoPack(stage: string): Promise<void> {
  const tarball = join(stage, "package.tgz");
  await run(stage, Deno.execPath(), "pack", "--output", tarball);
  await run(stage, "tar", "-xzf", tarball);
  const packed = join(stage, "package");
  for (const path of await filesIn(packed)) {
    const name = relative(packed, path);
    const isDeclaration = name.endsWith(".d.ts");
    if (!isDeclaration && !name.endsWith(".js")) continue;
    const text = await Deno.readTextFile(path);
    for (const { directory } of Object.values(FORMATS)) {
      await write(join(OUT, directory, name), text);
    }
  }
}

/**
 * Makes one file of the modules of a format: runtimes take four times as long to
 * find and to load them one by one.
 */
async function bundle(format: Format): Promise<[path: string, text: string][]> {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(OUT, FORMATS.esm.directory, "mod.js")],
    outfile: join(OUT, FORMATS[format].directory, "mod.js"),
    bundle: true,
    format,
    platform: "node",
    packages: "external",
    target: "node20",
    sourcemap: "linked",
    write: false,
  });
  return outputFiles.map(({ path, text }) => [
    path,
    path.endsWith(".map") ? withSourcePaths(text) : inFormat(text, format),
  ]);
}

function inFormat(code: string, format: Format): string {
  return withClassNames(code).replaceAll(HERE, HERE_IN[format])
    .replaceAll(DISPOSING, DISPOSING_EVERYWHERE);
}

/** In the place of paths of the directory that the package was made in. */
function withSourcePaths(map: string): string {
  const { sources, ...rest } = JSON.parse(map);
  return JSON.stringify({
    ...rest,
    sources: sources.map((path: string) =>
      path.replace(/^.*\/(?=(?:ffi|lib)\/|mod\.ts$)/, "../")
    ),
  });
}

/**
 * esbuild gives classes that speak of themselves another name, which a program would
 * see in what it prints.
 */
function withClassNames(code: string): string {
  return [...code.matchAll(/\bvar (\w+) = class _\1\b/g)].reduce(
    (text, [, name]) => text.replace(RegExp(`\\b_${name}\\b`, "g"), name),
    code,
  );
}

/** What both ways have in common. */
async function finish(): Promise<void> {
  // dnt has written one with more in it.
  await write(join(OUT, "package.json"), asJson(PACKAGE));
  const { sideEffects } = PACKAGE;
  for (const { directory, type } of Object.values(FORMATS)) {
    // esbuild looks for side effects in the nearest one.
    await write(
      join(OUT, directory, "package.json"),
      asJson({ type, sideEffects }),
    );
  }
  const formats = Object.keys(FORMATS) as Format[];
  const bundles = (await Promise.all(formats.map(bundle))).flat();
  await esbuild.stop();
  for (const { directory } of Object.values(FORMATS)) {
    for (const path of await filesIn(join(OUT, directory))) {
      if (/\.js(\.map)?$/.test(path)) await Deno.remove(path);
    }
  }
  for (const [path, text] of bundles) await write(path, text);
  for (const name of BESIDE) {
    const text = await Deno.readTextFile(join(ROOT, name));
    await write(join(OUT, name), withNpmName(text));
  }
  await run(OUT, "npm", "pack", "--pack-destination", OUT);
  console.log(join(OUT, `${NAME}-${denoJson.version}.tgz`));
}

const { values } = parseArgs({
  args: Deno.args,
  options: { "without-dnt": { type: "boolean", default: false } },
});
const dnt = values["without-dnt"] ? null : await loadDnt();
await Deno.remove(OUT, { recursive: true }).catch(() => {});
const stage = await Deno.makeTempDir();
try {
  await stageSources(stage);
  if (dnt === null) await buildWithDenoPack(stage);
  else await buildWithDnt(dnt, stage);
} finally {
  await Deno.remove(stage, { recursive: true });
}
await finish();
