/**
 * Reads 16 blocks of one file with batch(), or of several with the submit() of a
 * completion queue. Prints which native functions submitted them, with how many
 * requests each.
 */
import { AioFile, CompletionQueue } from "../../mod.ts";

const calls: Record<string, number[]> = {};
const { dlopen } = Deno;

/** Counts the calls of a function; `count` is the argument that says of how many. */
function counted(name: string, fn: unknown, count: number | null) {
  return (...args: unknown[]) => {
    (calls[name] ??= []).push(count === null ? 1 : Number(args[count]));
    return (fn as (...args: unknown[]) => unknown)(...args);
  };
}

Object.defineProperty(Deno, "dlopen", {
  value: (...args: Parameters<typeof dlopen>) => {
    const { symbols, close } = dlopen(...args);
    const wrapped: Record<string, unknown> = { ...symbols };
    for (const name of ["aio_read", "aio_write", "lio_listio"]) {
      const isList = name === "lio_listio";
      wrapped[name] = counted(name, wrapped[name], isList ? 2 : null);
    }
    return { symbols: wrapped, close };
  },
});

const files = await Promise.all(Deno.args.map((path) => AioFile.open(path)));
const requests = Array.from({ length: 16 }, (_, index) => ({
  type: "read" as const,
  buffer: new Uint8Array(64),
  offset: index * 64,
}));
const values: number[] = [];
if (files.length === 1) {
  for (const outcome of await files[0].batch(requests)) {
    values.push(outcome.status === "fulfilled" ? outcome.value : -1);
  }
} else {
  await using queue = new CompletionQueue<number>();
  queue.submit(requests.map((request, tag) => ({
    ...request,
    file: files[tag % files.length],
    tag,
  })));
  for await (const { bytes } of queue.drain()) values.push(bytes);
}
console.log(JSON.stringify({ calls, values }));
