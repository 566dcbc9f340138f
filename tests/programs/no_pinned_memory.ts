/**
 * Uses a file where there is no pinned memory, as with `ulimit -v` (`"refused"`) or
 * without WebAssembly (`"missing"`), and prints what came of it.
 */
import { AioFile, allocatePinned } from "../../mod.ts";

const [why, path, other] = Deno.args;

if (why === "missing") {
  Reflect.deleteProperty(globalThis, "WebAssembly");
} else {
  WebAssembly.Memory = class {
    constructor() {
      throw new RangeError("could not allocate memory");
    }
  } as unknown as typeof WebAssembly.Memory;
}

async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return (error as Error).name;
  }
}

const bytes = new Uint8Array(256 * 1024).map((_, at) => at % 251);
const direct = { read: true, write: true, create: true, direct: true };
/** Long ones and short ones, whose memory comes from different places. */
const LENGTHS = [4096, 65_536, bytes.length];
const outcomes = {
  writable: await outcomeOf(async () => {
    await using file = await AioFile.open(path, "w");
    const writer = file.writable().getWriter();
    await writer.write(bytes);
    await writer.close();
    return (await file.stat()).size.toString();
  }),
  copyTo: await outcomeOf(async () => {
    await using source = await AioFile.open(path);
    // What appends is not copied to by the system.
    await using file = await AioFile.open(other, "a");
    return await source.copyTo(file);
  }),
  writeAt: await outcomeOf(async () => {
    await using file = await AioFile.open(path, direct);
    return await Promise.all(
      LENGTHS.map((length) => file.writeAt(bytes.subarray(0, length), 0)),
    );
  }),
  readAt: await outcomeOf(async () => {
    await using file = await AioFile.open(path, direct);
    const reads = LENGTHS.map(async (length) => {
      const into = new Uint8Array(length);
      await file.readAt(into, 0);
      return into.every((byte, at) => byte === bytes[at]);
    });
    return await Promise.all(reads);
  }),
  allocatePinned: await outcomeOf(() => allocatePinned(4096).length),
};
console.log(JSON.stringify(outcomes));
