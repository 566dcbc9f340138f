/**
 * The oldest Deno that the library takes, see `OLDEST_DENO` of ffi/versions.ts.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { run } from "../npm/project.ts";
import { succeeds } from "./system.ts";

/** Its version. */
export const OLDEST = "2.7.12";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMMAND = ["npx", "-y", `deno@${OLDEST}`];

/** The command that runs it; `null`, with a word about it, if it cannot be had. */
export async function oldestDeno(): Promise<readonly string[] | null> {
  const [program, ...args] = COMMAND;
  const { stdout, stderr } = await run(ROOT, program, ...args, "--version");
  if (stdout.startsWith(`deno ${OLDEST} `)) return COMMAND;
  console.log(`Deno ${OLDEST} cannot be had, its tests are skipped: ${stderr}`);
  return null;
}

/** The last one whose `node:fs` has no descriptors of the system. */
export const TOO_OLD_DENO = "deno@2.7.11";

/** Whether npx has that one. It says so if not: the npm registry is not everywhere. */
export function hasTooOldDeno(): boolean {
  const isThere = succeeds(
    "timeout",
    "30",
    "npx",
    "-y",
    TOO_OLD_DENO,
    "--version",
  );
  if (!isThere) console.log(`npx cannot get ${TOO_OLD_DENO}: it is not tested`);
  return isThere;
}
