/**
 * Variables of the environment.
 *
 * @module
 */
import process from "node:process";

/** A variable; `null` if it is not set, or Deno does not allow to read it. */
export function variable(name: string): string | null {
  try {
    return process.env[name] ?? null;
  } catch {
    return null;
  }
}
