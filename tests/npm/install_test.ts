/**
 * The npm package, installed by each package manager, and without what is
 * optional.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { NAME } from "../../scripts/npm_package.ts";
import { test } from "../helpers/mod.ts";
import { mustRun, newDirectory, newTools, packageTarball } from "./project.ts";
import { findNewest } from "./runtimes.ts";

const limit_ms = 120_000;

const PROGRAM = `
import * as imported from "${NAME}";
import { createRequire } from "node:module";

const required = createRequire(import.meta.url)("${NAME}");
for (const { AioFile, supported } of [imported, required]) {
  const { available, reason } = supported();
  if (!available) {
    console.log(reason);
    continue;
  }
  const file = await AioFile.open("package.json");
  console.log(await file.readAt(new Uint8Array(5), 0));
  await file.close();
}`;

/** What it prints where koffi is there, and where not. */
const WORKS = "5\n5\n";
const MISSING = "The package koffi, which calls the C library, is not " +
  "installed: run npm install koffi where the program runs\n";

const tools = await newTools(["pnpm@12", "@yarnpkg/cli-dist@4"]);
const cwd = tools ?? Deno.cwd();
const [node, bun] = [
  await findNewest(cwd, "node"),
  await findNewest(cwd, "bun"),
];
const ignore = tools === null || node.path === null;
globalThis.addEventListener("unload", () => {
  if (tools !== null) Deno.removeSync(tools, { recursive: true });
});

/** Made when a test wants it. */
let tarball: string | undefined;

/**
 * A test that installs `package.tgz` in an empty project.
 *
 * @param fn Does so, and returns what `program.mjs` prints.
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
      await Deno.writeTextFile(join(directory, "program.mjs"), PROGRAM);
      assertEquals(await fn(directory), prints);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

const start = (directory: string) =>
  mustRun(directory, node.path!, "program.mjs");

testInProject(
  "npm installs the package without scripts and without what is optional",
  { ignore, prints: MISSING.repeat(2) },
  async (directory) => {
    const flags = ["--ignore-scripts", "--omit=optional"];
    await mustRun(directory, "npm", "install", ...flags, "./package.tgz");
    return start(directory);
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
    return yarn("node", "program.mjs");
  },
);

testInProject(
  "bun installs the package, and koffi does without its script",
  { ignore: bun.path === null, prints: WORKS },
  async (directory) => {
    await mustRun(directory, bun.path!, "add", "./package.tgz");
    return mustRun(directory, bun.path!, "program.mjs");
  },
);
