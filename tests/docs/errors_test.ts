// docs/errors.md has every code that there is something to say about.

import { assert, assertEquals } from "@std/assert";
import { globSync } from "node:fs";
import { join } from "node:path";
import { platform } from "../../lib/system/constants.ts";
import * as library from "../../mod.ts";
import { test } from "../helpers/test.ts";
import { pages, ROOT } from "./pages.ts";

const page = pages.find(({ path }) => path === "docs/errors.md")!;

/** Of the rows of its tables, and of what it says of those that never come. */
const told = new Set(
  [...page.text.matchAll(/^\| `(E[A-Z0-9]+)`|(?<!\|.*)`(E[A-Z0-9]+)` \(/gm)]
    .map(([, inRow, inText]) => inRow ?? inText),
);

test("docs/errors.md has only codes of the system", () => {
  assert(told.size > 25, `${told.size} codes`);
  const unknown = [...told].filter((code) => !(code in platform.errno));
  assertEquals(unknown, []);
});

test("docs/errors.md has every error number of mod.ts", () => {
  const numbers = new Set(Object.values(platform.errno));
  const exported = Object.entries(library)
    .filter(([name, value]) =>
      /^E[A-Z]+$/.test(name) && numbers.has(value as number)
    )
    .map(([name]) => name);
  assert(exported.length > 10, `${exported.length} numbers`);
  assertEquals(exported.filter((name) => !told.has(name)), []);
});

const ALL_TEXTS = "lib/system/error_texts.ts";
const COMMENTS = /\/\*[^]*?\*\/|\/\/.*/g;

test("docs/errors.md has every code that the library or a test of it names", () => {
  const paths = globSync(
    ["lib/**/*.ts", "tests/{file,requests,posix}/*_test.ts"],
    { cwd: ROOT },
  ).filter((path) => path !== ALL_TEXTS);
  const named = new Set(
    paths.flatMap((path) =>
      Deno.readTextFileSync(join(ROOT, path)).replace(COMMENTS, "")
        .match(/\bE[A-Z]{3,}\b/g) ?? []
    ),
  );
  assert(named.size > 20, `${named.size} names`);
  // By number, because some have two names.
  const numbers = new Set([...told].map((code) => platform.errno[code]));
  const missing = [...named].filter((name) => name in platform.errno)
    .filter((name) => !numbers.has(platform.errno[name]));
  assertEquals(missing, []);
});
