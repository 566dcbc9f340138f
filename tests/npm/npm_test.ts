/**
 * The npm package, built and installed as a user would install it, on Node and
 * on Bun. Takes longer than the other tests, and has a task of its own:
 * `deno task test:npm`.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import {
  findRuntime,
  mustRun,
  NAME,
  newProject,
  type OtherRuntime,
  type Outcome,
  run,
} from "./project.ts";

const TIMEOUT_MS = 120_000;

// 20.4 is the first Node with Symbol.asyncDispose, which await using needs.
const runtimes = [
  await findRuntime("Node 20", "node@20.4.0", "node", false),
  await findRuntime("Node 26", "node@26", "node", true),
  await findRuntime("Bun", "bun@1", "bun", true),
];
const project = await newProject();
const { directory } = project;
globalThis.addEventListener("unload", () => project[Symbol.dispose]());

function test(
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
  ignore = false,
): void {
  Deno.test({ name, ignore, timeout: TIMEOUT_MS, fn });
}

/** A test for each runtime. */
function testEach(
  name: string,
  fn: (
    runtime: OtherRuntime & { path: string },
    t: Deno.TestContext,
  ) => Promise<void>,
): void {
  for (const runtime of runtimes) {
    const { path } = runtime;
    test(
      `${runtime.name}: ${name}`,
      (t) => fn({ ...runtime, path: path! }, t),
      path === null,
    );
  }
}

function runProgram(
  { path, hasUsing }: OtherRuntime & { path: string },
  name: string,
  ...args: string[]
): Promise<Outcome> {
  return run(directory, path, `${name}${hasUsing ? "" : ".old"}.mjs`, ...args);
}

async function withFifo(fn: (path: string) => Promise<void>): Promise<void> {
  const path = join(directory, "fifo");
  await mustRun(directory, "mkfifo", path);
  try {
    await fn(path);
  } finally {
    await Deno.remove(path);
  }
}

test("the package has its files and no others", async () => {
  const listed = await mustRun(directory, "tar", "-tzf", project.tarball);
  const names = listed.trim().split("\n")
    .map((name) => name.replace(/^package\//, ""));
  for (
    const name of [
      "package.json",
      "README.md",
      "LICENSE",
      "esm/mod.js",
      "esm/mod.d.ts",
      "script/mod.js",
      "script/mod.d.ts",
    ]
  ) assert(names.includes(name), name);
  for (const name of names.filter((name) => /\.js$/.test(name))) {
    assert(names.includes(`${name}.map`), `${name} has no source map`);
  }
  const others = names.filter((name) =>
    /runtime_deno|test|scripts\//.test(name)
  );
  assertEquals(others, []);
});

test("the package names no place where it was built", async () => {
  const { code, stdout } = await run(
    join(directory, "node_modules", NAME),
    "grep",
    "-rlE",
    "file:///|/tmp/",
    ".",
  );
  assertEquals([code, stdout], [1, ""]);
});

test("npm accepts the package", async () => {
  const unpacked = join(directory, "node_modules", NAME);
  const output = await run(unpacked, "npm", "publish", "--dry-run");
  assertEquals(output.code, 0, output.stderr);
});

for (const resolution of ["nodenext", "bundler"]) {
  test(`its types are right with moduleResolution ${resolution}`, async () => {
    await mustRun(
      directory,
      "npm",
      "install",
      "--no-save",
      "typescript",
      "@types/node",
    );
    await Deno.writeTextFile(
      join(directory, "require.cts"),
      `import { AioFile } from ${JSON.stringify(NAME)};
      export const file: Promise<AioFile> = AioFile.open("package.json");`,
    );
    await Deno.writeTextFile(
      join(directory, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: resolution === "bundler" ? "esnext" : resolution,
          moduleResolution: resolution,
          target: "es2022",
          lib: ["esnext"],
          types: ["node"],
          strict: true,
          noEmit: true,
        },
        files: ["checks.ts", "exits.ts", "workers.ts", "require.cts"],
      }),
    );
    const { code, stdout } = await run(directory, "npx", "tsc");
    assertEquals(code, 0, stdout);
  });
}

testEach("does what the interface promises", async (runtime, t) => {
  const { stdout, stderr, signal } = await runProgram(runtime, "checks");
  assertEquals(signal, null, stderr);
  const lines = stdout.trim().split("\n");
  for (const line of lines) {
    const { name, problem } = JSON.parse(line);
    await t.step(name, () => assertEquals(problem, null, problem));
  }
  assert(lines.length > 20, stderr);
});

testEach("is there by require() as well", async ({ path }) => {
  const program = join(directory, "require.cjs");
  await Deno.writeTextFile(
    program,
    `const { AioFile, supported } = require(${JSON.stringify(NAME)});
    AioFile.open(__filename).then(async (file) => {
      console.log(supported().available, await file.readAt(new Uint8Array(5), 0));
      await file.close();
    });`,
  );
  assertEquals(await mustRun(directory, path, program), "true 5\n");
});

testEach("ends when nothing is in flight, and not before", async (runtime) => {
  await withFifo(async (fifo) => {
    const { code, stdout, stderr } = await runProgram(runtime, "exits", fifo);
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "queue 1\nreadAt 1\nSIGEV_THREAD 1\n");
  });
});

testEach("lives when workers are terminated in flight", async (runtime) => {
  await withFifo(async (fifo) => {
    const outcome = await runProgram(runtime, "workers", fifo);
    assertEquals(outcome.signal, null, outcome.stderr);
    assertEquals(outcome.stdout, "10 bytes\n", outcome.stderr);
    assertEquals(outcome.code, 5, outcome.stderr);
  });
});

testEach("says how to install koffi when it is missing", async ({ path }) => {
  const other = await Deno.makeTempDir();
  try {
    await mustRun(other, "mkdir", "node_modules");
    await mustRun(
      other,
      "cp",
      "-r",
      join(directory, "node_modules", NAME),
      "node_modules",
    );
    await Deno.writeTextFile(
      join(other, "program.mjs"),
      `import { AioFile, supported } from ${JSON.stringify(NAME)};
      console.log(supported().available);
      await AioFile.open("program.mjs").catch(({ name, code, message }) =>
        console.log(name, code, message)
      );`,
    );
    const { code, stdout, stderr } = await run(other, path, "program.mjs");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "false\nAioError ENOSYS ");
    assertStringIncludes(stdout, "npm install koffi");
  } finally {
    await Deno.remove(other, { recursive: true });
  }
});
