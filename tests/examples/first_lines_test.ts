/**
 * What the files of examples/ say of themselves.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "../helpers/test.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/", import.meta.url));

/** The text of the comment that a file begins with, on one line. */
function firstComment(path: string): string {
  const source = Deno.readTextFileSync(EXAMPLES + path);
  const [, text] = /^\/\*+\n(.*?)\*\//s.exec(source) ?? ["", ""];
  return text.replace(/^ \* ?/gm, "").replace(/\s+/g, " ");
}

test("examples/: every program says whether it is to learn from or to use", () => {
  const paths = globSync("*.{ts,c}", { cwd: EXAMPLES });
  assert(paths.length > 6);
  const kinds =
    /^(A page to learn from|A tool to use|A module to take into a project): /;
  const silent = paths.filter((path) => !kinds.test(firstComment(path)));
  assertEquals(silent, []);
});

test("examples/consumers/: every file is to be taken into a project", () => {
  const paths = globSync("consumers/*.ts", { cwd: EXAMPLES });
  assert(paths.length >= 4);
  const kind = "A module to take into a project: ";
  const silent = paths.filter((path) => !firstComment(path).startsWith(kind));
  assertEquals(silent, []);
});

test("examples/: every part of a tool says which one it belongs to", () => {
  const paths = globSync("*/*.ts", { cwd: EXAMPLES })
    .filter((path) => !/^(shared|consumers)\//.test(path));
  assert(paths.length > 10);
  const silent = paths.filter((path) => {
    const [tool] = path.split("/");
    const first = `A part of the tool \`${tool}.ts\`: `;
    return !firstComment(path).startsWith(first);
  });
  assertEquals(silent, []);
});

test("examples/: a page to learn from fits on a few screens", () => {
  const lines = Deno.readTextFileSync(`${EXAMPLES}simple_copy.ts`)
    .trimEnd().split("\n").length;
  assert(lines <= 90, `simple_copy.ts has ${lines} lines`);
});
