/**
 * Which runtime this is. The npm package has a module of its own in the place of
 * this one, so that nothing else knows the difference.
 *
 * @module
 */
export { runtime } from "./runtime_deno.ts";
