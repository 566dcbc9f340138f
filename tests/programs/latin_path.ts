/** Opens a path that is not UTF-8, for each access. Its argument is the directory. */
import { AioError, AioFile } from "../../mod.ts";

const [directory] = Deno.args;
const path = Uint8Array.of(...new TextEncoder().encode(`${directory}/f`), 0xe9);

async function outcomeOf(options: { read?: boolean; write?: boolean }) {
  try {
    await using file = await AioFile.open(path, options);
    return await file.size();
  } catch (error) {
    const { name, message } = error as Error;
    return {
      message,
      what: error instanceof AioError ? error.code : name,
    };
  }
}

console.log(JSON.stringify({
  reading: await outcomeOf({ read: true }),
  writing: await outcomeOf({ write: true }),
}));
