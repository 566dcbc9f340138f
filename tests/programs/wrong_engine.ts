/**
 * Asks for what serves, and opens a file, where an engine is asked for that cannot be
 * had; prints what the library says.
 */
import { AioError, AioFile, supported } from "../../mod.ts";

const [path] = Deno.args;

const { engine, reason } = supported();
let refusal = null;
try {
  await using _file = await AioFile.open(path);
} catch (error) {
  if (!(error instanceof AioError)) throw error;
  const { code, syscall, message } = error;
  refusal = { code, syscall, message };
}
console.log(JSON.stringify({ engine, reason, refusal }));
