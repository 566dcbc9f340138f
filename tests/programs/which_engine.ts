/**
 * Asks for engines, one after another, in the main thread or in a worker, and prints
 * which one serves then, or why none does.
 */
import { type AioError, AioFile, configure, metrics } from "../../mod.ts";
import { printOutcome } from "./where.ts";

type Engine = "auto" | "io_uring" | "librt" | "fs";

const [path, where, ...engines] = Deno.args;

async function outcomeOf(engine: string): Promise<string> {
  try {
    if (engine !== "") configure({ engine: engine as Engine });
    await using file = await AioFile.open(path);
    await file.readAt(new Uint8Array(1), 0, {});
    return metrics().engine;
  } catch (error) {
    const { code, message } = error as AioError;
    return `${code}: ${message}`;
  }
}

await printOutcome(import.meta.url, where, async () => {
  const outcomes: string[] = [];
  for (const engine of engines) outcomes.push(await outcomeOf(engine));
  return outcomes;
});
