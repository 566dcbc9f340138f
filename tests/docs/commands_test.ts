// The commands and files that the documentation names are there, and run.

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { execute, succeeds, test } from "../helpers/mod.ts";
import { exists, pages, ROOT } from "./pages.ts";

/** What blocks of code are of; `ts ignore` would not run. */
const LANGUAGES = ["ts", "sh", "c", "mermaid"];

/** The lines of a page's shell blocks, without comments. */
function commandsOf(page: typeof pages[number]): string[] {
  return page.blocks.filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.split("\n"))
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}

async function run(
  command: string,
): Promise<{ success: boolean; output: string }> {
  const PATH = `${join(Deno.execPath(), "..")}:${Deno.env.get("PATH")}`;
  const { code, stdout, stderr } = await execute(["sh", "-c", command], {
    cwd: ROOT,
    env: { PATH },
  });
  return { success: code === 0, output: stdout + stderr };
}

for (const page of pages) {
  const { path, text } = page;

  test(`${path} names only tasks that there are`, () => {
    const named = [
      ...text.matchAll(/\bdeno(?:@[\d.]+)? task ([a-z][\w:]*)/g),
    ];
    const missing = named.map(([, task]) => task)
      .filter((task) => !Object.hasOwn(denoJson.tasks, task));
    assertEquals(missing, []);
  });

  test(`${path} names only files that there are`, () => {
    const inCode =
      /[`\s](\.ci|docs|examples|ffi|lib|scripts|tests)(\/[\w./-]*\w)/g;
    const named = [...text.matchAll(inCode)].map(([, room, rest]) =>
      room + rest
    );
    assertEquals(named.filter((name) => !exists(name)), []);
  });

  for (const command of commandsOf(page)) {
    // Help is cheap, and shows that the program starts.
    if (!command.endsWith(" --help")) continue;
    test(`${path}: ${command}`, async () => {
      const { success, output } = await run(command);
      assert(success, output);
      assert(output.includes("--help"), output);
    });
  }

  for (const [index, block] of page.blocks.entries()) {
    if (block.language !== "c") continue;
    test(`${path}: the C of block ${index + 1} compiles`, {
      ignore: !succeeds("cc", "--version"),
    }, async () => {
      const headers = ["aio", "err", "errno", "fcntl", "string", "unistd"]
        .map((header) => `#include <${header}.h>\n`).join("");
      const file = await Deno.makeTempFile({ suffix: ".c" });
      try {
        await Deno.writeTextFile(
          file,
          `#define _GNU_SOURCE\n${headers}` +
            `long f(int fd) {\n${block.text}\nreturn bytes;\n}\n`,
        );
        const { success, output } = await run(
          `cc -Wall -Werror -fsyntax-only ${file}`,
        );
        assert(success, output);
      } finally {
        await Deno.remove(file);
      }
    });
  }
}

test("deno task test runs every block of TypeScript in the documentation", () => {
  const words = denoJson.tasks.test.command.split(" ");
  assert(words.includes("--doc"));
  for (const { path, blocks } of pages) {
    const languages = new Set(blocks.map(({ language }) => language));
    for (const language of languages) {
      assert(LANGUAGES.includes(language), `${path} has "${language}"`);
    }
    if (!languages.has("ts")) continue;
    assert(words.includes(path.split("/")[0]), `it leaves out ${path}`);
  }
});

test("README.md has the two commands that need Node and npm only", () => {
  const readme = pages.find(({ path }) => path === "README.md")!;
  const commands = commandsOf(readme);
  for (const task of ["demo", "test"]) {
    assert(commands.includes(`npx -y deno@2.9.6 task ${task}`));
  }
});

test("the pages and .ci/run name one version of Deno to try", () => {
  const sources = [
    ...pages.map(({ text }) => text),
    Deno.readTextFileSync(join(ROOT, ".ci/run")),
  ];
  const versions = sources.flatMap((text) =>
    text.match(/\bdeno@[\d.]+\d/g) ?? []
  );
  assertEquals([...new Set(versions)], ["deno@2.9.6"]);
});
