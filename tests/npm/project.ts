import * as esbuild from "esbuild";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));

/** What the package is called on npm. */
export const NAME = "posix-aio";

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

/** A runtime that the package is tested on. */
export interface OtherRuntime {
  name: string;
  /** Path of the executable, or `null` if it cannot be had. */
  path: string | null;
  /** Whether it knows `await using`. */
  hasUsing: boolean;
}

/** Gets a runtime from npm. */
export async function findRuntime(
  name: string,
  npmPackage: string,
  executable: string,
  hasUsing: boolean,
): Promise<OtherRuntime> {
  const { code, stdout, stderr } = await run(
    Deno.makeTempDirSync(),
    "npx",
    "-y",
    "-p",
    npmPackage,
    executable,
    "-p",
    "process.execPath",
  );
  if (code === 0) return { name, path: stdout.trim(), hasUsing };
  console.log(`${name} cannot be had, its tests are skipped: ${stderr}`);
  return { name, path: null, hasUsing };
}

/** A user's project: an empty one into which the package was installed. */
export interface Project extends Disposable {
  directory: string;
  /** The tarball that was installed. */
  tarball: string;
}

/** Builds the package and installs it as a user would. */
export async function newProject(): Promise<Project> {
  await mustRun(ROOT, Deno.execPath(), "task", "build:npm");
  const tarball = join(ROOT, "npm", `${NAME}-${denoJson.version}.tgz`);
  const directory = await Deno.makeTempDir({ prefix: "posix-aio-npm-" });
  await Deno.writeTextFile(
    join(directory, "package.json"),
    JSON.stringify({ name: "user", private: true, type: "module" }),
  );
  await mustRun(directory, "npm", "install", tarball);
  for await (const { name } of Deno.readDir(PROGRAMS)) {
    await addProgram(directory, name);
  }
  await esbuild.stop();
  return {
    directory,
    tarball,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/**
 * Adds a program as TypeScript, as JavaScript of today (`.mjs`), and without
 * `await using` (`.old.mjs`).
 */
async function addProgram(directory: string, name: string): Promise<void> {
  const source = await Deno.readTextFile(join(PROGRAMS, name));
  const text = source.replaceAll(`"${denoJson.name}"`, `"${NAME}"`);
  await Deno.writeTextFile(join(directory, name), text);
  for (const [target, suffix] of [["esnext", "mjs"], ["node20", "old.mjs"]]) {
    const { code } = await esbuild.transform(text, { loader: "ts", target });
    const path = join(directory, name.replace(/ts$/, suffix));
    await Deno.writeTextFile(path, code);
  }
}
