/** Checks that `docs/posix.md` is true: it and the tests name each other. */
import { assert, assertEquals } from "@std/assert";
import { sentenceFiles, test } from "./helpers.ts";

interface Assertion {
  id: string;
  name: string;
  sentence: string;
  /** The names of the tests, or why there are none. */
  shownBy: string[] | string;
}

const NOT_SHOWN = "Not shown: ";
const FUNCTIONS = [
  "aio_read()",
  "aio_write()",
  "aio_fsync()",
  "aio_error()",
  "aio_return()",
  "aio_suspend()",
  "aio_cancel()",
  "lio_listio()",
];

function readTable(): Assertion[] {
  const url = new URL("../../docs/posix.md", import.meta.url);
  const rows = Deno.readTextFileSync(url).split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    .filter(([id]) => id !== "Id" && !id.startsWith("---"));
  return rows.map((cells) => {
    assertEquals(cells.length, 4, `a row has not four cells: ${cells}`);
    const [id, name, sentence, last] = cells;
    const shownBy = last.startsWith(NOT_SHOWN)
      ? last.slice(NOT_SHOWN.length)
      : last.split("<br>").map((test) => test.replaceAll("`", "").trim());
    return { id, name, sentence, shownBy };
  });
}

/** The tests of this folder by name, with the ids each ends with. */
function readTests(): Map<string, string[]> {
  const tests = new Map<string, string[]>();
  for (const file of sentenceFiles()) {
    const source = Deno.readTextFileSync(new URL(file, import.meta.url));
    const names = [...source.matchAll(/^test\(\s*"([^"]+)",/gm)];
    const count = [...source.matchAll(/\btest\(/g)].length;
    assertEquals(names.length, count, `${file} has a test without a name`);
    for (const [, name] of names) {
      assert(!tests.has(name), `two tests have the name "${name}"`);
      const ids = /\[([^\]]+)\]$/.exec(name)?.[1].split(", ") ?? [];
      tests.set(name, ids);
    }
  }
  return tests;
}

const table = readTable();
const tests = readTests();

test("docs/posix.md has rows for each of the eight functions", () => {
  for (const name of FUNCTIONS) {
    const rows = table.filter((row) => row.name === name);
    assert(rows.length > 0, `${name} has no rows`);
    assert(rows.some((row) => Array.isArray(row.shownBy)));
  }
});

test("docs/posix.md gives each sentence an id of its own, and tests or a reason", () => {
  const ids = table.map((row) => row.id);
  assertEquals(ids, [...new Set(ids)]);
  for (const { id, sentence, shownBy } of table) {
    assert(/^[a-z]+-\d\d$/.test(id), `${id} is not an id`);
    assert(sentence.length > 0, `${id} has no sentence`);
    assert(shownBy.length > 0 && shownBy[0] !== "", `${id} is not shown`);
  }
});

test("docs/posix.md names tests that exist and carry the row's id", () => {
  for (const { id, shownBy } of table) {
    if (typeof shownBy === "string") continue;
    for (const name of shownBy) {
      assert(tests.has(name), `${id}: there is no test "${name}"`);
      assert(tests.get(name)!.includes(id), `"${name}" does not carry ${id}`);
    }
  }
});

test("docs/posix.md names every test, for each id that the test carries", () => {
  const rows = new Map(table.map((row) => [row.id, row]));
  assert(tests.size > 0);
  for (const [name, ids] of tests) {
    assert(ids.length > 0, `"${name}" carries no id`);
    for (const id of ids) {
      assert(rows.has(id), `"${name}" carries ${id}, which is no row`);
      assert(
        rows.get(id)!.shownBy.includes(name),
        `${id} does not name "${name}"`,
      );
    }
  }
});
