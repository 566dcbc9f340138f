/** Uses the library on a Deno whose descriptors are none of the system's. */
import {
  aio_cancel,
  Aiocb,
  AioFile,
  isPinned,
  metrics,
  supported,
} from "../../mod.ts";

const errors = [];
for (const call of [() => new Aiocb(), () => aio_cancel(0)]) {
  try {
    call();
  } catch (error) {
    const { name, code, errno, message } = error as Error & {
      code: string;
      errno: number;
    };
    errors.push({ name, code, errno, message });
  }
}
isPinned(new Uint8Array(1));

const [path] = Deno.args;
const file = await AioFile.open(path, { read: true, write: true });
await Promise.all([file.append(new TextEncoder().encode("end")), file.sync()]);
const bytes = new Uint8Array(await file.size());
await file.readAt(bytes, 0);
await file.close();
const text = new TextDecoder().decode(bytes);

const version = Deno.version.deno;
const { engine } = metrics();
console.log(JSON.stringify({ ...supported(), version, engine, text, errors }));
