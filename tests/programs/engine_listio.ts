/**
 * Reads or writes blocks in one of several ways. Prints which native functions submitted
 * them, with how many requests each.
 */
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

// Importing it binds the functions.
const { AioFile, CompletionQueue, configure } = await import("../../mod.ts");

const [task, count, ...paths] = Deno.args;
configure({ threads: 4 });
// Past the page cache: many threads serve such a file.
const direct = task === "direct";
const BLOCK_BYTES = direct ? 4096 : 64;
const files = await Promise.all(
  paths.map((path) =>
    AioFile.open(path, task === "written" ? { write: true } : { direct })
  ),
);
const requests = Array.from({ length: Number(count) }, (_, index) => ({
  type: "read" as const,
  buffer: new Uint8Array(BLOCK_BYTES),
  offset: index * BLOCK_BYTES,
}));
const values: number[] = [];

switch (task) {
  case "batch":
    for (const outcome of await files[0].batch(requests)) {
      values.push(outcome.status === "fulfilled" ? outcome.value : -1);
    }
    break;
  case "submit": {
    await using queue = new CompletionQueue<number>();
    queue.submit(requests.map((request, tag) => ({
      ...request,
      file: files[tag % files.length],
      tag,
    })));
    for await (const { bytes } of queue.drain()) values.push(bytes);
    break;
  }
  // From a microtask each, as continuations do.
  case "direct":
  case "written": {
    const [file] = files;
    const outcomes: Promise<number>[] = [];
    for (const { buffer, offset } of requests) {
      await null;
      outcomes.push(
        direct ? file.readAt(buffer, offset) : file.writeAt(buffer, offset),
      );
    }
    values.push(...await Promise.all(outcomes));
    break;
  }
}
console.log(JSON.stringify({ calls, values }));
