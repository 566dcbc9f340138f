// The documentation as a site: built, and visited with a browser.

import { assert, assertEquals } from "@std/assert";
import { unescape } from "@std/html/entities";
import { contentType } from "@std/media-types/content-type";
import { extname, join, posix, relative } from "node:path";
import { sectionsOf } from "../../scripts/docs_site/config.ts";
import { forSite } from "../../scripts/docs_site/links.ts";
import { BROWSER, Browser } from "../helpers/browser.ts";
import { Directory, endBefore, execute, test } from "../helpers/mod.ts";
import { pages, ROOT } from "./pages.ts";

const limit_ms = 180_000;
const names = pages.map(({ path }) => path);
const VISITOR = new URL("site_visitor.mjs", import.meta.url);
/** Blink's setting for readers who prefer dark pages. */
const PREFERS_DARK = "--blink-settings=preferredColorScheme=0";

test("forSite() leads to pages on the site, and to sources where they are", () => {
  const shown = (link: string, page: string) =>
    forSite(ROOT, page, `[link](${link})`, names).slice("[link](".length, -1);
  const sources = "https://github.com/posix-aio/posix-aio";
  const guide = "docs/guides/streams.md";
  for (
    const [link, page, expected] of [
      ["../README.md", guide, "../index.md"],
      ["tuning.md#memory", guide, "tuning.md#memory"],
      ["#buffers", guide, "#buffers"],
      ["https://deno.com/", guide, "https://deno.com/"],
      ["bench/commits.svg", "docs/benchmarks.md", "bench/commits.svg"],
      ["LICENSE", "README.md", `${sources}/blob/main/LICENSE`],
      ["../../mod.ts", guide, `${sources}/blob/main/mod.ts`],
      ["ffi/platforms", "README.md", `${sources}/tree/main/ffi/platforms`],
    ]
  ) {
    assertEquals(shown(link, page), expected);
  }
});

test("the menu of the site has every page of docs/", () => {
  const index = pages.find(({ path }) => path === "docs/README.md")!;
  const shown = sectionsOf(index.text)
    .flatMap(({ items }) => items.map(({ link }) => `${link.slice(1)}.md`));
  assertEquals(
    shown.toSorted(),
    names.filter((name) => name.startsWith("docs/") && name !== index.path),
  );
});

test(
  "deno task docs:site builds a site that a browser searches, links that lead somewhere, and dark pages",
  { ignore: BROWSER === undefined, limit_ms },
  async () => {
    using site = new Directory();
    await build(site.path);
    assertEquals(deadLinks(site.path), []);

    const seen = await visit(site.path);
    assertEquals(seen.error, undefined);
    assertEquals(seen.front.heading, "posix-aio");
    assertEquals(seen.found.heading, "Writing durably");
    assertEquals(seen.found.path, "/docs/guides/durable-writes.html");
    assert(seen.hasReference);
    assert(seen.imageWidths.length > 0);
    assert(!seen.imageWidths.includes(0), "a chart does not load");

    assert(luminance(seen.front.dark) < 0.2, seen.front.dark);
    assert(luminance(seen.front.light) > 0.9, seen.front.light);
    assert(luminance(seen.chart.background) < 0.2, seen.chart.background);
    assert(luminance(seen.chart.text) > 0.7, seen.chart.text);
  },
);

async function build(out: string): Promise<void> {
  const { code, stdout, stderr } = await execute(
    [Deno.execPath(), "task", "docs:site", "--out", out],
    { cwd: ROOT, signal: endBefore(limit_ms) },
  );
  assertEquals(code, 0, stdout + stderr);
}

/** What the visitor has seen of the site. */
interface Seen {
  error?: string;
  front: { heading: string; dark: string; light: string };
  found: { path: string; heading: string };
  hasReference: boolean;
  chart: { background: string; text: string };
  imageWidths: number[];
}

/** Serves the site to a browser with the visitor in it. */
async function visit(site: string): Promise<Seen> {
  const seen = Promise.withResolvers<Seen>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const path = decodeURI(new URL(request.url).pathname);
      if (path === "/seen") {
        seen.resolve(await request.json());
        return new Response();
      }
      if (path === "/visitor") return visitor();
      return file(join(site, path.endsWith("/") ? `${path}index.html` : path));
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/visitor`;
  await using browser = new Browser(url, PREFERS_DARK);
  return await Promise.race([seen.promise, browser.ended]);
}

async function visitor(): Promise<Response> {
  const script = await Deno.readTextFile(VISITOR);
  return new Response(
    `<!doctype html><link rel="icon" href="data:,">
    <iframe width="1280" height="900"></iframe>
    <script type="module">${script}</script>`,
    { headers: { "content-type": "text/html" } },
  );
}

async function file(path: string): Promise<Response> {
  const type = contentType(extname(path)) ?? "application/octet-stream";
  try {
    const headers = { "content-type": type };
    return new Response(await Deno.readFile(path), { headers });
  } catch {
    return new Response("There is no such file", { status: 404 });
  }
}

/** The links within the site that lead to no file, or to nothing in it. */
function deadLinks(site: string): string[] {
  const found = htmlOf(site);
  assert(found.size > 100, "the reference is missing");
  return [...found].flatMap(([path, text]) =>
    [...text.matchAll(/\s(?:href|src)="([^"]+)"/g)]
      .map(([, link]) => unescape(link))
      .filter((link) => !/^(\w+:|\/\/)/.test(link))
      .filter((link) => !leadsSomewhere(site, found, path, link))
      .map((link) => `${path}: ${link}`)
  );
}

/** The pages of a site by their paths. */
function htmlOf(site: string, directory = site): Map<string, string> {
  const found = new Map<string, string>();
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = join(directory, name);
    if (isDirectory) {
      for (const [key, text] of htmlOf(site, path)) found.set(key, text);
    } else if (name.endsWith(".html") && name !== "404.html") {
      found.set(`/${relative(site, path)}`, Deno.readTextFileSync(path));
    }
  }
  return found;
}

function leadsSomewhere(
  site: string,
  found: Map<string, string>,
  page: string,
  link: string,
): boolean {
  const [target, anchor] = decodeURI(link).split("#");
  const path = target === "" ? page : posix.resolve(posix.dirname(page), target)
    .replace(/\/$/, "") + (target.endsWith("/") ? "/index.html" : "");
  const text = found.get(path);
  if (text === undefined) return exists(join(site, path));
  return !anchor || text.includes(`id="${anchor}"`);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** How light a color of CSS is, from 0 to 1. */
function luminance(color: string): number {
  const [red, green, blue] = color.match(/[\d.]+/g)!.map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
