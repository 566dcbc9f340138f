/** Uses the library where native calls are not permitted, and tells what works. */
import {
  aio_cancel,
  aio_suspend,
  Aiocb,
  AioFile,
  allocatePinned,
  configure,
  isPinned,
  metrics,
  supported,
} from "../../mod.ts";

/** What a call comes to, or of what kind its error is and what it says. */
async function outcomeOf(call: () => unknown) {
  try {
    return { result: await call() };
  } catch (error) {
    const { message } = error as Error;
    return {
      message,
      isNotCapable: error instanceof Deno.errors.NotCapable,
    };
  }
}

async function useFile() {
  await using file = await AioFile.open(path, { read: true, write: true });
  await Promise.all([
    file.append(new TextEncoder().encode("at the end")),
    file.writeAt(new TextEncoder().encode("C"), 0),
    file.sync(),
  ]);
  const bytes = allocatePinned(32);
  const count = await file.readAt(bytes, 0);
  return new TextDecoder().decode(bytes.slice(0, count));
}

const [path, engine] = Deno.args;
if (engine !== undefined) configure({ engine: engine as "librt" });
const support = supported();
console.log(JSON.stringify({
  file: await outcomeOf(useFile),
  adopted: await outcomeOf(() => AioFile.adopt(0, { closeFd: false }).fd),
  metrics: await outcomeOf(() => metrics().engine),
  block: await outcomeOf(() => new Aiocb()),
  read: await outcomeOf(() => aio_cancel(0)),
  suspend: await outcomeOf(() => aio_suspend([null])),
  pinned: await outcomeOf(() => isPinned(allocatePinned(8))),
  ...support,
}));
