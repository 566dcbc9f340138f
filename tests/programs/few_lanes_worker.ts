/** What `few_lanes.ts` has a worker do, where there are 64 lanes. */
import { AioFile, configure, type OpenOptions } from "../../mod.ts";
import { outcomeOf } from "../helpers/errors.ts";

const LANES = 64;
const LAST = 4;
const MIB = 1024 * 1024;

interface Task {
  directory: string;
  way: keyof typeof ways;
}

const scope = self as unknown as Worker;
const bytes = new Uint8Array(MIB);

function open(
  directory: string,
  count: number,
  options?: OpenOptions,
): Promise<AioFile[]> {
  const mode = { read: true, write: true, create: true, ...options };
  return Promise.all(
    Array.from(
      { length: count },
      (_, at) => AioFile.open(`${directory}/file${at}`, mode),
    ),
  );
}

const ways = {
  /** The last ones to be written to find all lanes taken. */
  async terminated(directory: string): Promise<unknown> {
    const files = await open(directory, LANES + LAST);
    const last = files.slice(0, LAST);
    for (const file of [...files.slice(LAST), ...last]) {
      const writes = last.includes(file) ? 16 : 2;
      for (let at = 0; at < writes; at++) file.writeAt(bytes, at * MIB);
    }
    return last.map(({ fd }) => fd);
  },

  /** A write is canceled behind a synchronization of the same file. */
  async canceled(directory: string): Promise<unknown> {
    const files = await open(directory, LANES, { synchronous: "data" });
    const file = await AioFile.open(`${directory}/file0`, "r+");
    await file.writeAt(bytes.subarray(0, 10), 0);
    await file.sync();
    const part = bytes.subarray(0, MIB / 4);
    const busy = files.flatMap((one) =>
      [0, 1].map((at) => one.writeAt(part, at * part.length))
    );
    const abort = new AbortController();
    const sync = outcomeOf(file.sync());
    const write = outcomeOf(
      file.writeAt(part, 0, { signal: abort.signal }),
    );
    for (let count = 0; count < 20; count++) await null;
    abort.abort();
    await Promise.all([...busy, write]);
    return { sync: await sync, close: await outcomeOf(file.close()) };
  },
};

scope.onmessage = async ({ data }) => {
  const { directory, way } = data as Task;
  configure({ engine: "librt", threads: 1 });
  scope.postMessage(await ways[way](directory));
};
