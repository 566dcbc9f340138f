/**
 * The pages of the documentation, for what fills them and what checks them.
 *
 * @module
 */
import { globSync } from "node:fs";

/**
 * Their paths.
 *
 * @param root The root of the repository, from which the paths are.
 */
export function pages(root: string): string[] {
  return globSync(["*.md", "docs/**/*.md"], { cwd: root }).toSorted();
}
