/**
 * Programs that use the npm package, made into one file by what
 * docs/guides/bundlers.md names. Each runs elsewhere, beside koffi alone and without
 * it, when the directory that it was made in is gone.
 */
import { assertStringIncludes } from "@std/assert";
import * as esbuild from "esbuild";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { NAME } from "../../scripts/npm_package.ts";
import { isLinux, test } from "../helpers/mod.ts";
import {
  mustRun,
  newDirectory,
  newProject,
  newTools,
  type Project,
} from "./project.ts";
import { findNewest, wantsAll } from "./runtimes.ts";

const limit_ms = 120_000;

/** Without `await` at its top, which CommonJS cannot have. */
const MAIN = `
import { AioFile, supported } from "${NAME}";

async function main() {
  const file = await AioFile.open(process.execPath);
  const count = await file.readAt(new Uint8Array(5), 0);
  await file.close();
  console.log(count, supported().reason ?? "koffi is loaded");
}
main();`;

/** What turns `main.mjs` into one file. */
interface Bundler {
  name: string;
  /** What of npm it needs. */
  packages: string[];
  /** Whether every test run has it. */
  isUsual: boolean;
  /** Its configuration: a file, and what is in it. */
  config?: [name: string, text: string];
  /** The tool and its arguments; what it makes is in `out`. */
  command: string[];
  /** The name of what it makes. */
  output: string;
  /** What has to be where that runs, beside koffi. */
  beside?: string[];
  /** Whether koffi is in there, where it does not find its executable part. */
  hasKoffiInside?: boolean;
}

/** koffi, and its executable part. */
const KOFFI = ["koffi", "@koromix"];

const LOADED = "5 koffi is loaded";
const NOT_LOADED = "5 The package koffi, which calls the C library, ";

const webpackConfig = (
  library: string,
  filename: string,
  externals = '{ koffi: "commonjs koffi" }',
) =>
  `export default {
    mode: "production", target: "node20", entry: "./main.mjs",
    experiments: { outputModule: ${library === "module"} },
    output: {
      path: process.cwd() + "/out", filename: "${filename}",
      library: { type: "${library}" },
    },
    externals: ${externals},
  };`;

const BUNDLERS: Bundler[] = [
  {
    name: "rollup",
    packages: ["rollup@4", "@rollup/plugin-node-resolve@16"],
    isUsual: false,
    command: "rollup main.mjs -p node-resolve -f es -o out/main.mjs".split(" "),
    output: "main.mjs",
  },
  {
    name: "rolldown",
    packages: ["rolldown@1"],
    isUsual: true,
    command: "rolldown main.mjs --platform node -f cjs -o out/main.cjs"
      .split(" "),
    output: "main.cjs",
  },
  {
    name: "vite, SSR with noExternal",
    packages: ["vite@8"],
    isUsual: false,
    config: [
      "vite.config.mjs",
      `export default {
        ssr: { noExternal: ["${NAME}"] },
        build: { ssr: "main.mjs", outDir: "out" },
      };`,
    ],
    command: ["vite", "build"],
    output: "main.js",
  },
  {
    name: "webpack, ES modules",
    packages: ["webpack@5", "webpack-cli@7"],
    isUsual: false,
    config: ["webpack.config.mjs", webpackConfig("module", "main.mjs")],
    command: ["webpack", "--fail-on-warnings"],
    output: "main.mjs",
  },
  {
    name: "webpack, CommonJS",
    packages: ["webpack@5", "webpack-cli@7"],
    isUsual: true,
    config: ["webpack.config.mjs", webpackConfig("commonjs2", "main.cjs")],
    command: ["webpack", "--fail-on-warnings"],
    output: "main.cjs",
  },
  {
    name: "webpack, with koffi inside",
    packages: ["webpack@5", "webpack-cli@7"],
    isUsual: true,
    config: ["webpack.config.mjs", webpackConfig("module", "main.mjs", "{}")],
    command: ["webpack"],
    output: "main.mjs",
    hasKoffiInside: true,
  },
  {
    name: "ncc",
    packages: ["@vercel/ncc@0.45"],
    isUsual: true,
    command: "ncc build main.mjs -o out".split(" "),
    output: "index.mjs",
  },
  {
    name: "parcel, with the package in node_modules",
    packages: ["parcel@2"],
    isUsual: false,
    config: [
      "package.json",
      JSON.stringify({
        type: "module",
        dependencies: { [NAME]: "*" },
        targets: { main: { context: "node", distDir: "out" } },
        main: "out/main.cjs",
      }),
    ],
    command: "parcel build main.mjs --no-cache".split(" "),
    output: "main.cjs",
    beside: [NAME],
  },
];

const wanted = BUNDLERS.filter(({ isUsual }) => isUsual || wantsAll);

const tools = await newTools([
  ...new Set(wanted.flatMap(({ packages }) => packages)),
]);
const cwd = tools ?? Deno.cwd();
const [node, bun] = [
  await findNewest(cwd, "node"),
  await findNewest(cwd, "bun"),
];

