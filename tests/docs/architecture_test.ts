// docs/architecture.md is true: it names every module, and imports run one way.

import { assert, assertEquals } from "@std/assert";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "../helpers/test.ts";
import { pages, resolveLink, ROOT } from "./pages.ts";

const page = pages.find(({ path }) => path === "docs/architecture.md")!;

/** All modules of a room, and of the rooms in it. */
function filesIn(room: string): string[] {
  return [...Deno.readDirSync(join(ROOT, room))].flatMap((entry) => {
    const path = `${room}/${entry.name}`;
    return entry.isDirectory ? filesIn(path) : path;
  }).sort();
}

/** From which rooms those of a room may import. A file is a room of its own. */
const ROOMS: Record<string, string[]> = {
  "mod.ts": ["lib/file", "lib/posix", "lib/system"],
  "lib/file": ["lib/requests", "lib/engine/serving.ts", "lib/engine/engine.ts"],
  "lib/posix": ["lib/engine/librt"],
  "lib/requests": [
    "lib/engine/serving.ts",
    "lib/engine/page_cache.ts",
    "lib/engine/turn.ts",
    "lib/engine/engine.ts",
  ],
  "lib/engine/page_cache.ts": ["lib/engine/turn.ts", "lib/engine/engine.ts"],
  "lib/engine/turn.ts": [],
  "lib/engine/polling.ts": [],
  "lib/engine/serving.ts": [
    "lib/engine/fs",
    "lib/engine/io_uring",
    "lib/engine/librt",
    "lib/engine/engine.ts",
  ],
  "lib/engine/fs": [
    "lib/engine/streams",
    "lib/engine/transfer.ts",
    "lib/engine/engine.ts",
  ],
  "lib/engine/io_uring": [
    "lib/engine/librt",
    "lib/engine/streams",
    "lib/engine/transfer.ts",
    "lib/engine/polling.ts",
    "lib/engine/engine.ts",
  ],
  "lib/engine/librt": [
    "lib/engine/streams",
    "lib/engine/transfer.ts",
    "lib/engine/polling.ts",
    "lib/engine/engine.ts",
  ],
  "lib/engine/transfer.ts": ["lib/engine/engine.ts"],
  "lib/engine/streams": ["lib/engine/engine.ts"],
  "lib/engine/engine.ts": [],
  "lib/system": [],
  "lib/collections": ["lib/checks"],
  "lib/checks": [],
  "ffi/platforms": ["ffi"],
  "ffi": ["ffi/platforms", "lib/checks/assert.ts"],
};

/** From which every room above them may import. */
const GROUND = ["lib/system", "lib/collections", "lib/checks", "ffi"];

function roomOf(module: string): string {
  const [room] = Object.keys(ROOMS)
    .filter((room) => module === room || module.startsWith(`${room}/`))
    .sort((one, other) => other.length - one.length);
  return room ?? "nowhere";
}

function mayImport(from: string, target: string): boolean {
  const room = roomOf(from);
  if (roomOf(target) === room || ROOMS[room].includes(target)) return true;
  const level = GROUND.indexOf(room);
  const isAboveGround = level === -1 && room !== "mod.ts" &&
    room !== "ffi/platforms";
  const ground = isAboveGround
    ? GROUND
    : room === "lib/system"
    ? GROUND.slice(1)
    : [];
  return [...ROOMS[room], ...ground].includes(roomOf(target));
}

