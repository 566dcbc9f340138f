/**
 * How VitePress shows the site.
 *
 * @module
 */
import { marked, type Token, type Tokens } from "marked";
import { posix } from "node:path";
import { NAME, REPOSITORY } from "../npm_package.ts";
import { siteNameOf } from "./links.ts";

/** The page whose lists are the menu. */
export const INDEX = "docs/README.md";

/** Outside of VitePress, so that its links load a page of their own. */
export const REFERENCE = {
  text: "API reference",
  link: "/reference/index.html",
  target: "_self",
};

/** A part of the menu, and its links. */
interface Section {
  text: string;
  items: { text: string; link: string }[];
}

/**
 * The configuration, as JSON has it.
 *
 * @param index The Markdown of docs/README.md.
 * @param base The path of the site on its host, such as `"/posix-aio/"`.
 */
export function config(index: string, base: string) {
  return {
    base,
    title: NAME,
    description: "Asynchronous file I/O for Deno, Node and Bun",
    themeConfig: {
      search: { provider: "local" },
      outline: [2, 3],
      nav: [
        { text: "Documentation", link: "/docs/" },
        { text: "Benchmarks", link: "/docs/benchmarks" },
        REFERENCE,
      ],
      sidebar: [
        { text: "Start", items: [{ text: NAME, link: "/" }, REFERENCE] },
        ...sectionsOf(index),
      ],
      socialLinks: [{ icon: "github", link: REPOSITORY }],
    },
  };
}

/** The headings of the index, each with the links of the list under it. */
export function sectionsOf(index: string): Section[] {
  const sections: Section[] = [];
  for (const token of marked.lexer(index)) {
    if (token.type === "heading") {
      sections.push({ text: token.text, items: [] });
    }
    if (token.type !== "list") continue;
    for (const item of token.items as Tokens.ListItem[]) {
      const link = firstLink(item);
      if (link !== undefined) sections.at(-1)!.items.push(link);
    }
  }
  return sections.filter(({ items }) => items.length > 0);
}

function firstLink(item: Tokens.ListItem): Section["items"][0] | undefined {
  let found: Section["items"][0] | undefined;
  marked.walkTokens([item], (token: Token) => {
    if (token.type !== "link" || found) return;
    const path = posix.join("/", posix.dirname(INDEX), token.href);
    found = {
      text: token.text,
      link: siteNameOf(path).replace(/(index)?\.md$/, ""),
    };
  });
  return found;
}
