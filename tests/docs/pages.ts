/**
 * What the tests of the documentation share: its pages, and what is in them.
 *
 * @module
 */
import GithubSlugger from "github-slugger";
import { marked, type Token, type Tokens } from "marked";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { pages as namesOfPages } from "../../scripts/pages.ts";

/** Where the repository is, which is where the tests run. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A page, parsed. */
export interface Page {
  /** Its path from the root. */
  readonly path: string;
  readonly text: string;
  /** The targets of its links and pictures. */
  readonly links: string[];
  /** What a link can lead to in it. */
  readonly anchors: Set<string>;
  readonly blocks: Block[];
}

/** A block of code. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** Every page of the documentation. */
export const pages: Page[] = namesOfPages(ROOT).map(readPage);

function readPage(path: string): Page {
  const text = Deno.readTextFileSync(join(ROOT, path));
  const links: string[] = [];
  const anchors = new Set<string>();
  const blocks: Block[] = [];
  const slugger = new GithubSlugger();
  marked.walkTokens(marked.lexer(text), (token: Token) => {
    if (token.type === "link" || token.type === "image") links.push(token.href);
    if (token.type === "heading") {
      anchors.add(slugger.slug(plain(token.tokens)));
    }
    if (token.type === "code") {
      blocks.push({ language: token.lang ?? "", text: token.text });
    }
  });
  return { path, text, links, anchors, blocks };
}

/** The text of a heading without its marks. */
function plain(tokens: Token[] = []): string {
  return tokens.map((token) =>
    "tokens" in token && token.tokens !== undefined
      ? plain(token.tokens)
      : (token as Tokens.Text).text
  ).join("");
}

/** The path from the root that a link of a page leads to, and the anchor. */
export function resolveLink(
  page: Page,
  link: string,
): { path: string; anchor: string | undefined } {
  const [target, anchor] = link.split("#");
  const path = target === ""
    ? page.path
    : relative(ROOT, join(ROOT, dirname(page.path), decodeURI(target)));
  return { path, anchor };
}

/** Whether there is a file or a directory in the repository. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(join(ROOT, path));
    return true;
  } catch {
    return false;
  }
}

/** The rows of the table whose first title is `title`, without marks of code. */
export function tableOf(page: Page, title: string): string[][] {
  const plain = page.text.split("\n").map((line) => line.replaceAll("`", ""));
  const begin = plain.findIndex((line) =>
    line.startsWith("|") && cellsOf(line)[0] === title
  );
  const end = plain.findIndex((line, at) => at > begin && line === "");
  return plain.slice(begin + 2, end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) => cell.trim());
}