test("docs/architecture.md leads to every module of lib/ and ffi/, once", () => {
  const named = page.links.map((link) => resolveLink(page, link).path)
    .filter((path) => /^(lib|ffi)\//.test(path));
  assertEquals(named.toSorted(), [...filesIn("ffi"), ...filesIn("lib")]);
});

test("docs/architecture.md names no file that is not there", () => {
  const files = ["ffi", "lib", "tests/docs"].flatMap(filesIn)
    .map((path) => basename(path));
  const names = page.text.match(/\w+\.ts\b/g)!;
  assert(names.length > 100, "it names hardly any");
  assertEquals(
    names.filter((name) => ![...files, "mod.ts"].includes(name)),
    [],
  );
});

test("docs/architecture.md has the picture and the words of the same way", () => {
  const picture = page.blocks.find(({ language }) => language === "mermaid")!;
  const [words] = page.text.slice(page.text.indexOf("The same in words"))
    .split("\n## ");
  const inPicture = new Set(picture.text.match(/\w+\.ts/g));
  assert(inPicture.size >= 7);
  for (const name of inPicture) {
    assert(words.includes(`\`${name}\``), `the words lack ${name}`);
  }
});

/** The modules of the repository that each of them imports. */
async function imports(...entries: string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const entry of entries) {
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", join(ROOT, entry)],
      stderr: "null",
    }).output();
    assert(success, `deno info ${entry} failed`);
    const { modules } = JSON.parse(new TextDecoder().decode(stdout));
    for (const { specifier, dependencies = [] } of modules) {
      const targets = dependencies
        .map(({ code, type }: Dependency) => (code ?? type)!.specifier)
        .filter((target: string) => target?.startsWith("file:"));
      if (!specifier.startsWith("file:")) continue;
      found.set(fromRoot(specifier), targets.map(fromRoot));
    }
  }
  return found;
}

interface Dependency {
  code?: { specifier: string };
  type?: { specifier: string };
}

function fromRoot(url: string): string {
  return relative(ROOT, fileURLToPath(url));
}

/** What both runtimes' entries import, type imports counted. */
const graph = await imports("mod.ts", "ffi/current_node.ts");

test("every module is used", () => {
  assertEquals(
    [...graph.keys()].toSorted(),
    [...filesIn("ffi"), ...filesIn("lib"), "mod.ts"],
  );
});

test("imports run one way, from room to room", () => {
  const wrong: string[] = [];
  for (const [module, targets] of graph) {
    for (const target of targets) {
      if (!mayImport(module, target)) wrong.push(`${module} -> ${target}`);
    }
  }
  assertEquals(wrong, []);
});

test("imports run in no circle", () => {
  const left = new Map(graph);
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const [module, targets] of left) {
      if (!targets.some((target) => left.has(target))) left.delete(module);
    }
  }
  // What is left imports each other, or imports those that do.
  assertEquals([...left.keys()], []);
});

test("every module begins with what it is", () => {
  for (const module of graph.keys()) {
    const [first] = Deno.readTextFileSync(join(ROOT, module)).split("\n");
    assert(first.startsWith("/**"), module);
  }
});

test("lib/ knows no runtime: that is ffi/current.ts's to say", () => {
  for (const [module, targets] of graph) {
    if (!module.startsWith("lib/")) continue;
    assert(
      !targets.some((target) => /runtime_\w+\.ts$/.test(target)),
      module,
    );
    assert(
      !/\b(Deno|Bun)\./.test(codeOf(module)),
      `${module} uses a runtime's own`,
    );
  }
});

/** A module without its comments. */
function codeOf(module: string): string {
  return Deno.readTextFileSync(join(ROOT, module))
    .replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
}

/** What test runners replace, and what leads to it. */
const REPLACED =
  /(?<![.\w])(set|clear)(Timeout|Interval|Immediate)\b|(?<![.\w])queueMicrotask\b|\b(performance|Date|Temporal|scheduler|nextTick|hrtime|MessageChannel)\b|"node:(timers|perf_hooks)|AbortSignal\.timeout|globalThis\.(set|clear|queue)/g;

test("ffi/event_loop.ts is where timers, microtasks and clocks come from", () => {
  for (const module of ["ffi", "lib"].flatMap(filesIn)) {
    if (module === "ffi/event_loop.ts") continue;
    const code = codeOf(module);
    const [, names = ""] =
      /import \{([^}]*)\} from "[./]*(?:ffi)?\/event_loop\.ts";/.exec(code) ??
        [];
    const imported = new Set(names.split(",").map((name) => name.trim()));
    const used = code.match(REPLACED) ?? [];
    assertEquals(
      used.filter((name) => !imported.has(name)),
      [],
      `${module} uses what test runners replace`,
    );
  }
});
