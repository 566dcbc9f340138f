/**
 * Variables of the environment.
 *
 * @module
 */
import process from "node:process";
import { isGranted } from "./permissions.ts";

/** A variable; `null` if it is not set, or if Deno would ask for a permission. */
export function variable(name: string): string | null {
  const isReadable = isGranted({ name: "env", variable: name });
  return isReadable ? process.env[name] ?? null : null;
}
