// The documentation: every link leads somewhere.

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { exists, pages, resolveLink, ROOT } from "./pages.ts";

const timeout = 10_000;

for (const page of pages) {
  Deno.test({
    name: `${page.path} has no link that leads nowhere`,
    timeout,
    fn() {
      const dead = page.links.filter((link) => {
        if (/^(https?|mailto|jsr|npm):/.test(link)) return false;
        const { path, anchor } = resolveLink(page, link);
        if (!exists(path)) return true;
        if (anchor === undefined) return false;
        const target = pages.find((page) => page.path === path);
        return !target?.anchors.has(anchor);
      });
      assertEquals(dead, []);
    },
  });
}

Deno.test({
  name: "README.md leads to every program of examples/",
  timeout,
  fn() {
    const readme = pages.find(({ path }) => path === "README.md")!;
    const programs = [...Deno.readDirSync(join(ROOT, "examples"))]
      .filter(({ name }) => name.endsWith(".ts"))
      .map(({ name }) => `examples/${name}`)
      .filter((path) =>
        Deno.readTextFileSync(join(ROOT, path)).includes("import.meta.main")
      );
    assertEquals(
      programs.filter((path) => !readme.links.includes(path)),
      [],
    );
  },
});

Deno.test({
  name: "docs/README.md leads to every page of docs/",
  timeout,
  fn() {
    const index = pages.find(({ path }) => path === "docs/README.md")!;
    const reached = new Set(
      index.links.map((link) => resolveLink(index, link).path),
    );
    const missing = pages.map(({ path }) => path)
      .filter((path) => path.startsWith("docs/") && path !== index.path)
      .filter((path) => !reached.has(path));
    assertEquals(missing, []);
  },
});
