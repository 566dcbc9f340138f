/** Uses the library where native calls are not permitted. */
import {
  aio_cancel,
  Aiocb,
  AioFile,
  allocatePinned,
  isPinned,
  metrics,
  supported,
} from "../../mod.ts";

async function outcomeOf(call: () => unknown) {
  try {
    await call();
    return { message: "it did not throw" };
  } catch (error) {
    const { message } = error as Error;
    return {
      message,
      isNotCapable: error instanceof Deno.errors.NotCapable,
    };
  }
}

const [path] = Deno.args;
metrics();
isPinned(new Uint8Array(1));
console.log(JSON.stringify({
  imported: true,
  open: await outcomeOf(() => AioFile.open(path)),
  adopt: await outcomeOf(() => AioFile.adopt(0, { closeFd: false })),
  block: await outcomeOf(() => new Aiocb()),
  read: await outcomeOf(() => aio_cancel(0)),
  pinned: await outcomeOf(() => allocatePinned(8)),
  ...supported(),
}));
