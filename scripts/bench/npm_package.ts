/** The library as its npm package, on Node and on Bun. */

import * as esbuild from "esbuild";
import denoJson from "../../deno.json" with { type: "json" };
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import {
  consumer,
  type Contestant,
  here,
  isForFs,
  isLargeCachedRead,
  type Machine,
  output,
} from "./contestant.ts";
import type { Task } from "./workloads.ts";

/** It is built, and its one dependency downloaded. */
const BUILD_TIMEOUT_MS = 180_000;
const ROOT = here("../..");

/** Node and Bun, by the keys and executables of the peers on them. */
export interface OtherRuntime {
  key: string;
  label: string;
  /** The executable; absent where there is none. */
  program: string | undefined;
}

/** `directory` takes a project with the package installed. */
export async function addNpmPackage(
  machine: Machine,
  directory: string,
  runtimes: OtherRuntime[],
) {
  if (runtimes.every(({ program }) => program === undefined)) return;
  const script = await installedWorker(`${directory}/project`);
  if (script === undefined) {
    machine.missing.push({
      what: "posix-aio as an npm package",
      how: "deno task build:npm --without-dnt says what went wrong",
    });
    return;
  }
  const consumers = await installedConsumers(`${directory}/project`);
  for (const { key, label, program } of runtimes) {
    if (program === undefined) continue;
    machine.contestants.push(...libraryOn(key, label, program, script));
    if (consumers === undefined) continue;
    machine.contestants.push(...consumersOn(key, label, program, consumers));
  }
}

/** The library and `node:fs` under packages that read files of their formats. */
function consumersOn(
  runtime: string,
  label: string,
  program: string,
  script: string,
): Contestant[] {
  const command = (task: Task, variant: string) => ({
    program,
    args: [script, JSON.stringify({ ...task, variant })],
  });
  const onRuntime = `library-on-${runtime}`;
  return [
    consumer(onRuntime, `posix-aio on ${label}`, "library", command),
    consumer(runtime, `${label} fs`, "node-fs", command),
  ];
}

/** The library in its variants. */
function libraryOn(
  runtime: string,
  label: string,
  program: string,
  script: string,
): Contestant[] {
  const key = `library-on-${runtime}`, name = `posix-aio on ${label}`;
  const variant =
    (variant: string, env?: Record<string, string>) => (task: Task) => ({
      program,
      args: [script, JSON.stringify({ ...task, variant })],
      env,
    });
  return [
    {
      key,
      label: name,
      offers: (work) =>
        work.group === "main" && work.order === "random" ||
        ["streams", "opens", "constrained", "timers"].includes(work.group),
      command: variant("pinned"),
    },
    {
      key: `${key}-fs`,
      label: `${name}, engine fs`,
      offers: isForFs,
      command: variant("pinned", { POSIX_AIO_ENGINE: "fs" }),
    },
    {
      key: `${key}-fs-ordinary`,
      label: `${name}, engine fs, ordinary memory`,
      offers: isForFs,
      command: variant("ordinary", { POSIX_AIO_ENGINE: "fs" }),
    },
    {
      key: `${key}-ordinary`,
      label: `${name}, ordinary memory`,
      offers: isLargeCachedRead,
      command: variant("ordinary"),
    },
    {
      key: `${key}-fresh`,
      label: `${name}, fresh ordinary memory`,
      offers: isLargeCachedRead,
      command: variant("fresh"),
    },
  ];
}

/** Makes the project. Returns the path of the worker in it. */
async function installedWorker(project: string): Promise<string | undefined> {
  const built = await output(
    Deno.execPath(),
    ["run", "-A", `${ROOT}scripts/build_npm.ts`, "--without-dnt"],
    BUILD_TIMEOUT_MS,
  );
  if (built === undefined) return undefined;
  const packages = await readdir(`${ROOT}npm`);
  const tarball = packages.find((name) => name.endsWith(".tgz"));
  await mkdir(project);
  await writeFile(`${project}/package.json`, '{ "private": true }\n');
  const installed = await output(
    "npm",
    ["install", "--prefix", project, `${ROOT}npm/${tarball}`],
    BUILD_TIMEOUT_MS,
  );
  if (installed === undefined) return undefined;
  const script = `${project}/worker.mjs`;
  const source = await readFile(here("library_worker.ts"), "utf8");
  const { code } = await esbuild.transform(source, {
    loader: "ts",
    target: "node20",
  });
  await esbuild.stop();
  await writeFile(
    script,
    code.replace('"../../mod.ts"', '"posix-aio"')
      .replace('"./measure.mjs"', `"${pathToFileURL(here("measure.mjs"))}"`),
  );
  return script;
}

/** What the worker of `consumers/` imports, apart from the library. */
const CONSUMERS = ["@zip.js/zip.js", "hyparquet", "pmtiles", "wa-sqlite"];

/**
 * Installs other packages into the project. Returns the path of their worker in it,
 * or nothing where they cannot be had.
 */
async function installedConsumers(
  project: string,
): Promise<string | undefined> {
  const packages = CONSUMERS.map((name) =>
    denoJson.imports[name as keyof typeof denoJson.imports].slice("npm:".length)
  );
  const installed = await output(
    "npm",
    ["install", "--prefix", project, ...packages],
    BUILD_TIMEOUT_MS,
  );
  if (installed === undefined) return undefined;
  const script = `${project}/consumers.mjs`;
  await esbuild.build({
    entryPoints: [here("consumers/worker.ts")],
    outfile: script,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    plugins: [{
      name: "the library is the package",
      setup: (build) =>
        build.onResolve(
          { filter: /\/mod\.ts$/ },
          () => ({ path: "posix-aio", external: true }),
        ),
    }],
  });
  await esbuild.stop();
  return script;
}
