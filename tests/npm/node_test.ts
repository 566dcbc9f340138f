/**
 * The npm package on Node, started with flags that take something away from it.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { NAME } from "../../scripts/npm_package.ts";
import { test } from "../helpers/mod.ts";
import { mustRun, newDirectory, newProject } from "./project.ts";
import { findFirstNode, findNewest } from "./runtimes.ts";

const limit_ms = 120_000;

const project = await newProject();
const { directory } = project;
/** A project without koffi. */
const bare = await newDirectory();
await cp(
  join(directory, "node_modules", NAME),
  join(bare, "node_modules", NAME),
  {
    recursive: true,
  },
);
const nodes = [
  await findFirstNode(directory),
  await findNewest(directory, "node"),
];
globalThis.addEventListener("unload", () => {
  project[Symbol.dispose]();
  Deno.removeSync(bare, { recursive: true });
});

interface Run {
  /** Where the package is: with koffi, or without. */
  cwd: string;
  flags?: string[];
  args?: string[];
}

/** Runs a program, and returns what it prints. */
async function print(
  node: string,
  program: string,
  { cwd, flags = [], args = [] }: Run,
): Promise<unknown> {
  await Deno.writeTextFile(join(cwd, "main.mjs"), program);
  return JSON.parse(
    await mustRun(cwd, node, ...flags, "main.mjs", ...args),
  );
}

/** A test on each Node. */
function testEach(
  name: string,
  fn: (node: string, title: string) => Promise<void>,
): void {
  for (const { name: title, path } of nodes) {
    const options = { ignore: path === null, limit_ms };
    test(`${title}: ${name}`, options, () => fn(path!, title));
  }
}

const WITHOUT_WEBASSEMBLY = `
import { AioFile, allocatePinned } from "${NAME}";
const outcome = (fn) => fn().catch(({ name, code }) => [name, code]);
const file = await AioFile.open("file", "w+");
const text = new TextEncoder().encode("contents");
const other = await AioFile.open("other", "w");
const options = { write: true, create: true, direct: true };
const direct = await AioFile.open("direct", options);
const stream = file.writable({ offset: 8 }).getWriter();
const outcomes = {
  writeAt: await outcome(() => file.writeAt(text, 0)),
  readAt: await outcome(() => file.readAt(new Uint8Array(4), 4, {})),
  read: await outcome(async () => (await file.read(0, 100_000)).length),
  writable: await outcome(() => stream.write(text).then(() => stream.close())),
  readable: await outcome(async () => {
    let bytes = 0;
    for await (const chunk of file.readable()) bytes += chunk.length;
    return bytes;
  }),
  copyTo: await outcome(() => file.copyTo(other)),
  direct: await outcome(() => direct.writeAt(new Uint8Array(4096), 0)),
  allocatePinned: await outcome(async () => allocatePinned(16)),
};
await file.close();
await other.close();
await direct.close();
console.log(JSON.stringify(outcomes));`;

testEach(
  "files work without WebAssembly, and allocatePinned() says that it needs it",
  async (node) => {
    for (const cwd of [directory, bare]) {
      const flags = ["--jitless"];
      const outcomes = await print(node, WITHOUT_WEBASSEMBLY, { cwd, flags });
      assertEquals(outcomes, {
        writeAt: 8,
        readAt: 4,
        read: 8,
        readable: 16,
        copyTo: 16,
        direct: 4096,
        allocatePinned: ["AioError", "ENOTSUP"],
      });
    }
  },
);

const DISPOSES = `
import { Aiocb, AioFile, CompletionQueue } from "${NAME}";
const symbols = ["dispose", "asyncDispose"].map((name) => {
  const full = "Symbol." + name;
  // What compilers make of using looks there.
  return Symbol[name] ?? Symbol.for(full);
});
const outcomes = [Aiocb, AioFile, CompletionQueue]
  .map(({ prototype }) => [
    ...symbols.map((symbol) => typeof prototype[symbol]),
    Object.hasOwn(prototype, "undefined"),
  ]);
const file = await AioFile.open("file", "w+");
const lock = await file.lock().catch(() => null);
await file[symbols[1]]();
console.log(JSON.stringify([
  ...outcomes,
  typeof lock?.[symbols[0]],
  await file.size().catch(({ code }) => code),
]));`;

testEach("compilers find how to dispose what it makes", async (node) => {
  for (
    const [cwd, lock] of [[directory, "function"], [bare, "undefined"]] as const
  ) {
    assertEquals(await print(node, DISPOSES, { cwd }), [
      ["function", "undefined", false],
      ["undefined", "function", false],
      ["undefined", "function", false],
      lock,
      "EBADF",
    ]);
  }
});

const TWO_COPIES = `
import { AioFile } from "${NAME}";
import { createRequire } from "node:module";
const other = createRequire(import.meta.url)("${NAME}");
const file = await AioFile.open("main.mjs");
const target = await other.AioFile.open("copy", "w");
const message = await file.copyTo(target).catch(({ message }) => message);
await file.close();
await target.close();
console.log(JSON.stringify(message));`;

testEach(
  "a file of what require() gives is refused by what import gives, with the reason",
  async (node) => {
    assertEquals(
      await print(node, TWO_COPIES, { cwd: bare }),
      "The file must be an AioFile, but is an object (import and require() " +
        "have an AioFile each)",
    );
  },
);

const APPENDS_TO_ADOPTED = `
import { AioFile } from "${NAME}";
import { openSync } from "node:fs";
const file = AioFile.adopt(openSync("log", "a"));
const outcome = await file.append(new Uint8Array(5))
  .catch(({ code, message }) => [code, message]);
await file.close();
console.log(JSON.stringify(outcome));`;

testEach(
  "with --permission, append() to an adopted descriptor works where /proc may be read, and does not guess elsewhere",
  async (node, title) => {
    // Before, all that may be read stood in one flag.
    const isOld = title.startsWith("Node 20");
    const appending = (...read: string[]) => {
      const places = [`${bare}/*`, ...read];
      return print(node, APPENDS_TO_ADOPTED, {
        cwd: bare,
        flags: [
          isOld ? "--experimental-permission" : "--permission",
          ...(isOld ? [places.join()] : places)
            .map((place) => `--allow-fs-read=${place}`),
          "--allow-fs-write=*",
        ],
      });
    };
    assertEquals(await appending("/proc/self/*"), 5);
    const [code, message] = await appending() as string[];
    assertEquals(code, "ENOTSUP");
    assertStringIncludes(message, "nobody tells whether it is open for append");
  },
);