/** Made when a test wants it. */
let project: Project | undefined;
globalThis.addEventListener("unload", () => {
  project?.[Symbol.dispose]();
  if (tools !== null) Deno.removeSync(tools, { recursive: true });
});

/**
 * Makes a program in one directory, and runs it in another one: beside koffi, and
 * then without it.
 *
 * @param make Makes it in a directory, and returns its path there.
 * @param command What runs it there.
 * @param options.beside The packages that it needs where it runs, but for koffi.
 * @param options.hasKoffiInside Whether it has one that cannot be used.
 */
async function runElsewhere(
  make: (directory: string) => Promise<string>,
  command: string[] = [],
  { beside = [], hasKoffiInside = false }: Partial<Bundler> = {},
): Promise<void> {
  const [elsewhere, directory] = [await newDirectory(), await newDirectory()];
  try {
    await copyModules(directory, [NAME, ...KOFFI]);
    await Deno.writeTextFile(join(directory, "main.mjs"), MAIN);
    const made = join(directory, await make(directory));
    const program = join(elsewhere, basename(made));
    await Deno.copyFile(made, program);
    await Deno.remove(directory, { recursive: true });
    const [first, ...args] = [...command, program];
    // Nothing is found because somebody is in the right directory.
    const output = () => mustRun("/", first, ...args);

    await copyModules(elsewhere, [...beside, ...KOFFI]);
    const expected = hasKoffiInside ? NOT_LOADED : LOADED;
    assertStringIncludes(await output(), expected);
    const modules = join(elsewhere, "node_modules");
    await Deno.remove(modules, { recursive: true });
    // Bun takes it from npm where there is no such directory.
    await Deno.mkdir(modules);
    await copyModules(elsewhere, beside);
    assertStringIncludes(await output(), NOT_LOADED);
  } finally {
    await Deno.remove(elsewhere, { recursive: true });
    await Deno.remove(directory, { recursive: true }).catch(() => {});
  }
}

async function copyModules(to: string, names: string[]): Promise<void> {
  project ??= await newProject();
  const modules = join(project.directory, "node_modules");
  for (const name of names) {
    const copy = join(to, "node_modules", name);
    await cp(join(modules, name), copy, { recursive: true });
  }
}

for (const bundler of wanted) {
  const { name, config, command, output } = bundler;
  const [tool, ...args] = command;
  test(`a program made by ${name} runs`, {
    ignore: tools === null || node.path === null,
    limit_ms,
  }, () =>
    runElsewhere(
      async (directory) => {
        if (config !== undefined) {
          const [name, text] = config;
          await Deno.writeTextFile(join(directory, name), text);
        }
        const path = join(tools!, "node_modules/.bin", tool);
        await mustRun(directory, node.path!, path, ...args);
        return join("out", output);
      },
      [node.path!],
      bundler,
    ));
}

async function bundleWithEsbuild(
  directory: string,
  format: "esm" | "cjs",
): Promise<string> {
  const outfile = format === "esm" ? "out.mjs" : "out.cjs";
  await esbuild.build({
    absWorkingDir: directory,
    entryPoints: ["main.mjs"],
    outfile,
    format,
    bundle: true,
    platform: "node",
    // In CommonJS the package does without.
    logOverride: { "empty-import-meta": "silent" },
  });
  await esbuild.stop();
  return outfile;
}

for (const runtime of [node, bun]) {
  for (const format of ["esm", "cjs"] as const) {
    test(`${runtime.name}: a program made by esbuild, ${format}, runs`, {
      ignore: runtime.path === null,
      limit_ms,
    }, () =>
      runElsewhere(
        (directory) => bundleWithEsbuild(directory, format),
        [runtime.path!],
      ));
  }
}

test("an executable of Node's own (SEA) runs", {
  ignore: !isLinux || node.path === null,
  limit_ms,
}, () =>
  runElsewhere(async (directory) => {
    const main = await bundleWithEsbuild(directory, "cjs");
    const config = { main, output: "sea", disableExperimentalSEAWarning: true };
    const path = join(directory, "sea.json");
    await Deno.writeTextFile(path, JSON.stringify(config));
    await mustRun(directory, node.path!, "--build-sea", "sea.json");
    return "sea";
  }));

test("an executable made by bun build --compile runs", {
  ignore: bun.path === null,
  limit_ms,
}, () =>
  runElsewhere(async (directory) => {
    const args = ["build", "--compile", "main.mjs", "--outfile", "compiled"];
    await mustRun(directory, bun.path!, ...args);
    return "compiled";
  }));

test("a program made by bun build runs", {
  ignore: bun.path === null,
  limit_ms,
}, () =>
  runElsewhere(async (directory) => {
    const args = ["build", "main.mjs", "--target", "bun", "--outdir", "out"];
    await mustRun(directory, bun.path!, ...args);
    return "out/main.js";
  }, [bun.path!]));
