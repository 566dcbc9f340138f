/**
 * The npm package, built and installed as a user would install it, on the oldest
 * and the newest Node and on the newest Bun; `deno task test:npm` takes all
 * versions between as well.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import * as esbuild from "esbuild";
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type EngineName,
  ENGINES,
  isLinux,
  isThere,
  test,
} from "../helpers/mod.ts";
import { NAME, PACKAGE } from "../../scripts/npm_package.ts";
import {
  mustRun,
  newProject,
  type Outcome,
  programOf,
  run,
  sourceOf,
} from "./project.ts";
import { findRuntimes, type OtherRuntime } from "./runtimes.ts";

/** npm, compilers and bundlers take their time. */
const limit_ms = 120_000;

const project = await newProject();
const { directory } = project;
const runtimes = await findRuntimes(directory);
globalThis.addEventListener("unload", () => project[Symbol.dispose]());

type FoundRuntime = OtherRuntime & { path: string };

/** A test for each runtime. */
function testEach(
  name: string,
  ...rest: [EachFunction] | [options: { ignore: boolean }, fn: EachFunction]
): void {
  const [{ ignore }, fn] = rest.length === 1
    ? [{ ignore: false }, ...rest]
    : rest;
  for (const runtime of runtimes) {
    test(
      `${runtime.name}: ${name}`,
      { ignore: ignore || runtime.path === null, limit_ms },
      (t) => fn(runtime as FoundRuntime, t),
    );
  }
}

type EachFunction = (
  runtime: FoundRuntime,
  t: Deno.TestContext,
) => Promise<void>;

function runProgram(
  { path, hasUsing }: FoundRuntime,
  name: string,
  ...args: string[]
): Promise<Outcome> {
  return run(directory, path, programOf(name, hasUsing), ...args);
}

/** The same where an engine serves. */
function runOn(
  engine: EngineName,
  { path, hasUsing }: FoundRuntime,
  name: string,
  ...args: string[]
): Promise<Outcome> {
  const program = [path, programOf(name, hasUsing), ...args];
  return run(directory, "env", `POSIX_AIO_ENGINE=${engine}`, ...program);
}

async function withFifo(fn: (path: string) => Promise<void>): Promise<void> {
  // Of its own: one whose test timed out may still have its FIFO.
  const own = await Deno.makeTempDir({ dir: directory });
  try {
    const path = join(own, "fifo");
    await mustRun(own, "mkfifo", path);
    await fn(path);
  } finally {
    await Deno.remove(own, { recursive: true });
  }
}

