/**
 * Programs that use the npm package, made into one file by what
 * docs/guides/bundlers.md names. Each runs elsewhere, beside koffi alone, when
 * the directory that it was made in is gone.
 */
import { assertEquals } from "@std/assert";
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
  console.log(supported().reason ?? "koffi is loaded", count);
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
  /** What has to be where that runs; koffi, if it does not say. */
  beside?: string[];
}

/** koffi, and its executable part. */
const KOFFI = ["koffi", "@koromix"];

const webpackConfig = (library: string, filename: string) =>
  `export default {
    mode: "production", target: "node20", entry: "./main.mjs",
    experiments: { outputModule: ${library === "module"} },
    output: {
      path: process.cwd() + "/out", filename: "${filename}",
      library: { type: "${library}" },
    },
    externals: { koffi: "commonjs koffi" },
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
    command: ["webpack"],
    output: "main.mjs",
  },
  {
    name: "webpack, CommonJS",
    packages: ["webpack@5", "webpack-cli@7"],
    isUsual: true,
    config: ["webpack.config.mjs", webpackConfig("commonjs2", "main.cjs")],
    command: ["webpack"],
    output: "main.cjs",
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
    beside: [NAME, ...KOFFI],
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
 * Makes a program in one directory, and runs it in another one.
 *
 * @param make Makes it in a directory, and returns its path there.
 * @param command What runs it there.
 * @param beside The packages that it finds where it runs.
 */
async function runElsewhere(
  make: (directory: string) => Promise<string>,
  command: string[] = [],
  beside: string[] = KOFFI,
): Promise<void> {
  const [elsewhere, directory] = [await newDirectory(), await newDirectory()];
  try {
    await copyModules(directory, [NAME, ...KOFFI]);
    await Deno.writeTextFile(join(directory, "main.mjs"), MAIN);
    const made = join(directory, await make(directory));
    const program = join(elsewhere, basename(made));
    await Deno.copyFile(made, program);
    await Deno.remove(directory, { recursive: true });
    await copyModules(elsewhere, beside);
    const [first, ...args] = [...command, program];
    // Nothing is found because somebody is in the right directory.
    const output = await mustRun("/", first, ...args);
    assertEquals(output, "koffi is loaded 5\n");
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

for (const { name, config, command, output, beside } of wanted) {
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
      beside,
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
