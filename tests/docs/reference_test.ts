// The reference that `deno doc` makes of mod.ts.

import { assert, assertEquals } from "@std/assert";
import { Directory, test } from "../helpers/mod.ts";
import { ROOT } from "./pages.ts";

/** Longer lines of an example are cut off on a page of the reference. */
const EXAMPLE_COLUMNS = 76;

function denoDoc(...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["doc", "--quiet", ...args, "mod.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).outputSync();
  const decoder = new TextDecoder();
  assert(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** Every text of the reference, with its Markdown and inline tags. */
function texts(): string[] {
  const found: string[] = [];
  JSON.parse(denoDoc("--json"), (name, value) => {
    if (name === "doc" && typeof value === "string") found.push(value);
    return value;
  });
  assert(found.length > 0);
  return found;
}

/** What has a page: `AioFile`, `AioFile.open`, `AioFile.prototype.readAt`. */
function symbols(): Set<string> {
  using directory = new Directory();
  denoDoc("--html", "--name=posix-aio", `--output=${directory.path}`);
  return new Set(
    Array.from(
      Deno.readDirSync(directory.at("~")),
      ({ name }) => name.replace(/\.html$/, ""),
    ),
  );
}

test(
  "every link of the reference leads to a page of it",
  () => {
    const targets = texts().flatMap((text) =>
      [...text.matchAll(/\{@link(?:code)?\s+([^\s|}]+)/g)]
        .map(([, target]) => target)
    );
    assert(targets.length > 0);
    const pages = symbols();
    assertEquals(targets.filter((target) => !pages.has(target)), []);
  },
);

test(
  "no example of the reference is wider than its page",
  () => {
    const lines = texts()
      .flatMap((text) => [...text.matchAll(/^```ts.*?^```/gms)])
      .flatMap(([block]) => block.split("\n"));
    assert(lines.length > 0);
    assertEquals(lines.filter((line) => line.length > EXAMPLE_COLUMNS), []);
  },
);
