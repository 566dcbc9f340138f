// The tables of the guides to migrating are true.

import { assert, assertEquals } from "@std/assert";
import { closeSync, fstatSync, openSync } from "node:fs";
import { type AioError, AioFile, type OpenOptions } from "../../mod.ts";
import { Directory, isLinux, testWith } from "../helpers/mod.ts";
import { pages, tableOf } from "./pages.ts";

const test = testWith(() => new Directory());

function rowsOf(name: string, title: string): string[][] {
  const path = `docs/guides/migrating-from-${name}.md`;
  return tableOf(pages.find((page) => page.path === path)!, title);
}

/** What opening a file in a way comes to: the error, or how the file is then. */
type Opened = { code: string } | { size: number; flags: string };

async function byLibrary(path: string, options: OpenOptions): Promise<Opened> {
  try {
    await using file = await AioFile.open(path, options);
    return stateOf(file.fd);
  } catch (error) {
    return { code: (error as AioError).code };
  }
}

function byNode(path: string, flags: string): Opened {
  let fd;
  try {
    fd = openSync(path, flags);
  } catch (error) {
    return { code: (error as AioError).code };
  }
  try {
    return stateOf(fd);
  } finally {
    closeSync(fd);
  }
}

function stateOf(fd: number): Opened {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  const [, flags] = /^flags:\s*(\d+)/m.exec(info)!;
  return { size: fstatSync(fd).size, flags };
}

/** The options that a cell of the table has. */
function optionsIn(cell: string): OpenOptions {
  const [literal] = /\{.*\}/.exec(cell) ?? ["{}"];
  return JSON.parse(literal.replace(/(\w+):/g, '"$1":'));
}

test(
  "docs/guides/migrating-from-node-fs.md has options that open as the flags do",
  {
    ignore: !isLinux,
  },
  async (directory) => {
    const rows = rowsOf("node-fs", "flags of node:fs")
      .filter(([flags]) => flags.startsWith('"'));
    assertEquals(rows.length, 11);
    let made = 0;
    for (const [quoted, cell] of rows) {
      const flags: string = JSON.parse(quoted), options = optionsIn(cell);
      for (const isThere of [false, true]) {
        const [one, other] = [0, 1].map(() =>
          isThere ? directory.file("contents") : directory.at(`new${made++}`)
        );
        assertEquals(
          await byLibrary(one, options),
          byNode(other, flags),
          `${quoted} of a file that is ${isThere ? "" : "not "}there`,
        );
      }
    }
  },
);

test("docs/guides/migrating-from-deno-fsfile.md has the class that Deno throws for a code", async ({ path }) => {
  const rows = rowsOf("deno-fsfile", "Deno.errors");
  const classes = new Map(
    rows.flatMap(([names, codes]) =>
      codes.match(/\bE[A-Z]+\b/g)?.map((code) => [code, names] as const) ?? []
    ),
  );
  const file = `${path}/file`, loop = `${path}/loop`;
  await Deno.writeTextFile(file, "contents");
  await Deno.symlink(loop, loop);
  const wrongs: [path: string, options: Deno.OpenOptions][] = [
    [`${path}/missing`, { read: true }],
    [file, { write: true, createNew: true }],
    [path, { write: true }],
    [`${file}/inner`, { read: true }],
    [loop, { read: true }],
  ];
  for (const [name, options] of wrongs) {
    const thrown = await reasonOf(() => Deno.open(name, options));
    const { code } = await reasonOf(() => AioFile.open(name, options));
    const words = classes.get(code)?.split(/\W+/) ?? [];
    assert(words.includes(thrown.name), `${code} is ${thrown.name}`);
  }
});

async function reasonOf(
  open: () => Promise<unknown>,
): Promise<{ name: string; code: string }> {
  const [{ reason }] = await Promise.allSettled([open()]) as [
    PromiseRejectedResult,
  ];
  return reason;
}

test("the guides to migrating name only methods that there are", () => {
  const methods = Object.getOwnPropertyNames(AioFile.prototype);
  for (
    const cells of [
      ...rowsOf("node-fs", "node:fs"),
      ...rowsOf("deno-fsfile", "Deno.FsFile"),
    ]
  ) {
    const here = cells[1].replace(/\b(?:fs|Readable|AioFile)\.\w+\(/g, "");
    for (const [, name] of here.matchAll(/(?<![.\w])(\w+)\(/g)) {
      const isOther = ["TextEncoder"].includes(name);
      assert(isOther || methods.includes(name), `${name} in ${here}`);
    }
  }
});
