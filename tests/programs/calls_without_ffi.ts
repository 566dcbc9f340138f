// The calls of a file where native calls are not permitted.
import { type AioError, AioFile } from "../../mod.ts";

const [from, to] = Deno.args;
await using source = await AioFile.open(from, "r+");
await using target = await AioFile.open(to, "w+");

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const error = await call.then(() => null, (error: AioError) => error);
  return error && [error.code, error.syscall, error.message];
}

const part = source.slice(2, -2);
console.log(JSON.stringify({
  read: new TextDecoder().decode(await source.read(2, 3)),
  all: (await source.read(0, Infinity)).length,
  slice: [part.size, await part.slice(0, 3).text()],
  stat: String((await source.stat()).size),
  copied: await source.copyTo(target),
  part: await source.copyTo(target, { offset: 1, length: 2, to: 0 }),
  target: await target.slice(0, 5).text(),
  failures: [
    await failureOf(source.allocate(0, 1)),
    await failureOf(source.punchHole(0, 1)),
    await failureOf(source.advise("normal")),
    await failureOf(source.lock()),
    await failureOf(source.tryLock()),
  ],
}));