test("the package has its files and no others", { limit_ms }, async () => {
  const listed = await mustRun(directory, "tar", "-tzf", project.tarball);
  const names = listed.trim().split("\n")
    .map((name) => name.replace(/^package\//, ""));
  for (
    const name of [
      "package.json",
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
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
    !/^(esm|script)\/(mod\.|(lib|ffi)\/.*\.d\.ts$|package\.json)|^[^/]+\.(md|json)$|^LICENSE$/
      .test(name) || /runtime_deno|test/.test(name)
  );
  assertEquals(others, []);
});

test("what the package exports has its own name there", {
  limit_ms,
}, async () => {
  const loading = [`await import("${NAME}")`, `require("${NAME}")`];
  for (const load of loading) {
    const code = `(async () => console.log(Object.entries(${load})
      .filter(([name, value]) => typeof value === "function" && value.name !== name)
      .map(([name]) => name)))()`;
    const out = await mustRun(directory, "node", "-e", code);
    assertEquals(out.trim(), "[]", load);
  }
});

test("a bundle of a program that uses nothing of it has nothing of it", {
  limit_ms,
}, async () => {
  const { outputFiles: [{ text }] } = await esbuild.build({
    stdin: { contents: `import "${NAME}";`, resolveDir: directory },
    bundle: true,
    format: "esm",
    platform: "node",
    write: false,
    logLevel: "silent",
  });
  await esbuild.stop();
  assertEquals(text, "");
});

test("its source maps lead to the sources", { limit_ms }, async () => {
  const code = `require("${NAME}").allocatePinned(-1)`;
  const { stderr } = await run(
    directory,
    "node",
    "--enable-source-maps",
    "-e",
    code,
  );
  assertMatch(stderr, /at .*allocatePinned.*lib\/system\/pinned\.ts:\d+/);
});

test("package.json says what the build script says, and no more", {
  limit_ms,
}, async () => {
  const text = await Deno.readTextFile(
    join(directory, "node_modules", NAME, "package.json"),
  );
  assertEquals(JSON.parse(text), PACKAGE);
});

test("the package can be installed everywhere, and runs no scripts", () => {
  for (
    const name of ["os", "cpu", "libc", "scripts", "devDependencies"]
  ) assert(!(name in PACKAGE), name);
});

test("the package depends on koffi alone, and can do without", () => {
  assertEquals(Object.keys(PACKAGE.optionalDependencies), ["koffi"]);
  for (const name of ["dependencies", "peerDependencies"]) {
    assert(!(name in PACKAGE), name);
  }
});

test(
  "the package names no place where it was built",
  { limit_ms },
  async () => {
    const { code, stdout } = await run(
      join(directory, "node_modules", NAME),
      "grep",
      "-rlE",
      "file:///|/tmp/",
      ".",
    );
    assertEquals([code, stdout], [1, ""]);
  },
);

test("npm accepts the package", { limit_ms }, async () => {
  const { code, stderr } = await run(
    directory,
    "npm",
    "publish",
    "--dry-run",
    // Nothing is wrong with it when this version is published already.
    "--force",
    project.tarball,
  );
  assertEquals(code, 0, stderr);
  assert(!stderr.includes("auto-corrected"), stderr);
});

/** A wrapper that hands an option on has the value or `undefined`. */
const UNDEFINED_OPTIONS = `
  import type * as aio from ${JSON.stringify(NAME)};
  type Undefined<Options> = { [Name in keyof Options]-?: undefined };
  interface Taken {
    adopt: aio.AdoptOptions;
    block: aio.AiocbFields;
    close: aio.CloseOptions;
    copy: aio.CopyOptions;
    init: Parameters<typeof aio.aio_init>[0];
    io: aio.IoOptions;
    lock: aio.LockOptions;
    open: aio.OpenOptions;
    pinned: aio.PinnedOptions;
    queue: aio.CompletionQueueOptions;
    sync: NonNullable<Parameters<aio.CompletionQueue["sync"]>[2]>;
    readable: aio.ReadableOptions;
    settings: Parameters<typeof aio.configure>[0];
    writable: aio.WritableOptions;
  }
  declare const given: { [Name in keyof Taken]: Undefined<Taken[Name]> };
  export const taken: Taken = given;
`;

for (const resolution of ["nodenext", "bundler"]) {
  test(
    `its types are right with moduleResolution ${resolution}`,
    { limit_ms },
    async () => {
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
        join(directory, "undefined.mts"),
        UNDEFINED_OPTIONS,
      );
      await Deno.writeTextFile(
        join(directory, "tsconfig.json"),
        JSON.stringify({
          compilerOptions: {
            module: resolution === "bundler" ? "esnext" : resolution,
            moduleResolution: resolution,
            allowImportingTsExtensions: true,
            target: "es2022",
            lib: ["esnext"],
            types: ["node"],
            strict: true,
            exactOptionalPropertyTypes: true,
            noEmit: true,
          },
          files: [
            ...[
              "checks",
              "exits",
              "fake_timers",
              "permissions",
              "realm",
              "watched",
              "workers",
            ].map(sourceOf),
            "require.cts",
            "undefined.mts",
          ],
        }),
      );
      const { code, stdout } = await run(directory, "npx", "tsc");
      assertEquals(code, 0, stdout);
    },
  );
}

test(
  "a Node stream is made as the guide says, with the types of the DOM",
  { limit_ms },
  async () => {
    const packages = ["typescript", "@types/node"];
    await mustRun(directory, "npm", "install", "--no-save", ...packages);
    const guide = await Deno.readTextFile(
      new URL("../../docs/guides/migrating-from-node-fs.md", import.meta.url),
    );
    const examples = [...guide.matchAll(/^```ts\n(.*?)^```/gms)];
    const example = examples.find(([text]) => text.includes("fromWeb"))!;
    const text = example[1].replaceAll(denoJson.name, NAME);
    await Deno.writeTextFile(join(directory, "stream.mts"), text);
    const options = "--noEmit --strict --module nodenext --target esnext " +
      "--types node --lib esnext,dom stream.mts --ignoreConfig";
    const args = ["tsc", ...options.split(" ")];
    const { code, stdout } = await run(directory, "npx", ...args);
    assertEquals(code, 0, stdout);
  },
);

const PLACES: [where: string, engine: EngineName][] = [
  ...ENGINES.map((engine): [string, EngineName] => ["main thread", engine]),
  ["worker", "librt"],
];

for (const [where, engine] of PLACES) {
  for (const pageCache of [true, false]) {
    const name = `does what the interface promises in a ${where}, on ` +
      `${engine}, page cache ${pageCache ? "on" : "off"}`;
    const options = { ignore: !isThere(engine) };
    const assertPromises = async (
      t: Deno.TestContext,
      command: string[],
      hasUsing: boolean,
    ) => {
      const outcome = await run(
        directory,
        "env",
        `POSIX_AIO_ENGINE=${engine}`,
        `POSIX_AIO_PAGE_CACHE=${pageCache ? "1" : "0"}`,
        ...command,
        programOf("checks", hasUsing),
        where,
      );
      await assertChecks(t, outcome);
    };
    testEach(
      name,
      options,
      ({ path, hasUsing }, t) => assertPromises(t, [path], hasUsing),
    );
    // Deno can import it, too.
    test(
      `Deno: ${name}`,
      { ...options, limit_ms },
      (t) => assertPromises(t, [Deno.execPath(), "run", "-A"], true),
    );
  }
}

/** That all checks of the program `checks` hold. */
async function assertChecks(
  t: Deno.TestContext,
  { code, stdout, stderr }: Outcome,
): Promise<void> {
  for (const line of stdout.trim().split("\n")) {
    const { name, problem } = JSON.parse(line);
    await t.step(name, () => assertEquals(problem, null, problem));
  }
  assertEquals(code, 0, stderr);
}

const USE = `
  AioFile.open("package.json").then(async (file) => {
    console.log(supported().available, await file.readAt(new Uint8Array(5), 0));
    await file.close();
  });`;

/** Each replaces timers; what is loaded later must not find the fakes. */
const FAKES = [
  "globals before",
  "globals after",
  "globalsAndModule before",
  "sinon before",
  "sinon after",
];

testEach(
  "works while timers are faked, and afterwards",
  { ignore: !isLinux },
  async (it, t) => {
    const fakes = it.name.startsWith("Node")
      ? [...FAKES, "node:test before"]
      : FAKES;
    for (const how of fakes) {
      for (const format of ["import", "require"]) {
        await t.step(`${how}, by ${format}`, async () => {
          const args = [...how.split(" "), format];
          const { stdout, stderr } = await runProgram(
            it,
            "fake_timers",
            ...args,
          );
          assertEquals(stdout, "used with fakes\nused without\n", stderr);
        });
      }
    }
  },
);

/** What has to hold in a realm with few globals. */
const IN_A_REALM = {
  supported: true,
  open: [true, "AioError", "ENOENT", 2],
  truncate: [true, "AioError", "EINVAL", 22],
  isPinned: [true, false],
  readAt: [4, [54, 55, 56, 57]],
  inPlace: true,
  append: 3,
  syncData: null,
  size: 13,
  notASignal: [false, "TypeError", null, null],
  closed: [true, "AioError", "EBADF", 9],
};
const WITH_MORE = {
  url: 13,
  readable: [8, 5],
  writable: 20,
  signal: "enough",
};

testEach("works in a realm that has nothing but the language", {
  ignore: !isLinux,
}, async (it) => {
  const { stdout, stderr } = await runProgram(it, "realm");
  assertEquals(stdout === "" ? stderr : JSON.parse(stdout), IN_A_REALM);
});

testEach("works in a realm with signals, streams and another URL", {
  ignore: !isLinux,
}, async (it) => {
  const { stdout, stderr } = await runProgram(
    it,
    "realm",
    "AbortController",
    "AbortSignal",
    "ReadableStream",
    "WritableStream",
    "URL",
  );
  assertEquals(stdout === "" ? stderr : JSON.parse(stdout), {
    ...IN_A_REALM,
    ...WITH_MORE,
  });
});

testEach("is there by require(), and beside an import", async ({ path }) => {
  await Deno.writeTextFile(
    join(directory, "require.cjs"),
    `const { AioFile, supported } = require("${NAME}");
    import("${NAME}").then((module) => module.limits());
    ${USE}`,
  );
  assertEquals(await mustRun(directory, path, "require.cjs"), "true 5\n");
});

testEach("is there without a main module", async ({ path }) => {
  const program =
    `import("${NAME}").then(({ AioFile, supported }) => { ${USE} })`;
  assertEquals(await mustRun(directory, path, "-e", program), "true 5\n");
});

testEach("runs the examples of its README", async ({ path, hasUsing }) => {
  const readme = await Deno.readTextFile(
    join(directory, "node_modules", NAME, "README.md"),
  );
  // Which they read.
  await Deno.writeTextFile(join(directory, "README.md"), readme);
  const examples = [...readme.matchAll(/^```[jt]s\n(.*?)^```/gms)];
  assert(examples.length > 0);
  for (const [_, example] of examples) {
    const { code } = await esbuild.transform(example, {
      loader: "ts",
      target: hasUsing ? "esnext" : "node20",
    });
    await Deno.writeTextFile(join(directory, "example.mjs"), code);
    await mustRun(directory, path, "example.mjs");
  }
  await esbuild.stop();
});

for (const engine of ENGINES) {
  const options = { ignore: !isLinux || !isThere(engine) };

  testEach(
    `ends when nothing is in flight, and not before, on ${engine}`,
    options,
    async (runtime) => {
      await withFifo(async (fifo) => {
        const { code, stdout, stderr } = await runOn(
          engine,
          runtime,
          "exits",
          fifo,
        );
        assertEquals(code, 0, stderr);
        assertEquals(stdout, "queue 1\nreadAt 1\nSIGEV_THREAD 1\n");
      });
    },
  );

  for (const [how, expected] of Object.entries({ exit: 7, error: 1 })) {
    testEach(
      `ends by an ${how} while requests are in flight, on ${engine}`,
      options,
      async (runtime) => {
        await withFifo(async (fifo) => {
          const { code, signal, stdout, stderr } = await runOn(
            engine,
            runtime,
            "exits_in_flight",
            fifo,
            how,
          );
          assertEquals([code, signal], [expected, null], stderr);
          assertEquals(stdout, `${engine}\n`);
        });
      },
    );
  }
}

testEach(
  "lives when workers are terminated in flight",
  { ignore: !isLinux },
  async (runtime) => {
    await withFifo(async (fifo) => {
      const outcome = await runProgram(runtime, "workers", fifo);
      assertEquals(outcome.signal, null, outcome.stderr);
      assertEquals(outcome.stdout, "10 bytes\n", outcome.stderr);
      assertEquals(outcome.code, 5, outcome.stderr);
    });
  },
);

/** A file of tests that leaves reads in flight, into memory of its isolate. */
const LEAVES_READS = `
import { test } from "bun:test";
import { constants, openSync } from "node:fs";
import { aio_read, Aiocb, allocatePinned } from "${NAME}";
test("leaves reads in flight", () => {
  for (let count = 0; count < 8; count++) {
    const aio_fildes = openSync(process.env.FIFO, constants.O_RDWR);
    aio_read(new Aiocb({ aio_fildes, aio_buf: allocatePinned(1 << 20) }));
  }
});`;

/** Another one: takes what memory is free, ends the reads, and looks at its own. */
const LOOKS_AT_MEMORY = `
import { expect, test } from "bun:test";
import { constants, openSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { allocatePinned } from "${NAME}";
test("has memory of its own", async () => {
  const all = [];
  for (let count = 0; count < 8; count++) {
    Bun.gc(true);
    for (let i = 0; i < 12; i++) all.push(allocatePinned(1 << 20).fill(1));
    await setTimeout(20);
  }
  const fd = openSync(process.env.FIFO, constants.O_RDWR);
  for (let count = 0; count < 8; count++) {
    writeSync(fd, Buffer.alloc(4096, 2));
    await setTimeout(20);
  }
  const changed = all.filter((bytes) => bytes.some((byte) => byte !== 1));
  expect(changed.length).toBe(0);
}, 60_000);`;

const newestBun = runtimes[runtimes.length - 1];

test(
  `${newestBun.name}: reads of a file of tests change no memory of the next one`,
  {
    ignore: !isLinux || newestBun.path === null,
    limit_ms,
  },
  async () => {
    await withFifo(async (fifo) => {
      const files = [`${fifo}.first.test.mjs`, `${fifo}.second.test.mjs`];
      await Deno.writeTextFile(files[0], LEAVES_READS);
      await Deno.writeTextFile(files[1], LOOKS_AT_MEMORY);
      const command = [newestBun.path!, "test", "--isolate", ...files];
      const { code, stderr } = await run(
        directory,
        "env",
        `FIFO=${fifo}`,
        ...command,
      );
      assertEquals(code, 0, stderr);
      assertMatch(stderr, /2 pass/);
    });
  },
);

test("Deno: lives when `deno run --watch` starts it again in flight", {
  ignore: !isLinux,
  limit_ms,
}, async () => {
  await withFifo(async (fifo) => {
    const marker = `${fifo}.marker`;
    const watched = `${fifo}.watched`;
    await Deno.writeTextFile(watched, "");
    const { signal, stdout, stderr } = await run(
      directory,
      Deno.execPath(),
      "run",
      "-A",
      `--watch=${watched}`,
      programOf("watched", true),
      fifo,
      marker,
      watched,
    );
    assertEquals(signal, "SIGKILL", stderr);
    // Nobody would see the completions of a ring.
    assertEquals(stdout, "in flight, librt\nsame process, librt\n", stderr);
  });
});

/** What the program `permissions` prints, and what Deno was asked for meanwhile. */
interface WithPermissions {
  available: boolean;
  engine: string;
  reason?: string;
  file?: unknown;
  c?: unknown;
  asked: { permission: string; value: string }[];
}

/** Runs it on Deno, in a directory of its own that has a file. */
async function runPermitted(
  flags: (own: string) => string[],
  args: (path: string) => string[] = () => [],
): Promise<WithPermissions> {
  const own = await Deno.makeTempDir({ dir: directory });
  try {
    await mustRun(own, "sh", "-c", "printf contents | tee file");
    // A name that is not UTF-8.
    await mustRun(own, "sh", "-c", "ln file \"$(printf '\\351')\"");
    const audit = `${own}.audit`;
    await Deno.writeTextFile(audit, "");
    const program = [
      "run",
      "--no-prompt",
      ...flags(own),
      programOf("permissions", true),
      ...args(own),
    ];
    const variable = `DENO_AUDIT_PERMISSIONS=${audit}`;
    const deno = Deno.execPath();
    const stdout = await mustRun(directory, "env", variable, deno, ...program);
    const lines = (await Deno.readTextFile(audit)).split("\n");
    const asked = lines.filter((line) => line !== "").map((line) =>
      JSON.parse(line)
    );
    return { ...JSON.parse(stdout), asked };
  } finally {
    await Deno.remove(own, { recursive: true });
  }
}

const forFiles = (
  own: string,
) => [`--allow-read=${own}`, `--allow-write=${own}`];
const FOR_KOFFI = ["--allow-ffi", `--allow-read=${Deno.execPath()}`];

test("Deno: importing asks for no permission", {
  limit_ms,
}, async () => {
  const outcome = await runPermitted(() => []);
  assertEquals(outcome.asked, []);
  assertEquals([outcome.available, outcome.engine], [false, "fs"]);
});

/** The flags beside those for the file, and which advice there is with them. */
const BESIDE_THE_FILE: [how: string, flags: string[], advice: string | null][] =
  [
    ["no more", [], "run again with --allow-ffi without a path"],
    [
      "libraries",
      ["--allow-ffi=/lib"],
      "run again with --allow-ffi without a path",
    ],
    [
      "native calls",
      ["--allow-ffi"],
      `run again with --allow-read=${Deno.execPath()}`,
    ],
    ["all that koffi needs", FOR_KOFFI, null],
  ];

for (const [how, flags, advice] of BESIDE_THE_FILE) {
  test(`Deno: opening a file asks for that file only, with ${how} permitted`, {
    ignore: !isLinux,
    limit_ms,
  }, async () => {
    const { asked, ...outcome } = await runPermitted(
      (own) => [...forFiles(own), ...flags],
      (own) => [join(own, "file")],
    );
    assertEquals(outcome.file, 16);
    assertEquals(outcome.available, advice === null);
    assertStringIncludes(outcome.reason ?? "", advice ?? "");
    assertEquals(outcome.engine === "fs", advice !== null);
    const others = asked.filter(({ permission, value }) =>
      !(value.endsWith("/file") && /^(read|write)$/.test(permission))
    );
    // It is loaded from there, as far as that is permitted.
    const forKoffi = others.filter(({ permission, value }) =>
      advice === null &&
      (permission === "ffi" && value.endsWith("/koffi.node") ||
        permission === "read" && value === Deno.execPath())
    );
    assertEquals(others, forKoffi);
  });
}

test("Deno: the C interface without --allow-ffi throws Deno's own error", {
  ignore: !isLinux,
  limit_ms,
}, async () => {
  const use = (own: string) => [join(own, "file"), "c"];
  const without = await runPermitted(forFiles, use);
  const why = "NotCapable: Native calls are not permitted: run again with " +
    "--allow-ffi without a path";
  assertEquals([without.file, without.c], [16, why]);
  const flags = (own: string) => [...forFiles(own), "--allow-ffi"];
  assertEquals((await runPermitted(flags, use)).c, true);
});

test("Deno: a path that is not UTF-8 takes permission for all files", {
  ignore: !isLinux,
  limit_ms,
}, async () => {
  const use = (own: string) => [join(own, "\u00e9"), "latin1"];
  const some = (own: string) => [...forFiles(own), ...FOR_KOFFI];
  assertStringIncludes(
    `${(await runPermitted(some, use)).file}`,
    "NotCapable: A path that is not UTF-8 requires read access to all files",
  );
  const all = () => ["--allow-ffi", "--allow-read", "--allow-write"];
  assertEquals((await runPermitted(all, use)).file, 16);
});

const CANNOT_LOAD = "The package koffi, which calls the C library, cannot be " +
  "loaded ";
const ADVICE = "): run npm install koffi where the program runs, and have " +
  "bundlers leave it external";

/** How koffi can be wrong, and what the error says of it. */
const WRONG_KOFFI: Record<
  string,
  { says: string[]; spoil: (modules: string) => Promise<void> }
> = {
  "missing": {
    says: [
      "The package koffi, which calls the C library, is not installed (it is " +
      "optional): run npm install koffi where the program runs",
    ],
    spoil: (modules) =>
      Deno.remove(join(modules, "koffi"), { recursive: true }),
  },
  "without its executable part": {
    says: [
      `${CANNOT_LOAD}(Cannot find the native Koffi module; did you bundle it ` +
      `correctly?${ADVICE}`,
    ],
    spoil: (modules) =>
      Deno.remove(join(modules, "@koromix"), { recursive: true }),
  },
  "damaged": {
    // The rest is the system's.
    says: [`${CANNOT_LOAD}(`, "/koffi.node", ADVICE],
    async spoil(modules) {
      for (const path of await readdir(modules, { recursive: true })) {
        if (!path.endsWith(".node")) continue;
        await Deno.writeTextFile(join(modules, path), "not a library");
      }
    },
  },
  "too old": {
    says: [`${CANNOT_LOAD}(it is 1.0.0, older than 3.3.4${ADVICE}`],
    spoil: (modules) =>
      Deno.writeTextFile(
        join(modules, "koffi/index.cjs"),
        "exports.version = '1.0.0';",
      ),
  },
};

/** Uses a file, and the C interface; prints what comes of it, and why. */
const WRONG_KOFFI_PROGRAM = `
import * as imported from "${NAME}";
import { createRequire } from "node:module";

const required = createRequire(import.meta.url)("${NAME}");
for (const { AioError, AioFile, limits, supported } of [imported, required]) {
  const tell = (error) =>
    [error instanceof AioError, error.code, error.message].join(" ");
  const read = async () => {
    const file = await AioFile.open("program.mjs");
    const count = await file.readAt(new Uint8Array(5), 0);
    await file.close();
    return count;
  };
  let refusal;
  try {
    limits();
  } catch (error) {
    refusal = tell(error);
  }
  console.log(JSON.stringify({
    ...supported(),
    refusal,
    read: await read().catch(tell),
  }));
}`;

const WORKS = '; files work without it, by the engine "fs"';

/**
 * That for an import and a require() files work and the C interface says why it does
 * not; and that an engine that needs koffi says so as well, if it is asked for.
 *
 * @param cwd Where the package is.
 * @param command What runs a program there.
 */
async function assertFilesWork(
  cwd: string,
  command: string[],
  says: string[],
): Promise<void> {
  const path = join(cwd, "program.mjs");
  await Deno.writeTextFile(path, WRONG_KOFFI_PROGRAM);
  for (const engine of ["auto", "librt", "io_uring"]) {
    const variable = `POSIX_AIO_ENGINE=${engine}`;
    const stdout = await mustRun(cwd, "env", variable, ...command, path);
    const lines = stdout.trim().split("\n");
    assertEquals(lines.length, 2, stdout);
    for (const line of lines) {
      const { available, engine: found, reason, ...told } = JSON.parse(line);
      const isAuto = engine === "auto";
      assertEquals([available, found], [false, isAuto ? "fs" : undefined]);
      // Files do not work where the engine that was asked for cannot be had.
      const begin = isAuto ? "" : `The engine "${engine}" cannot be had. `;
      assert(reason.startsWith(begin), reason);
      assertEquals(reason.endsWith(WORKS), isAuto, reason);
      for (const text of says) assertStringIncludes(reason, text);
      const cause = reason.slice(begin.length);
      const texts = [told.refusal];
      if (isAuto) assertEquals(told.read, 5);
      else texts.push(told.read);
      for (const text of texts) {
        assertStringIncludes(text, `true ENOSYS ${cause}`);
      }
    }
  }
}

/** A project in which koffi is not as it should be. */
async function withWrongKoffi(
  spoil: (modules: string) => Promise<void>,
  fn: (other: string) => Promise<void>,
): Promise<void> {
  const other = await Deno.makeTempDir();
  try {
    const modules = join(other, "node_modules");
    for (const name of [NAME, "koffi", "@koromix"]) {
      const from = join(directory, "node_modules", name);
      await cp(from, join(modules, name), { recursive: true });
    }
    await spoil(modules);
    await fn(other);
  } finally {
    await Deno.remove(other, { recursive: true });
  }
}

for (const [how, { says, spoil }] of Object.entries(WRONG_KOFFI)) {
  testEach(
    `has files, and says what to do, when koffi is ${how}`,
    ({ path }) =>
      withWrongKoffi(spoil, (other) => assertFilesWork(other, [path], says)),
  );
}

for (const where of ["main thread", "worker"]) {
  testEach(
    `does what the interface promises of files in a ${where} without koffi`,
    ({ path, hasUsing }, t) =>
      withWrongKoffi(WRONG_KOFFI.missing.spoil, async (other) => {
        const name = programOf("checks", hasUsing);
        await cp(join(directory, name), join(other, name));
        const command = ["CHECKS_WITHOUT_C=1", path, name, where];
        await assertChecks(t, await run(other, "env", ...command));
      }),
  );
}

const NO_ADDON = `${CANNOT_LOAD}(Cannot load native addon because loading ` +
  `addons is disabled.): `;
const READABLE = ["program.mjs", `node_modules/${NAME}`, "node_modules/koffi"]
  .map((name) => `--allow-fs-read=${join(directory, name)}`);

/** Flags of Node with which koffi is not loaded, and what the error says of it. */
const WITHOUT_ADDONS: [what: string, flags: string[], says: string[]][] = [
  ["--no-addons", ["--no-addons"], [
    `${NO_ADDON}start the program without --no-addons`,
  ]],
  ["--permission", ["--permission", "--allow-fs-read=*"], [
    `${NO_ADDON}start Node with --allow-addons`,
  ]],
  ["--permission to read", ["--permission", "--allow-addons", ...READABLE], [
    `${CANNOT_LOAD}(Access to this API has been restricted`,
    "): start Node with --allow-fs-read for koffi and @koromix in node_modules",
  ]],
];

for (const [what, flags, says] of WITHOUT_ADDONS) {
  for (const runtime of runtimes) {
    const { name, path, hasUsing } = runtime;
    const isNode = name.startsWith("Node");
    // Before, the permissions had another name, and addons no flag.
    const hasFlags = hasUsing || flags.length === 1;
    if (!isNode || !hasFlags) continue;
    test(
      `${name}: has files, and says what to do, when ${what} forbids koffi`,
      {
        ignore: path === null,
        limit_ms,
      },
      () => assertFilesWork(directory, [path!, ...flags], says),
    );
  }
}
