/**
 * Makes a transfer of a file that a tracer delays, and tries to cancel it once
 * the system has begun it, in one of several ways. Prints what came of it.
 */
import { type AioError, AioFile, CompletionQueue } from "../../mod.ts";
import { pattern, untilBlocked } from "../helpers/mod.ts";

const [path, how, operation, byteLength, isReadOnly] = Deno.args;
const write = isReadOnly !== "true";
const file = await AioFile.open(path, { read: true, write });
const bytes = operation === "read"
  ? new Uint8Array(Number(byteLength))
  : pattern(Number(byteLength));

/** What a promise came to; of a read, with whether the bytes are right. */
async function outcome(call: Promise<number>): Promise<unknown> {
  const expected = pattern(bytes.length);
  try {
    return [await call, bytes.every((byte, at) => byte === expected[at])];
  } catch (reason) {
    const { code, bytesTransferred, cause } = reason as AioError;
    return code === undefined ? reason : [code, bytesTransferred, cause];
  }
}

function transfer(signal?: AbortSignal): Promise<number> {
  return operation === "read"
    ? file.readAt(bytes, 0, { signal })
    : file.writeAt(bytes, 0, { signal });
}

const ways: Record<string, () => Promise<unknown>> = {
  async signal() {
    const controller = new AbortController();
    const call = outcome(transfer(controller.signal));
    await untilBlocked(path);
    controller.abort("enough");
    return await call;
  },
  async cancel() {
    const call = outcome(transfer());
    await untilBlocked(path);
    return [await file.cancel(), await call];
  },
};
for (const notify of ["auto", "suspend", "poll", "thread"] as const) {
  ways[notify] = async () => {
    await using queue = new CompletionQueue<string>({ notify });
    queue.read(file, bytes, 0, "it");
    await untilBlocked(path);
    const canceled = [queue.cancel("it"), queue.cancel()];
    const completions: unknown[] = [];
    for await (const { bytes, error } of queue.drain()) {
      completions.push(error?.code ?? bytes);
    }
    return [canceled, completions];
  };
}

console.log(JSON.stringify(await ways[how]()));
