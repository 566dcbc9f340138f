/** A project that has the npm package installed, and programs that use it. */
import * as esbuild from "esbuild";
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };
import { NAME } from "../../scripts/npm_package.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));

/** Names a tarball to test instead of building one. */
const TARBALL = "POSIX_AIO_NPM_TARBALL";

/** What the programs use besides the package. */
const BESIDE = ["@sinonjs/fake-timers@^15.5.0"];

/** What npm is told besides its arguments. */
const NPM_SETTINGS = {
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_update_notifier: "false",
  npm_config_prefer_offline: "true",
};

export interface Outcome {
  code: number;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. */
export async function run(
  cwd: string,
  command: string,
  ...args: string[]
): Promise<Outcome> {
  const { code, signal, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1", ...NPM_SETTINGS },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    signal,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Runs a command that has to succeed. Returns what it prints. */
export async function mustRun(
  cwd: string,
  command: string,
  ...args: string[]
): Promise<string> {
  const { code, stdout, stderr } = await run(cwd, command, ...args);
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
}

/** A user's project: an empty one into which the package was installed. */
export interface Project extends Disposable {
  directory: string;
  /** The tarball that was installed. */
  tarball: string;
}

/** Builds the package and installs it as a user would. */
export async function newProject(): Promise<Project> {
  const tarball = await packageTarball();
  const directory = await newDirectory();
  // Without the install scripts, which not everybody lets run.
  const wanted = [tarball, ...BESIDE];
  await mustRun(directory, "npm", "install", "--ignore-scripts", ...wanted);
  await addPrograms(directory);
  return {
    directory,
    tarball,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** An empty project. */
export async function newDirectory(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "posix-aio-npm-" });
  await Deno.writeTextFile(
    join(directory, "package.json"),
    JSON.stringify({ name: "user", private: true, type: "module" }),
  );
  return directory;
}

/**
 * A project with tools in it.
 *
 * @returns Where it is, or `null` if npm, which has them, cannot be reached.
 */
export async function newTools(packages: string[]): Promise<string | null> {
  const directory = await newDirectory();
  const args = ["install", "--ignore-scripts", ...packages];
  const { code, stderr } = await run(directory, "npm", ...args);
  if (code === 0) return directory;
  console.log(`${packages.join(", ")} cannot be had: ${stderr}`);
  await Deno.remove(directory, { recursive: true });
  return null;
}

/** The package to test: the one that is named, or a new one. */
export async function packageTarball(): Promise<string> {
  return Deno.env.get(TARBALL) || await build();
}

async function build(): Promise<string> {
  // What is published is tested as a tarball; here nothing depends on JSR.
  await mustRun(ROOT, Deno.execPath(), "task", "build:npm", "--without-dnt");
  return join(ROOT, "npm", `${NAME}-${denoJson.version}.tgz`);
}

/** A program in a project: its TypeScript, and the JavaScript of it that runs. */
export const sourceOf = (name: string) => join("programs", `${name}.ts`);
export const programOf = (name: string, hasUsing: boolean) =>
  hasUsing ? `${name}.mjs` : `${name}.old.mjs`;

/**
 * Adds the programs: their TypeScript, and each as one file of JavaScript of
 * today and of JavaScript without `await using`.
 */
async function addPrograms(directory: string): Promise<void> {
  const programs = join(directory, "programs");
  await cp(PROGRAMS, programs, { recursive: true });
  for (const path of await readdir(programs, { recursive: true })) {
    if (!path.endsWith(".ts")) continue;
    const copy = join(programs, path);
    const text = await Deno.readTextFile(copy);
    const named = text.replaceAll(`"${denoJson.name}"`, `"${NAME}"`);
    await Deno.writeTextFile(copy, named);
  }
  for (const { name } of Deno.readDirSync(PROGRAMS)) {
    if (!name.endsWith(".ts")) continue;
    await bundle(directory, name.replace(/\.ts$/, ""));
  }
  await esbuild.stop();
}

async function bundle(directory: string, name: string): Promise<void> {
  for (const hasUsing of [true, false]) {
    await esbuild.build({
      entryPoints: [join(directory, sourceOf(name))],
      outfile: join(directory, programOf(name, hasUsing)),
      target: hasUsing ? "esnext" : "node20",
      format: "esm",
      platform: "node",
      bundle: true,
      packages: "external",
    });
  }
}

// For a runtime that is elsewhere: makes a project, and says where.
if (import.meta.main) console.log((await newProject()).directory);
