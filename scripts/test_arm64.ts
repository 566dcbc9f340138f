/**
 * Runs the tests on an emulated ARM64 processor: on the ARM64 Deno from npm,
 * under QEMU. Nothing is installed, and nothing stays.
 *
 * ```sh
 * deno task test:arm64              # all but tests/npm and the other engines
 * deno task test:arm64 tests/posix  # or what `deno test` is told to run
 * ```
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import denoJson from "../deno.json" with { type: "json" };
import { spawnEmulated } from "./arm64/emulator.ts";
import { type Results, runTestFiles, testFilesIn } from "./arm64/test_files.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SYSROOT = "/usr/aarch64-linux-gnu";
const QEMU = "qemu-aarch64-static";
const COMPILER = "aarch64-linux-gnu-gcc";

/** What has to be there, and the package of Debian that brings it. */
const NEEDED = {
  [QEMU]: "qemu-user-static",
  [COMPILER]: "gcc-aarch64-linux-gnu",
  [`${SYSROOT}/lib/libgcc_s.so.1`]: "libgcc-s1-arm64-cross",
  [`${SYSROOT}/include/aio.h`]: "libc6-dev-arm64-cross",
  npm: "npm",
  tar: "tar",
  unshare: "util-linux",
};

/**
 * What is left out: the other runtimes are for this processor, and it takes hours to run
 * the tests of files once more for each engine.
 */
const LEFT_OUT = ["tests/npm", "tests/engine/engines_test.ts"];

/** What takes longer than its size tells. */
const LONG = ["tests/torture"];

/** Why the tests cannot run here. */
class Obstacle extends Error {}

/** The path of a command, or of a file that has a path already. */
function find(name: string): string | undefined {
  return Deno.env.get("PATH")!.split(":")
    .map((directory) => resolve(directory, name))
    .find((path) => existsSync(path));
}

function checkMachine(): void {
  if (Deno.build.os !== "linux") {
    throw new Obstacle("only Linux runs programs of Linux under QEMU");
  }
  if (Deno.build.arch === "aarch64") {
    throw new Obstacle("this is an ARM64 machine: `deno task test` does it");
  }
  const missing = Object.entries(NEEDED).filter(([name]) => !find(name));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name).join(", ");
  const packages = missing.map(([, name]) => name).join(" ");
  throw new Obstacle(
    `missing here: ${names}; on Debian: apt-get install ${packages}`,
  );
}

function outputOf(cwd: string, command: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(command, { args, cwd })
    .outputSync();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Obstacle(
    `${command} ${args.join(" ")} failed: ${decoder.decode(stderr)}`,
  );
}

/** Gets the ARM64 Deno of this Deno's version; returns its path. */
function getDeno(scratch: string): string {
  const name = `@deno/linux-arm64-glibc@${Deno.version.deno}`;
  const tarball = outputOf(scratch, "npm", "pack", "--silent", name).trim();
  outputOf(scratch, "tar", "-xzf", tarball);
  return join(scratch, "package/deno");
}

/** A `PATH` whose compilers are those for ARM64. */
function pathWithCompilers(scratch: string): string {
  const bin = join(scratch, "bin");
  Deno.mkdirSync(bin);
  for (const name of ["cc", "gcc"]) {
    Deno.symlinkSync(find(COMPILER)!, join(bin, name));
  }
  Deno.symlinkSync(find("false")!, join(bin, "musl-gcc")); // There is none.
  return `${bin}:${Deno.env.get("PATH")}`;
}

/**
 * A cache of its own, for it holds code for the processor, but with the npm
 * packages of the one that is here.
 */
function cacheWithPackages(scratch: string): string {
  const cache = join(scratch, "cache");
  const info = outputOf(ROOT, Deno.execPath(), "info", "--json");
  const { npmCache } = JSON.parse(info);
  Deno.mkdirSync(npmCache, { recursive: true });
  Deno.mkdirSync(cache);
  Deno.symlinkSync(npmCache, join(cache, "npm"));
  return cache;
}

/** What to tell `deno test`, and what to test: what `deno task test` does. */
function testArguments(): { flags: string[]; files: string[] } {
  const isFlag = (word: string) => word.startsWith("-");
  const words = denoJson.tasks.test.command.split(" ").slice(2);
  const targets = [Deno.args, words]
    .map((list) => list.filter((word) => !isFlag(word)))
    .find((list) => list.length > 0)!;
  return {
    flags: [
      "test",
      ...[...words, ...Deno.args].filter(isFlag),
      "--no-check", // It does not depend on the processor.
    ],
    files: targets.flatMap((target) => testFilesIn(target, LEFT_OUT)),
  };
}

function succeeds(
  env: Record<string, string>,
  command: string,
  ...args: string[]
): boolean {
  try {
    return new Deno.Command(command, { args, env }).outputSync().success;
  } catch {
    return false; // For example for its format.
  }
}

async function spawn(
  deno: string,
  args: string[],
  env: Record<string, string>,
): Promise<Deno.ChildProcess> {
  const options = { env, stdout: "piped", stderr: "piped" } as const;
  if (succeeds(env, deno, "--version")) {
    return new Deno.Command(deno, { ...options, args, stdin: "null" }).spawn();
  }
  if (succeeds(env, "unshare", "--user", "--mount", "true")) {
    return await spawnEmulated(find(QEMU)!, [deno, ...args], options);
  }
  throw new Obstacle(
    "the system runs no ARM64 programs, and has no user namespaces for it",
  );
}

async function runTests(scratch: string): Promise<Results> {
  const deno = getDeno(scratch);
  const env = {
    DENO_DIR: cacheWithPackages(scratch),
    PATH: pathWithCompilers(scratch),
    POSIX_AIO_EMULATED: "1",
    QEMU_LD_PREFIX: SYSROOT,
  };
  const { flags, files } = testArguments();
  const running = new Set<Deno.ChildProcess>();
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      ending.abort(new Obstacle(`ended by ${signal}`));
      for (const child of running) child.kill(signal);
    });
  }
  try {
    return await runTestFiles(files, async (file) => {
      const child = await spawn(deno, [...flags, file], env);
      running.add(child);
      child.status.finally(() => running.delete(child));
      return child;
    }, { first: LONG, signal: ending.signal });
  } finally {
    // They use what is going to be removed.
    await Promise.all([...running].map((child) => child.status));
  }
}

Deno.chdir(ROOT);
const scratch = Deno.makeTempDirSync({ prefix: "posix-aio-arm64-" });
try {
  checkMachine();
  const { passed, failed } = await runTests(scratch);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  if (!(error instanceof Obstacle)) throw error;
  console.error(`test:arm64: ${error.message}`);
  Deno.exitCode = 2;
} finally {
  Deno.removeSync(scratch, { recursive: true });
}
