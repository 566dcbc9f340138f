// The documentation: every link leads somewhere.

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { exists, pages, resolveLink, ROOT } from "./pages.ts";
import { test } from "../helpers/test.ts";

for (const page of pages) {
  test(`${page.path} has no link that leads nowhere`, () => {
    const dead = page.links.filter((link) => {
      if (/^(https?|mailto|jsr|npm):/.test(link)) return false;
      const { path, anchor } = resolveLink(page, link);
      if (!exists(path)) return true;
      if (anchor === undefined) return false;
      const target = pages.find((page) => page.path === path);
      return !target?.anchors.has(anchor);
    });
    assertEquals(dead, []);
  });
}

test("README.md leads to every program of examples/", () => {
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
});

test("docs/README.md leads to every page of docs/", () => {
  const index = pages.find(({ path }) => path === "docs/README.md")!;
  const reached = new Set(
    index.links.map((link) => resolveLink(index, link).path),
  );
  const missing = pages.map(({ path }) => path)
    .filter((path) => path.startsWith("docs/") && path !== index.path)
    .filter((path) => !reached.has(path));
  assertEquals(missing, []);
});
