/** Opens paths with `Deno.open()` and `AioFile.open()`, and prints the outcomes. */
import { AioFile } from "../../mod.ts";

async function outcomeOf(open: () => Promise<AsyncDisposable | Disposable>) {
  try {
    await using _file = await open();
    return { name: "opened" };
  } catch (error) {
    const { name } = error as Error;
    return { name, isNotCapable: error instanceof Deno.errors.NotCapable };
  }
}

const outcomes = [];
for (const [path, options] of JSON.parse(Deno.args[0])) {
  const deno = await outcomeOf(() => Deno.open(path, options));
  const aio = await outcomeOf(() => AioFile.open(path, options));
  outcomes.push({ deno, aio });
}
console.log(JSON.stringify(outcomes));
