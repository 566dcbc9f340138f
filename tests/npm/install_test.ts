/**
 * The npm package, installed by each package manager, and without what is
 * optional.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NAME } from "../../scripts/npm_package.ts";
import { test } from "../helpers/mod.ts";
import { mustRun, newDirectory, newTools, packageTarball } from "./project.ts";
import { findNewest, findOldestNode } from "./runtimes.ts";

const limit_ms = 120_000;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A program that uses files, and says why the C interface cannot be used. */
const PROGRAM = join(ROOT, "tests/npm/programs/everywhere.mjs");

/** What it prints where koffi is there, and where not. */
const WORKS = "5 koffi is loaded\n".repeat(2);
const MISSING = "5 The package koffi, which calls the C library, is not " +
  "installed (it is optional): run npm install koffi where the program runs; " +
  'files work without it, by the engine "fs"\n';

const tools = await newTools(["pnpm@12", "@yarnpkg/cli-dist@4"]);
const cwd = tools ?? Deno.cwd();
const [node, bun] = [
  await findNewest(cwd, "node"),
  await findNewest(cwd, "bun"),
];
const oldNode = await findOldestNode(cwd);
const ignore = tools === null || node.path === null || oldNode.path === null;
globalThis.addEventListener("unload", () => {
  if (tools !== null) Deno.removeSync(tools, { recursive: true });
});

/** Made when a test wants it. */
let tarball: string | undefined;

/**
 * A test that installs `package.tgz` in an empty project.
 *
 * @param fn Does so, and returns what `main.mjs` prints.
 */
function testInProject(
  name: string,
  { ignore, prints }: { ignore: boolean; prints: string },
  fn: (directory: string) => Promise<string>,
): void {
  test(name, { ignore, limit_ms }, async () => {
    tarball ??= await packageTarball();
    const directory = await newDirectory();
    try {
      await Deno.copyFile(tarball, join(directory, "package.tgz"));
      await Deno.copyFile(PROGRAM, join(directory, "main.mjs"));
      assertEquals(await fn(directory), prints);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

const start = (directory: string) => mustRun(directory, node.path!, "main.mjs");

testInProject(
  "npm installs the package without scripts and without what is optional",
  { ignore, prints: MISSING.repeat(4) },
  async (directory) => {
    const flags = ["--ignore-scripts", "--omit=optional"];
    await mustRun(directory, "npm", "install", ...flags, "./package.tgz");
    const oldest = await mustRun(directory, oldNode.path!, "main.mjs");
    return oldest + await start(directory);
  },
);

testInProject(
  "bun installs the package without scripts and without what is optional",
  { ignore: bun.path === null, prints: MISSING.repeat(2) },
  async (directory) => {
    const flags = ["--ignore-scripts", "--omit=optional"];
    await mustRun(directory, bun.path!, "add", ...flags, "./package.tgz");
    return mustRun(directory, bun.path!, "main.mjs");
  },
);

testInProject(
  "pnpm installs the package, and koffi does without its script",
  { ignore, prints: WORKS },
  async (directory) => {
    await Deno.writeTextFile(
      join(directory, "pnpm-workspace.yaml"),
      "allowBuilds:\n  koffi: false\n",
    );
    await mustRun(
      directory,
      "env",
      `XDG_DATA_HOME=${directory}`,
      join(tools!, "node_modules/.bin/pnpm"),
      "add",
      "./package.tgz",
    );
    return start(directory);
  },
);

testInProject(
  "yarn installs the package where Plug'n'Play finds it",
  { ignore, prints: WORKS },
  async (directory) => {
    await Deno.writeTextFile(join(directory, "yarn.lock"), "");
    const yarn = (...args: string[]) =>
      mustRun(
        directory,
        "env",
        `YARN_GLOBAL_FOLDER=${join(directory, "yarn")}`,
        "YARN_ENABLE_TELEMETRY=0",
        "YARN_ENABLE_IMMUTABLE_INSTALLS=0",
        node.path!,
        join(tools!, "node_modules/@yarnpkg/cli-dist/bin/yarn.js"),
        ...args,
      );
    await yarn("add", `${NAME}@file:./package.tgz`);
    await Deno.stat(join(directory, ".pnp.cjs"));
    return yarn("node", "main.mjs");
  },
);

testInProject(
  "bun installs the package, and koffi does without its script",
  { ignore: bun.path === null, prints: WORKS },
  async (directory) => {
    await mustRun(directory, bun.path!, "add", "./package.tgz");
    return mustRun(directory, bun.path!, "main.mjs");
  },
);

/** What examples/docker has a file for, and how it is installed without a lock. */
const DOCKERFILES = [
  { runtime: node, name: "node", add: ["npm", "install"] },
  { runtime: bun, name: "bun", add: ["bun", "add"] },
];

for (const { runtime, name, add } of DOCKERFILES) {
  testInProject(
    `the commands of ${name}.Dockerfile install and start a program`,
    { ignore: runtime.path === null, prints: WORKS },
    async (directory) => {
      // Under its name, which npm's package may not have it.
      await Deno.mkdir(join(directory, "bin"));
      await Deno.symlink(runtime.path!, join(directory, "bin", name));
      const PATH = `${join(directory, "bin")}:${Deno.env.get("PATH")}`;
      const inPath = (...command: string[]) =>
        mustRun(directory, "env", `PATH=${PATH}`, ...command);
      await inPath(...add, "./package.tgz");
      await Deno.remove(join(directory, "node_modules"), { recursive: true });
      const path = join(ROOT, `examples/docker/${name}.Dockerfile`);
      const file = await Deno.readTextFile(path);
      const [, install] = /^RUN (.*)$/m.exec(file)!;
      const [, start] = /^CMD (.*)$/m.exec(file)!;
      await inPath("sh", "-c", install);
      return inPath(...JSON.parse(start));
    },
  );
}
