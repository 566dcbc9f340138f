/**
 * In the npm package: Node or Bun.
 *
 * @module
 */
export { runtime } from "./runtime_node.ts";
