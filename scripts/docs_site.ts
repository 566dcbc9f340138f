/**
 * Builds the documentation as a site, with a search, in `site/`: README.md, the
 * pages of `docs/`, the charts, and the reference that `deno doc` makes.
 *
 * VitePress makes it, in a temporary directory, so that neither it nor Vue is a
 * dependency of anything here.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { config, INDEX } from "./docs_site/config.ts";
import { forSite, siteNameOf } from "./docs_site/links.ts";
import { NAME } from "./npm_package.ts";
import { pages } from "./pages.ts";

/**
 * Vue is VitePress's own, and has to be beside the pages, which become Vue.
 * github-slugger names headings as a forge does, so that links lead to them on
 * both.
 */
const DEPENDENCIES = {
  vitepress: "1.6.4",
  vue: "3.5.45",
  "github-slugger": "2.0.0",
};

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CHARTS = "docs/bench";

const HELP = `Builds the documentation as a site.

  deno task docs:site [--out DIRECTORY] [--base PATH]

The site is put into DIRECTORY (default site/), whose files are removed first.
PATH is where it will be on its host (default /), such as /posix-aio/.
`;

/** Runs Deno itself, and tells what it said if it fails. */
async function deno(cwd: string, ...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  throw new Error(`deno ${args.join(" ")} failed:\n${output}`);
}

async function write(path: string, text: string): Promise<void> {
  await fs.mkdir(dirname(path), { recursive: true });
  await fs.writeFile(path, text);
}

async function putPages(stage: string): Promise<void> {
  const names = pages(ROOT);
  for (const name of names) {
    const text = await fs.readFile(join(ROOT, name), "utf8");
    const page = forSite(ROOT, name, text, names);
    await write(join(stage, siteNameOf(name)), page);
  }
}

/** As files of their own too, so that a chart can be looked at by itself. */
async function putCharts(stage: string): Promise<void> {
  for (const name of await fs.readdir(join(ROOT, CHARTS))) {
    if (!name.endsWith(".svg")) continue;
    for (const directory of [stage, join(stage, "public")]) {
      const text = await fs.readFile(join(ROOT, CHARTS, name), "utf8");
      await write(join(directory, CHARTS, name), text);
    }
  }
}

async function putConfiguration(stage: string, base: string): Promise<void> {
  const index = await fs.readFile(join(ROOT, INDEX), "utf8");
  const text = JSON.stringify(config(index, base), null, 2);
  await write(
    join(stage, ".vitepress/config.mjs"),
    `import { slug } from "github-slugger";
    const markdown = { anchor: { slugify: slug } };
    export default { ...${text}, markdown };`,
  );
  const project = { type: "module", dependencies: DEPENDENCIES };
  await write(join(stage, "package.json"), JSON.stringify(project));
}

async function putReference(stage: string): Promise<void> {
  const output = join(stage, "public/reference");
  const options = [`--name=${NAME}`, `--output=${output}`, "--quiet"];
  await deno(ROOT, "doc", "--html", ...options, "mod.ts");
}

/** Makes `.vitepress/dist` of what was put into the directory. */
async function make(stage: string): Promise<void> {
  await deno(stage, "install", "--quiet", "--no-lock");
  const vitepress = `npm:vitepress@${DEPENDENCIES.vitepress}`;
  await deno(stage, "run", "-A", "--no-lock", vitepress, "build");
}

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    out: { type: "string", default: join(ROOT, "site") },
    base: { type: "string", default: "/" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(HELP);
  Deno.exit(0);
}
const stage = await fs.mkdtemp(join(tmpdir(), "posix-aio-site-"));
try {
  await putPages(stage);
  await putCharts(stage);
  await putConfiguration(stage, options.base);
  await putReference(stage);
  await make(stage);
  await fs.rm(options.out, { recursive: true, force: true });
  await fs.cp(join(stage, ".vitepress/dist"), options.out, { recursive: true });
} finally {
  await fs.rm(stage, { recursive: true });
}
console.log(options.out);
