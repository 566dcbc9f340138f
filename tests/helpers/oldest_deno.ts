/**
 * The oldest Deno that the library takes, see `OLDEST_DENO` of runtime_deno.ts.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { run } from "../npm/project.ts";

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
