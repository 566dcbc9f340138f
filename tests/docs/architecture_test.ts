// docs/architecture.md is true: it names every module, and imports run one way.

import { assert, assertEquals } from "@std/assert";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { pages, resolveLink, ROOT } from "./pages.ts";

const timeout = 60_000;

const page = pages.find(({ path }) => path === "docs/architecture.md")!;

function filesIn(room: string): string[] {
  return [...Deno.readDirSync(join(ROOT, room))]
    .map(({ name }) => `${room}/${name}`).sort();
}

Deno.test({
  name: "docs/architecture.md leads to every module of lib/ and ffi/, once",
  timeout,
  fn() {
    const named = page.links.map((link) => resolveLink(page, link).path)
      .filter((path) => /^(lib|ffi)\//.test(path));
    assertEquals(named.toSorted(), [...filesIn("ffi"), ...filesIn("lib")]);
  },
});

Deno.test({
  name: "docs/architecture.md names no file that is not there",
  timeout,
  fn() {
    const files = ["ffi", "lib", "tests/docs"].flatMap(filesIn)
      .map((path) => basename(path));
    const names = page.text.match(/\w+\.ts\b/g)!;
    assert(names.length > 100, "it names hardly any");
    assertEquals(
      names.filter((name) => ![...files, "mod.ts"].includes(name)),
      [],
    );
  },
});

Deno.test({
  name: "docs/architecture.md has the picture and the words of the same way",
  timeout,
  fn() {
    const picture = page.blocks.find(({ language }) => language === "mermaid")!;
    const [words] = page.text.slice(page.text.indexOf("The same in words"))
      .split("\n## ");
    const inPicture = new Set(picture.text.match(/\w+\.ts/g));
    assert(inPicture.size >= 7);
    for (const name of inPicture) {
      assert(words.includes(`\`${name}\``), `the words lack ${name}`);
    }
  },
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

Deno.test({
  name: "imports run one way: mod.ts to lib/ to ffi/",
  timeout,
  async fn() {
    const graph = await imports("mod.ts", "ffi/current_node.ts");
    assertEquals(
      [...graph.keys()].toSorted(),
      [...filesIn("ffi"), ...filesIn("lib"), "mod.ts"],
      "a module is used by nobody",
    );
    const allowed: Record<string, RegExp> = {
      "mod.ts": /^lib\//,
      "lib": /^(lib|ffi)\//,
      "ffi": /^ffi\//,
    };
    for (const [module, targets] of graph) {
      const wrong = targets.filter((target) =>
        !allowed[module.split("/")[0]].test(target)
      );
      assertEquals(wrong, [], `${module} imports against the direction`);
    }
  },
});

Deno.test({
  name: "lib/ knows no runtime: that is ffi/current.ts's to say",
  timeout,
  async fn() {
    const graph = await imports("mod.ts");
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
  },
});

/** A module without its comments. */
function codeOf(module: string): string {
  return Deno.readTextFileSync(join(ROOT, module))
    .replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
}

/** What test runners replace, and what leads to it. */
const REPLACED =
  /(?<![.\w])(set|clear)(Timeout|Interval|Immediate)\b|(?<![.\w])queueMicrotask\b|\b(performance|Date|Temporal|scheduler|nextTick|hrtime|MessageChannel)\b|"node:(timers|perf_hooks)|AbortSignal\.timeout|globalThis\.(set|clear|queue)/g;

Deno.test({
  name: "ffi/event_loop.ts is where timers, microtasks and clocks come from",
  timeout,
  fn() {
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
  },
});
