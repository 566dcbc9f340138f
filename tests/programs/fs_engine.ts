/**
 * Uses files where native calls are not permitted, in one of several ways, and
 * prints what came of it.
 */
import { type AioError, AioFile, allocatePinned, metrics } from "../../mod.ts";

const [way, path] = Deno.args;

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return (error as AioError).code;
  }
}

function blocks(count: number): Uint8Array[] {
  return Array.from({ length: count }, () => allocatePinned(512));
}

const ways: Record<string, () => Promise<unknown>> = {
  /** Lines of many lengths, by two writers, some of which are synchronized. */
  async appends() {
    await using file = await AioFile.open(path, { append: true });
    const lines = Array.from(
      { length: 400 },
      (_, at) => `${at}${".".repeat(at * 7 % 300)}\n`,
    );
    let areThere = true;
    await Promise.all(lines.map(async (line, at) => {
      const appended = file.append(new TextEncoder().encode(line));
      if (at % 50 !== 0) return await appended;
      await file.syncData();
      const text = Deno.readTextFileSync(path);
      areThere &&= text.startsWith(lines.slice(0, at + 1).join(""));
    }));
    return {
      areThere,
      isInOrder: Deno.readTextFileSync(path) === lines.join(""),
    };
  },

  /** More reads than the runtime has at once, canceled at once. */
  async cancels() {
    await using file = await AioFile.open(path);
    const reads = blocks(292).map((into) => outcomeOf(file.readAt(into, 0)));
    const canceled = await file.cancel();
    const outcomes = await Promise.all(reads);
    const again = await file.readAt(allocatePinned(512), 0);
    const count = (wanted: unknown) =>
      outcomes.filter((outcome) => outcome === wanted).length;
    return { canceled, ECANCELED: count("ECANCELED"), read: count(512), again };
  },

  /** One file has more to read than the runtime takes at once, another little. */
  async turns() {
    await using file = await AioFile.open(path);
    await using other = await AioFile.open(path);
    const done: string[] = [];
    const reads = (name: string, of: AioFile, count: number) =>
      blocks(count).map((into) =>
        of.readAt(into, 0).then(() => done.push(name))
      );
    await Promise.all([...reads("many", file, 800), ...reads("few", other, 4)]);
    return { isInTurn: done.indexOf("few") < 600, all: done.length };
  },

  /** A hundred reads of a MiB at once, into memory that could be taken away. */
  async memory() {
    await using file = await AioFile.open(path);
    const into = new Uint8Array(1024 * 1024);
    const before = Deno.memoryUsage().external;
    const reads = Array.from({ length: 100 }, () => file.readAt(into, 0));
    await reads[0];
    const added = Deno.memoryUsage().external - before;
    return {
      hasTakenMuch: added > 20 * into.byteLength,
      bytes: (await Promise.all(reads)).reduce((a, b) => a + b),
    };
  },

  async offsets() {
    await using file = await AioFile.open(path, { read: true, write: true });
    const byte = new Uint8Array([1]);
    const far = 2n ** 53n;
    return {
      write: await outcomeOf(file.writeAt(byte, far)),
      read: await outcomeOf(file.readAt(byte, far)),
      text: Deno.readTextFileSync(path),
    };
  },

  /** A FIFO is opened a second time by its path. */
  async fifo() {
    await using file = await AioFile.open(path, { read: true, write: true });
    const reads = [0, 1].map(() =>
      outcomeOf(file.readAt(new Uint8Array(4), 0))
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    const canceled = await file.cancel();
    const next = file.readAt(new Uint8Array(4), 0);
    await file.writeAt(new Uint8Array(3), 0);
    return { reads: await Promise.all(reads), canceled, next: await next };
  },
};

const result = await ways[way]() as object;
console.log(JSON.stringify({ engine: metrics().engine, ...result }));
