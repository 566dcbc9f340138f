/**
 * Builds the npm package in `npm/`, and a tarball of it: ES modules and
 * CommonJS with types and source maps, for Node and Bun.
 *
 * dnt makes it. Where JSR cannot be reached, `deno pack` and esbuild make the
 * same package: the same entries, the same dependency.
 *
 * @module
 */
import * as esbuild from "esbuild";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../deno.json" with { type: "json" };

/** As a variable, so that nothing but this script wants to have it. */
const DNT = "jsr:@deno/dnt@^0.43.2";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = join(ROOT, "npm");
const NAME = "posix-aio";
/** The oldest Node. */
const TARGET = "node20";
const BESIDE = ["README.md", "LICENSE", "CHANGELOG.md"];

const PACKAGE = {
  name: NAME,
  version: denoJson.version,
  description: "POSIX asynchronous I/O, aio(3), for Node, Bun and Deno",
  keywords: ["aio", "posix", "async", "io", "file", "o_direct", "fsync"],
  license: denoJson.license,
  repository: {
    type: "git",
    url: "git+https://github.com/posix-aio/posix-aio.git",
  },
  engines: { node: ">=20" },
  os: ["linux", "darwin", "freebsd"],
  sideEffects: false,
  dependencies: { koffi: "^3.3.4" },
};

async function run(cwd: string, command: string, ...args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
  }).output();
  if (success) return new TextDecoder().decode(stdout);
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

async function loadDnt() {
  try {
    return await import(DNT);
  } catch (error) {
    console.log(
      `${DNT} cannot be loaded, deno pack builds instead:`,
      (error as Error).message.split("\n")[0],
    );
    return null;
  }
}

async function buildWithDnt(
  // deno-lint-ignore no-explicit-any
  dnt: any,
): Promise<void> {
  await dnt.build({
    entryPoints: [join(ROOT, "mod.ts")],
    outDir: OUT,
    package: { ...PACKAGE, devDependencies: { "@types/node": "^20.19.0" } },
    mappings: {
      [join(ROOT, "ffi/current.ts")]: join(ROOT, "ffi/current_node.ts"),
    },
    shims: {},
    test: false,
    typeCheck: "both",
    scriptModule: "cjs",
    declaration: "inline",
    // Node 20 has them all; and sideEffects would be wrong with one.
    polyfills: { objectHasOwn: false, errorCause: false },
    compilerOptions: {
      target: "ES2022",
      lib: ["ESNext", "DOM"],
      sourceMap: true,
    },
  });
}

async function buildWithDenoPack(): Promise<void> {
  const stage = await Deno.makeTempDir();
  try {
    await pack(stage);
    const packed = join(stage, "package");
    for (const path of await filesIn(packed)) {
      const name = relative(packed, path);
      const text = await Deno.readTextFile(path);
      if (name.endsWith(".d.ts")) {
        await write(join(OUT, "esm", name), text);
        await write(join(OUT, "script", name), text);
      } else if (name.endsWith(".js")) {
        await emit(name, text, "esm", {});
        // Only a path is asked for, and CommonJS has one.
        await emit(name, text, "cjs", { "import.meta.url": "__filename" });
      }
    }
  } finally {
    await esbuild.stop();
    await Deno.remove(stage, { recursive: true });
  }
  await write(join(OUT, "esm/package.json"), asJson({ type: "module" }));
  await write(join(OUT, "script/package.json"), asJson({ type: "commonjs" }));
  const entry = (directory: string) => ({
    types: `./${directory}/mod.d.ts`,
    default: `./${directory}/mod.js`,
  });
  await write(
    join(OUT, "package.json"),
    asJson({
      ...PACKAGE,
      main: "./script/mod.js",
      module: "./esm/mod.js",
      types: "./script/mod.d.ts",
      exports: { ".": { import: entry("esm"), require: entry("script") } },
    }),
  );
}

/** Has `deno pack` make JavaScript and types in `stage/package`. */
async function pack(stage: string): Promise<void> {
  const sources = [
    join(ROOT, "mod.ts"),
    ...await filesIn(join(ROOT, "ffi")),
    ...await filesIn(join(ROOT, "lib")),
  ];
  for (const path of sources) {
    const text = await Deno.readTextFile(path);
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
  const tarball = join(stage, "package.tgz");
  await run(stage, Deno.execPath(), "pack", "--output", tarball);
  await run(stage, "tar", "-xzf", tarball);
}

/** Writes a module of the package in one format, and its source map. */
async function emit(
  name: string,
  text: string,
  format: "esm" | "cjs",
  define: Record<string, string>,
): Promise<void> {
  const { code, map } = await esbuild.transform(text, {
    format,
    define,
    target: TARGET,
    sourcefile: name,
    sourcemap: "external",
  });
  const path = join(OUT, format === "esm" ? "esm" : "script", name);
  const mapName = `${name.split("/").pop()}.map`;
  await write(path, `${code}//# sourceMappingURL=${mapName}\n`);
  // The map names the place where it was made.
  const sourceName = name.split("/").pop()!.replace(/\.js$/, ".ts");
  const sources = [sourceName];
  await write(`${path}.map`, JSON.stringify({ ...JSON.parse(map), sources }));
}

/** What both ways have in common. */
async function finish(): Promise<void> {
  for (const name of BESIDE) {
    await Deno.copyFile(join(ROOT, name), join(OUT, name));
  }
  const files = [
    ...await filesIn(join(OUT, "esm")),
    ...await filesIn(join(OUT, "script")),
    join(OUT, "README.md"),
  ];
  for (const path of files) {
    if (!path.endsWith(".d.ts") && !path.endsWith("README.md")) continue;
    const text = await Deno.readTextFile(path);
    await write(
      path,
      text.replaceAll(`from "${denoJson.name}"`, `from "${NAME}"`),
    );
  }
  const [tarball] = JSON.parse(
    await run(OUT, "npm", "pack", "--json", "--pack-destination", OUT),
  );
  console.log(join(OUT, tarball.filename));
}

await Deno.remove(OUT, { recursive: true }).catch(() => {});
const dnt = await loadDnt();
if (dnt === null) await buildWithDenoPack();
else await buildWithDnt(dnt);
await finish();
