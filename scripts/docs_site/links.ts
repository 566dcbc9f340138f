/**
 * Where a page and its links lead on the site, which has the pages by the paths
 * that they have here.
 *
 * @module
 */
import { existsSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { REPOSITORY } from "../npm_package.ts";

/** A link or a picture of Markdown, up to its target. */
const TARGET = /(\]\()([^)\s]+)(?=\))/g;

/** The name of a page on the site: README.md is what its directory shows. */
export function siteNameOf(page: string): string {
  return page.replace(/(^|\/)README\.md$/, "$1index.md");
}

/**
 * A page as the site has it: links to pages stay on the site, and links to
 * sources lead to the repository.
 *
 * @param root The root of the repository.
 * @param page The path of the page from there.
 * @param text Its Markdown.
 * @param names The paths of all pages.
 */
export function forSite(
  root: string,
  page: string,
  text: string,
  names: string[],
): string {
  return text.replace(TARGET, (whole, before, link: string) => {
    const [target, anchor] = link.split("#");
    const path = posix.join(dirname(page), target);
    if (target === "" || !existsSync(join(root, path))) return whole;
    if (path.endsWith(".svg")) return whole;
    const hash = anchor === undefined ? "" : `#${anchor}`;
    return before +
      (names.includes(path)
        ? siteNameOf(target) + hash
        : inRepository(root, path));
  });
}

function inRepository(root: string, path: string): string {
  const kind = statSync(join(root, path)).isDirectory() ? "tree" : "blob";
  return `${REPOSITORY}/${kind}/main/${path}`;
}
