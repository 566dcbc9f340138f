/** Uses the library on a runtime that it refuses. */
import {
  aio_cancel,
  Aiocb,
  AioFile,
  isPinned,
  metrics,
  supported,
} from "../../mod.ts";

const calls = [
  () => AioFile.open("/dev/null"),
  () => AioFile.adopt(0, { closeFd: false }),
  () => new Aiocb(),
  () => aio_cancel(0),
];
const errors = [];
for (const call of calls) {
  try {
    await call();
  } catch (error) {
    const { name, code, errno, message } = error as Error & {
      code: string;
      errno: number;
    };
    errors.push({ name, code, errno, message });
  }
}
metrics();
isPinned(new Uint8Array(1));
const version = Deno.version.deno;
console.log(JSON.stringify({ version, ...supported(), errors }));
